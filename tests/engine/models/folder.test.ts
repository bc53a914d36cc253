// A model's folder is read without loading it, and whatever is wrong with it is named.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesOfParts, modelFiles } from '../../../electron/engine/models/files.ts';
import { readModelFolder } from '../../../electron/engine/models/folder.ts';
import { readOnnxHeader } from '../../../electron/engine/models/onnx-header.ts';
import { fixturePath, sharedPath } from '../../helpers/shared.ts';
import { copyModel, editJson } from './store-for-tests.ts';

const CLIP = fixturePath('tiny-clip');
const RESNET = fixturePath('tiny-resnet');
const TEXT_ONLY = fixturePath('tiny-bert');
let scratch: string;
let next = 0;
beforeAll(() => {
  scratch = mkdtempSync(path.join(tmpdir(), 'lab-folder-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const changed = (from: string, change: (folder: string) => void) =>
  copyModel(from, path.join(scratch, `model-${next++}`), change);

describe('an ONNX file', () => {
  test('tells its inputs and outputs without its weights being read', () => {
    const header = readOnnxHeader(path.join(CLIP, 'onnx', 'vision_model.onnx'));
    expect(header.inputs).toEqual([{ name: 'pixel_values', type: 'float32', shape: ['batch_size', 3, 64, 64] }]);
    expect(header.outputs.map(({ name, shape }) => [name, shape.length, shape.at(-1)])).toEqual([
      ['image_embeds', 2, 32],
      ['last_hidden_state', 3, 64],
      ['pooler_output', 2, 64],
    ]);
    expect(header.before).toEqual({ image_embeds: 'pooler_output' });
    expect(header.ops).toMatchObject({ Conv: 1, Softmax: 2 });
  });
  test('that keeps its weights in another file names it', () => {
    expect(readOnnxHeader(fixturePath('tiny-onnx/external.onnx')).externalFiles).toEqual(['external.onnx_data']);
  });
  test('that is cut short, or only a pointer, is refused with the way out', () => {
    const cut = changed(RESNET, (folder) => truncateSync(path.join(folder, 'onnx', 'model.onnx'), 40_000));
    expect(() => readModelFolder(cut)).toThrow(/not a whole ONNX model.*Copy or download it again/);
    const pointer = changed(RESNET, (folder) =>
      writeFileSync(
        path.join(folder, 'onnx', 'model.onnx'),
        'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n',
      ),
    );
    expect(() => readModelFolder(pointer)).toThrow(/Git LFS pointer.*git lfs pull/);
  });
});

describe('a folder', () => {
  test('with both towers is a dual encoder with a shared space', () => {
    const model = readModelFolder(CLIP);
    expect(model.family).toBe('dual');
    expect(model.vision?.outputs.map((output) => output.id)).toEqual([
      'image_embeds',
      'pooler_output',
      'last_hidden_state',
      'last_hidden_state:mean',
    ]);
    expect(model.text).toMatchObject({ output: 'text_embeds', shared: 'image_embeds', tokenizer: { context: 77 } });
    expect(model.scale).toBe(100);
  });
  test('with one vision graph is a backbone with its own classes', () => {
    const model = readModelFolder(RESNET);
    expect(model).toMatchObject({ family: 'vision', text: null, textProblem: null, scale: null });
    expect(model.labels?.[0]).toBe('airplane');
    expect(model.vision?.outputs.map(({ id, dim }) => [id, dim])).toEqual([
      ['pooler_output', 32],
      ['logits', 10],
    ]);
  });
  test('with one processor_config.json for both sides, as transformers 5 writes it, is the same model', () => {
    const one = changed(CLIP, (at) => {
      const image_processor = JSON.parse(readFileSync(path.join(at, 'preprocessor_config.json'), 'utf8'));
      writeFileSync(path.join(at, 'processor_config.json'), JSON.stringify({ image_processor }));
      rmSync(path.join(at, 'preprocessor_config.json'));
    });
    expect(readModelFolder(one).vision?.preprocessing).toEqual(readModelFolder(CLIP).vision?.preprocessing);
  });
  test('with the graph in its root, under its own name, is read too', () => {
    const folder = changed(RESNET, (at) => {
      renameSync(path.join(at, 'onnx', 'model.onnx'), path.join(at, 'resnet.onnx'));
      rmSync(path.join(at, 'onnx'), { recursive: true });
    });
    expect(readModelFolder(folder).vision?.file).toBe(path.join(folder, 'resnet.onnx'));
  });
  test('takes full precision first, then half, then quantized', () => {
    const folder = changed(RESNET, (at) => {
      const onnx = (name: string) => path.join(at, 'onnx', name);
      copyModel(onnx('model.onnx'), onnx('model_quantized.onnx'));
      copyModel(onnx('model.onnx'), onnx('model_fp16.onnx'));
    });
    const chosen = () => path.basename(readModelFolder(folder).vision!.file);
    expect(chosen()).toBe('model.onnx');
    rmSync(path.join(folder, 'onnx', 'model.onnx'));
    expect(chosen()).toBe('model_fp16.onnx');
    rmSync(path.join(folder, 'onnx', 'model_fp16.onnx'));
    expect(chosen()).toBe('model_quantized.onnx');
  });
  test('with a language model takes no images, though its cache has four dimensions', () => {
    const folder = sharedPath('models/smollm2-135m-instruct');
    if (folder) expect(readModelFolder(folder).family).toBe('text');
    expect(readModelFolder(TEXT_ONLY).family).toBe('text');
  });
});

test('whether a folder changed is told by the files that say what it is, not by all that lies below it', () => {
  const folder = changed(RESNET, (at) => {
    mkdirSync(path.join(at, 'photos', 'more'), { recursive: true });
    writeFileSync(path.join(at, 'photos', 'more', '1.jpg'), '');
  });
  const names = (files: { at: string }[]) => files.map(({ at }) => at.replaceAll(path.sep, '/')).sort();
  const parts = names(filesOfParts(folder));
  expect(parts).toEqual(expect.arrayContaining(['config.json', 'onnx/model.onnx', 'preprocessor_config.json']));
  expect(parts).toEqual(names(filesOfParts(RESNET)));
  expect(names(modelFiles(folder))).toContain('photos/more/1.jpg');
});

describe('what is missing is named', () => {
  const refusal = (from: string, change: (folder: string) => void): string => {
    try {
      readModelFolder(changed(from, change));
    } catch (error) {
      return (error as Error).message;
    }
    return 'read without complaint';
  };
  test.each([
    ['config.json', (folder: string) => rmSync(path.join(folder, 'config.json')), /has no config\.json/],
    [
      'preprocessor_config.json',
      (folder: string) => rmSync(path.join(folder, 'preprocessor_config.json')),
      /has no preprocessor_config\.json/,
    ],
    [
      'the graph',
      (folder: string) => rmSync(path.join(folder, 'onnx'), { recursive: true }),
      /onnx\/model\.onnx .*is missing/,
    ],
    [
      'sense in config.json',
      (folder: string) => writeFileSync(path.join(folder, 'config.json'), '{'),
      /config\.json is not JSON/,
    ],
    [
      'an object in config.json',
      (folder: string) => writeFileSync(path.join(folder, 'config.json'), 'null'),
      /config\.json is not JSON \(it holds null\)\. Copy or download it again/,
    ],
    [
      'a file that can be read',
      (folder: string) => {
        rmSync(path.join(folder, 'config.json'));
        mkdirSync(path.join(folder, 'config.json'));
      },
      /config\.json cannot be read: it is a folder/,
    ],
    [
      'the right size',
      (folder: string) =>
        editJson(path.join(folder, 'preprocessor_config.json'), (json) => Object.assign(json, { crop_size: 32 })),
      /makes images of 32 x 32, but model\.onnx takes 64 x 64/,
    ],
    [
      'a known filter',
      (folder: string) =>
        editJson(path.join(folder, 'preprocessor_config.json'), (json) => Object.assign(json, { resample: 9 })),
      /resample 9 is not one of Pillow's filters/,
    ],
    [
      'a known size',
      (folder: string) =>
        editJson(path.join(folder, 'preprocessor_config.json'), (json) =>
          Object.assign(json, { size: { longest_edge: 9 } }),
        ),
      /a size that the lab does not know/,
    ],
  ])('%s', (_what, change, message) => {
    expect(refusal(RESNET, change)).toMatch(message);
  });
  test('weights beside the graph', () => {
    const message = refusal(RESNET, (folder) =>
      copyModel(fixturePath('tiny-onnx/external.onnx'), path.join(folder, 'onnx', 'model.onnx')),
    );
    expect(message).toMatch(/keeps its weights in external\.onnx_data, which is missing/);
  });
  test.each([
    ['text_model.onnx', 'onnx/text_model.onnx', /no onnx\/text_model\.onnx.*no zero-shot/],
    ['tokenizer.json', 'tokenizer.json', /no tokenizer\.json.*no zero-shot/],
  ])('%s leaves a model of images that says why it has no words', (_name, file, message) => {
    const model = readModelFolder(changed(CLIP, (folder) => rmSync(path.join(folder, file))));
    expect(model.family).toBe('vision');
    expect(model.textProblem).toMatch(message);
  });
  test('a folder that is not there', () => {
    expect(() => readModelFolder(path.join(scratch, 'nowhere'))).toThrow(/There is no folder/);
  });
});

describe('the logit scale', () => {
  const scaleOf = (logit_scale_init_value: number) =>
    readModelFolder(
      changed(CLIP, (folder) =>
        editJson(path.join(folder, 'config.json'), (json) => Object.assign(json, { logit_scale_init_value })),
      ),
    ).scale;
  test('is the exponential of what the config states', () => expect(scaleOf(Math.log(50))).toBeCloseTo(50, 4));
  test('is not taken from the value that training began with, as in all of OpenAI’s configs', () =>
    expect(scaleOf(2.6592)).toBeNull());
});

test('a logits-only classifier offers what its last layer takes; one with weights beside it cannot', () => {
  const make = (graph: string) => {
    const folder = path.join(scratch, `classifier-${next++}`);
    mkdirSync(folder);
    copyModel(fixturePath(`tiny-onnx/${graph}.onnx`), path.join(folder, 'model.onnx'));
    if (graph === 'external')
      copyModel(fixturePath('tiny-onnx/external.onnx_data'), path.join(folder, 'external.onnx_data'));
    writeFileSync(path.join(folder, 'config.json'), '{}');
    writeFileSync(path.join(folder, 'preprocessor_config.json'), '{"size": 4}');
    return readModelFolder(folder).vision!.outputs.map((output) => output.id);
  };
  expect(make('classifier')).toEqual(['logits', 'before:logits']);
  expect(make('external')).toEqual(['logits']);
});
