// A saved model is a model: the lab lists and runs it, Python's onnxruntime runs it from its own card, and nothing is ever half there.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelCard } from '../../../electron/engine/finetune/card.ts';
import { type ExportHead, type ExportOptions, exportModel } from '../../../electron/engine/finetune/export.ts';
import { spill } from '../../../electron/engine/finetune/onnx-surgery.ts';
import { readModelFolder } from '../../../electron/engine/models/folder.ts';
import { decodeModel, encodeModel } from '../../../electron/engine/training/onnx/proto.ts';
import { readTensor } from '../../../electron/engine/training/onnx/tensors.ts';
import { readSafetensors } from '../../../electron/engine/training/safetensors.ts';
import { fromHalf, toHalf } from '../../../shared/half.ts';
import { randomOf } from '../../../shared/protocol.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { openStore, type TestStore } from '../models/store-for-tests.ts';
import { finishedRun } from './report-for-tests.ts';

const CLIP = fixturePath('tiny-clip');
const RESNET = fixturePath('tiny-resnet');
const PROJECTION = 'onnx::MatMul_274';
const CLASSES = ['rose', 'tulip', 'lys é'];
const images = ['00_astronaut.jpg', '01_chelsea.png', '07_rocket_exif6.jpg'].map((name) =>
  fixturePath(`images/${name}`),
);

let lab: TestStore;
beforeEach(() => {
  lab = openStore();
});
afterEach(() => lab.close());

const noise = (n: number, stream: number) => Float32Array.from({ length: n }, randomOf(5, stream)).map((v) => v - 0.5);
const headOn = (feature: string, dim: number, shape = [dim], more: Partial<ExportHead> = {}): ExportHead => ({
  weight: noise(CLASSES.length * dim, 1),
  bias: noise(CLASSES.length, 2),
  feature,
  shape,
  normalised: true,
  scale: 10,
  ...more,
});
const initializer = (file: string, name: string): Float32Array =>
  readTensor(decodeModel(readFileSync(file)).graph.initializer!.find((t) => t.name === name)!, path.dirname(file))
    .data as Float32Array;

const save = (name: string, more: Partial<ExportOptions> = {}) =>
  exportModel({
    source: readModelFolder(CLIP),
    weights: new Map(),
    head: headOn('image_embeds', 32),
    classes: CLASSES,
    target: path.join(lab.dirs.models, name),
    card: modelCard({ report: finishedRun(), alpha: 1 }),
    ...more,
  });

const features = async (id: string, output: string) =>
  (await (await lab.store.embedder(id, { output })).images(images)).features;

/** scale * (weight . feature) + bias, the feature brought to length 1 where the head says so. */
function expected(rows: Float32Array, { weight, bias, normalised, scale }: ExportHead): number[] {
  const dim = weight.length / bias.length;
  return Array.from({ length: rows.length / dim }, (_, r) => {
    const row = rows.subarray(r * dim, (r + 1) * dim);
    const length = normalised ? Math.sqrt(row.reduce((sum, v) => sum + v * v, 0)) : 1;
    return Array.from(
      bias,
      (b, c) => b + (scale * row.reduce((sum, v, i) => sum + v * weight[c * dim + i]!, 0)) / length,
    );
  }).flat();
}
const close = (a: ArrayLike<number>, b: ArrayLike<number>, within = 1e-4) => {
  expect(a.length).toBe(b.length);
  expect(Math.max(...Array.from(a, (v, i) => Math.abs(v - b[i]!)))).toBeLessThan(within);
};

describe('a saved image-text model', () => {
  it('is listed, embeds images and captions, and gives its classes', async () => {
    const name = 'Blumen-花-é';
    const head = headOn('image_embeds', 32);
    const before = initializer(path.join(CLIP, 'onnx/vision_model.onnx'), PROJECTION);
    await save(name, { head, weights: new Map([[PROJECTION, before.map((v) => 2 * v)]]) });
    expect((await lab.store.list()).find(({ id }) => id === name)).toMatchObject({
      family: 'dual',
      source: 'app',
      installed: true,
      hasText: true,
      problem: null,
      licence: 'apache-2.0',
    });
    const own = await features('tiny-clip', 'image_embeds');
    close(
      await features(name, 'image_embeds'),
      own.map((v) => 2 * v),
    );
    close(await features(name, 'logits'), expected(own, head));
    const embedder = await lab.store.embedder(name, { output: 'logits' });
    expect(embedder.labels).toEqual(CLASSES);
    const [text, base] = [await lab.store.embedder(name), await lab.store.embedder('tiny-clip')];
    expect(await text.text!(['a rose', 'two tulips'])).toEqual(await base.text!(['a rose', 'two tulips']));
    expect(text.scale).toBe(base.scale);
  });

  it('keeps every output, says what changed, and leaves the source as it was', async () => {
    const source = readFileSync(path.join(CLIP, 'onnx/vision_model.onnx'));
    const changed = noise(64 * 32, 3);
    const { path: folder, bytes } = await save('tuned', { weights: new Map([[PROJECTION, changed]]) });
    expect(readFileSync(path.join(CLIP, 'onnx/vision_model.onnx')).equals(source)).toBe(true);
    expect(bytes).toBeGreaterThan(source.length);
    expect(initializer(path.join(folder, 'onnx/vision_model.onnx'), PROJECTION)).toEqual(changed);
    const { tensors, metadata } = readSafetensors(path.join(folder, 'finetuned.safetensors'));
    expect([...tensors.keys()]).toEqual([PROJECTION, 'classifier.weight', 'classifier.bias']);
    expect(tensors.get(PROJECTION)).toMatchObject({ shape: [64, 32], data: changed });
    expect(metadata).toMatchObject({ file: 'onnx/vision_model.onnx', feature: 'image_embeds', scale: '10' });
    const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
    expect(config).toMatchObject({
      model_type: 'clip',
      architectures: JSON.parse(readFileSync(path.join(CLIP, 'config.json'), 'utf8')).architectures,
      id2label: { 0: 'rose', 1: 'tulip', 2: 'lys é' },
      label2id: { rose: 0, tulip: 1, 'lys é': 2 },
    });
    expect(readModelFolder(folder).vision!.outputs.map(({ id }) => id)).toEqual([
      'image_embeds',
      'pooler_output',
      'last_hidden_state',
      'last_hidden_state:mean',
      'logits',
    ]);
    for (const name of ['tokenizer.json', 'preprocessor_config.json', 'onnx/text_model.onnx'])
      expect(readFileSync(path.join(folder, name)).equals(readFileSync(path.join(CLIP, name)))).toBe(true);
  });

  it('leaves the weights of the model before out of the folder', async () => {
    const base = path.join(lab.dir, 'base');
    cpSync(CLIP, base, { recursive: true });
    for (const name of [
      'model.safetensors',
      'pytorch_model.bin',
      'README.md',
      'fewshot-lab.json',
      'x.safetensors.index.json',
    ])
      writeFileSync(path.join(base, name), '{}');
    writeFileSync(path.join(base, 'onnx/vision_model_quantized.onnx'), 'older');
    writeFileSync(path.join(base, 'LICENSE'), 'terms');
    const { path: folder } = await save('clean', { source: readModelFolder(base) });
    expect(readdirSync(folder).sort()).toEqual(
      ['LICENSE', 'README.md', 'config.json', 'finetuned.safetensors', 'onnx', 'preprocessor_config.json'].concat([
        'special_tokens_map.json',
        'tokenizer.json',
        'tokenizer_config.json',
      ]),
    );
    expect(readdirSync(path.join(folder, 'onnx')).sort()).toEqual(['text_model.onnx', 'vision_model.onnx']);
  });
});

describe('heads', () => {
  it.each([
    ['pooler_output', 64, [64]],
    ['last_hidden_state', 64, [17, 64]],
    ['last_hidden_state:mean', 64, [17, 64]],
  ] as const)('read %s as the lab pools it', async (feature, dim, shape) => {
    for (const normalised of [true, false]) {
      const head = headOn(feature, dim, [...shape], { normalised });
      await save(`on-${normalised}`, { head });
      close(await features(`on-${normalised}`, 'logits'), expected(await features('tiny-clip', feature), head));
    }
  });

  it('take the place of a classifier, whose weights go away, and may read what it gave', async () => {
    const source = readModelFolder(RESNET);
    const plain = headOn('pooler_output', 32);
    const onto = headOn('logits', 10);
    const { path: folder } = await save('plain', { source, head: plain });
    await save('onto', { source, head: onto });
    close(await features('plain', 'logits'), expected(await features('tiny-resnet', 'pooler_output'), plain));
    close(await features('onto', 'logits'), expected(await features('tiny-resnet', 'logits'), onto));
    const names = decodeModel(readFileSync(path.join(folder, 'onnx/model.onnx'))).graph.initializer!.map((t) => t.name);
    expect(names).not.toContain('fc.weight');
    expect(names).toContain('layer3.conv2.weight');
    expect(readModelFolder(folder).labels).toEqual(CLASSES);
    expect(JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['ResNetForImageClassification'],
      num_labels: 3,
    });
    // and a model that was saved is trained and saved again
    const again = headOn('pooler_output', 32, [32], { scale: 3 });
    await save('again', { source: readModelFolder(folder), head: again });
    close(await features('again', 'logits'), expected(await features('tiny-resnet', 'pooler_output'), again));
  });

  it('read what lies before a classifier, where a model gives nothing else', async () => {
    const base = path.join(lab.dir, 'bare');
    cpSync(RESNET, base, { recursive: true });
    const file = path.join(base, 'onnx/model.onnx');
    const model = decodeModel(readFileSync(file));
    model.graph.output = model.graph.output.filter(({ name }) => name === 'logits');
    writeFileSync(file, encodeModel(model));
    const head = headOn('before:logits', 32);
    await save('inside', { source: readModelFolder(base), head });
    close(await features('inside', 'logits'), expected(await features('tiny-resnet', 'pooler_output'), head));
  });

  it('read places of a convolution as their mean', async () => {
    const base = path.join(lab.dir, 'maps');
    cpSync(RESNET, base, { recursive: true });
    const file = path.join(base, 'onnx/model.onnx');
    const model = decodeModel(readFileSync(file));
    const pool = model.graph.node.find((node) => /GlobalAveragePool|ReduceMean/.test(node.op_type))!;
    model.graph.output = [
      {
        name: pool.input![0]!,
        type: {
          tensor_type: {
            elem_type: 1,
            shape: {
              dim: [{ dim_param: 'n' }, { dim_value: 32 }, { dim_param: 'h' }, { dim_param: 'w' }],
            },
          },
        },
      },
    ];
    writeFileSync(file, encodeModel(model));
    await lab.store.get(base);
    const { id, dim } = readModelFolder(base).vision!.outputs[0]!;
    const head = headOn(id, dim!, [32, 8, 8]);
    await save('mean', { source: readModelFolder(base), head });
    close(await features('mean', 'logits'), expected(await features('maps', id), head));
  });
});

describe('how weights are stored', () => {
  /** tiny-clip with every weight in a file of its own. */
  const external = () => {
    const base = path.join(lab.dir, 'external');
    cpSync(CLIP, base, { recursive: true });
    const file = path.join(base, 'onnx/vision_model.onnx');
    const model = decodeModel(readFileSync(file));
    expect(spill(model, `${file}_data`, 0)).toBe(true);
    writeFileSync(file, encodeModel(model));
    return base;
  };

  it('beside the model: changed there, in the copy alone', async () => {
    const base = external();
    const data = path.join(base, 'onnx/vision_model.onnx_data');
    const before = readFileSync(data);
    const weights = new Map([[PROJECTION, noise(64 * 32, 4)]]);
    const { path: folder } = await save('beside', { source: readModelFolder(base), weights });
    await save('inside', { weights });
    expect(readFileSync(data).equals(before)).toBe(true);
    expect(statSync(path.join(folder, 'onnx/vision_model.onnx')).size).toBeLessThan(100_000);
    close(await features('beside', 'logits'), await features('inside', 'logits'), 1e-6);
  });

  it('in a file of their own once a protobuf could not hold them', async () => {
    const { path: folder } = await save('large', { largest: 100_000 });
    await save('small');
    expect(statSync(path.join(folder, 'onnx/vision_model.onnx_data')).size).toBeGreaterThan(400_000);
    expect(await features('large', 'logits')).toEqual(await features('small', 'logits'));
  });

  it('in half precision: rounded, and refused where they do not fit', async () => {
    const base = path.join(lab.dir, 'half');
    cpSync(CLIP, base, { recursive: true });
    const file = path.join(base, 'onnx/vision_model.onnx');
    const model = decodeModel(readFileSync(file));
    const tensor = model.graph.initializer!.find((t) => t.name === PROJECTION)!;
    const halves = toHalf(readTensor(tensor, '').data as Float32Array);
    Object.assign(tensor, { name: 'stored', data_type: 10, raw_data: new Uint8Array(halves.buffer) });
    model.graph.node.unshift({
      op_type: 'Cast',
      name: 'widen',
      input: ['stored'],
      output: [PROJECTION],
      attribute: [{ name: 'to', type: 2, i: 1 }],
    });
    writeFileSync(file, encodeModel(model));
    const changed = noise(64 * 32, 6);
    const source = readModelFolder(base);
    const { path: folder } = await save('halves', { source, weights: new Map([['stored', changed]]) });
    expect(initializer(path.join(folder, 'onnx/vision_model.onnx'), 'stored')).toEqual(fromHalf(toHalf(changed)));
    await save('floats', { weights: new Map([[PROJECTION, fromHalf(toHalf(changed))]]) });
    close(await features('halves', 'logits'), await features('floats', 'logits'), 1e-5);
    const huge = save('huge', { source, weights: new Map([['stored', changed.map(() => 70_000)]]) });
    await expect(huge).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('stored') });
  });
});

it('keeps every node that a head needs, in whatever order a converter wrote them', async () => {
  const base = path.join(lab.dir, 'reversed');
  cpSync(CLIP, base, { recursive: true });
  const file = path.join(base, 'onnx/vision_model.onnx');
  const model = decodeModel(readFileSync(file));
  model.graph.node.reverse();
  writeFileSync(file, encodeModel(model));
  await save('on-reversed', { source: readModelFolder(base) });
  await save('on-sorted');
  close(await features('on-reversed', 'logits'), await features('on-sorted', 'logits'), 1e-6);
});

describe('nothing is half there', () => {
  const left = () => readdirSync(lab.dirs.models);

  it('when it fails in the middle, on a full disk, or is cancelled', async () => {
    const failing = (error: Error) =>
      save('x', {
        card: () => {
          throw error;
        },
      });
    await expect(failing(new Error('no ink'))).rejects.toThrow('no ink');
    await expect(failing(Object.assign(new Error('write'), { code: 'ENOSPC' }))).rejects.toMatchObject({
      code: 'no-space',
      message: expect.stringContaining(lab.dirs.models),
    });
    await expect(save('x', { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    await expect(save('x', { weights: new Map([['no such weight', new Float32Array(1)]]) })).rejects.toThrow(
      /no such weight/,
    );
    expect(left()).toEqual([]);
  });

  it('when the place is taken', async () => {
    mkdirSync(path.join(lab.dirs.models, 'taken'));
    await expect(save('taken')).rejects.toMatchObject({ code: 'conflict' });
    expect(left()).toEqual(['taken']);
  });

  it('when the process is killed; what it left is no model, and goes with a later save', async () => {
    const script = `
      import { exportModel } from ${JSON.stringify(new URL('../../../electron/engine/finetune/export.ts', import.meta.url).href)};
      import { readModelFolder } from ${JSON.stringify(new URL('../../../electron/engine/models/folder.ts', import.meta.url).href)};
      await exportModel({ source: readModelFolder(${JSON.stringify(CLIP)}), weights: new Map(), head: null, classes: [],
        target: ${JSON.stringify(path.join(lab.dirs.models, 'killed'))}, card: () => process.kill(process.pid, 'SIGKILL') });`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(child.signal ?? child.status).not.toBe(0);
    const [half, ...more] = left();
    expect([half!.startsWith('.saving-'), more]).toEqual([true, []]);
    expect((await lab.store.list()).filter(({ source }) => source === 'app')).toEqual([]);
    await save('next');
    expect(left()).toContain(half);
    const old = new Date(Date.now() - 2 * 60 * 60 * 1000);
    utimesSync(path.join(lab.dirs.models, half!), old, old);
    await save('after');
    expect(left().sort()).toEqual(['after', 'next']);
  });
});

/** A Python with onnxruntime, pillow and numpy: LAB_PYTHON, else python3. */
const PYTHON = process.env.LAB_PYTHON ?? 'python3';
const hasPython = spawnSync(PYTHON, ['-c', 'import onnxruntime, PIL, numpy']).status === 0;

describe('the card', () => {
  /** Runs the card's own Python in the model's folder on an image. */
  function inPython(folder: string, image: string): Record<string, number> {
    const block = /```python\n([\s\S]*?)```/.exec(readFileSync(path.join(folder, 'README.md'), 'utf8'))![1]!;
    expect(block).toContain('image.jpg');
    const script = `${block.replace('print(classify("image.jpg"))', '')}
import sys
feeds = None
real = session.run
def spy(names, feeds):
    out = real(names, feeds)
    print(json.dumps(dict(zip(labels.values(), map(float, out[0][0])))))
    return out
class Session:
    run = staticmethod(spy)
session = Session
classify(sys.argv[1])`;
    return JSON.parse(execFileSync(PYTHON, ['-c', script, image], { cwd: folder, encoding: 'utf8' }));
  }

  it.skipIf(!hasPython).each([
    ['an image-text model', CLIP, 'image_embeds', 32],
    ['a convolution network', RESNET, 'pooler_output', 32],
  ])(
    'gives the same logits in Python: %s (needs onnxruntime, pillow and numpy; LAB_PYTHON)',
    async (_, from, feature, dim) => {
      const head = headOn(feature, dim);
      const { path: folder } = await save('Modell-模型', { source: readModelFolder(from), head });
      const own = await features('Modell-模型', 'logits');
      images.forEach((image, row) => {
        const said = inPython(folder, image);
        expect(Object.keys(said)).toEqual(CLASSES);
        close(Object.values(said), own.subarray(row * 3, row * 3 + 3));
      });
    },
  );

  it('tells what the model is made of and worth', async () => {
    const { path: folder } = await save('card', { card: modelCard({ report: finishedRun(), alpha: 0.5 }) });
    const card = readFileSync(path.join(folder, 'README.md'), 'utf8');
    for (const text of [
      'license: apache-2.0',
      '# card',
      'Blumen \\| 花',
      'rose, tulip, lys é',
      '50.0 % of the way',
      '16 images of each class',
      'rose/bad.jpg (premature end of data)',
      'LoRA: 12,345 of 87,456,789 numbers were trained',
      '| learning rate (peak) | 0.0002 |',
      '| augmentation | crop |',
      '2 epochs in 2 min on cpu; epoch 2 was kept',
      '66.0 %',
      '| test, after (at alpha 1, not the saved point) | 89.1 % | +9.1 |',
      'told apart by captions; after | 62.9 % | −22.4 |',
      'at alpha 0.5 | 81.0 % | −4.3 |',
      'licence carries over: apache-2.0',
      'onnx/vision_model.onnx',
      "model_file_name: 'vision_model'",
    ])
      expect(card).toContain(text);
    expect(card).not.toMatch(/undefined|NaN|null/);
  });

  it('says what was not measured, and a licence that is none of the known', () => {
    const source = readModelFolder(RESNET);
    const facts = {
      name: 'x',
      file: 'onnx/model_fp16.onnx',
      textFile: null,
      textTrained: false,
      source,
      classes: CLASSES,
      head: null,
      changed: { tensors: 1, numbers: 2 },
    };
    const report = finishedRun({
      control: null,
      controlProblem: 'None of the classes is known.',
      before: { zeroShot: null, probe: 0.8 },
      model: { id: 'm', name: 'M', hash: 'h', output: 'o', licence: 'My own: terms' },
    });
    const card = modelCard({ report, alpha: 1 })(facts);
    expect(card).toContain('license: other\nlicense_name: "My own: terms"');
    expect(card).toContain('There is no control figure: None of the classes is known.');
    expect(card).toContain("model_file_name: 'model', dtype: 'fp16'");
    expect(card).not.toContain('zero-shot)');
    const unknown = modelCard({ report: finishedRun({ model: { ...report.model, licence: null } }), alpha: 1 })(facts);
    expect(unknown).not.toContain('license:');
    expect(unknown).toContain('is not known here');
  });
});
