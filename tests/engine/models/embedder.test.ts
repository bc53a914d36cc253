// Features through the real pipeline (sharp, the lab's own resize, ONNX Runtime) against PyTorch's, and odd exports.
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Embedder } from '../../../electron/engine/models/embedder.ts';
import { onnxEmbedder } from '../../../electron/engine/models/onnx-embedder.ts';
import { createSessions } from '../../../electron/engine/models/sessions.ts';
import type { EmbedderOptions } from '../../../electron/engine/models/store.ts';
import { decodeModel, encodeModel } from '../../../electron/engine/training/onnx/proto.ts';
import { LabError } from '../../../shared/contract.ts';
import { fixturePath, sharedPath } from '../../helpers/shared.ts';
import { copyModel, cosine, golden, openStore, rowCosines, type TestStore } from './store-for-tests.ts';

let lab: TestStore;
const IMAGES = (
  JSON.parse(readFileSync(fixturePath('images/images.json'), 'utf8')) as { images: { file: string }[] }
).images.map(({ file }) => fixturePath(`images/${file}`));
/** Pillow clips 16-bit grey at 255, the lab takes the upper 8 bits; it has a golden row of its own. */
const GREY_16 = IMAGES.findIndex((file) => file.includes('gray16'));

beforeAll(() => {
  lab = openStore();
});
afterAll(() => lab.close());

describe.each([
  ['by the image workers, on one thread', 1],
  ['by the threads that run the model', 2],
])('image features, decoded %s', (_, threads) => {
  const open = (model: string, options: EmbedderOptions = {}) => lab.store.embedder(model, { ...options, threads });
  test.each([
    ['tiny-clip', undefined, 'image_embeds', 'image_embeds', 32],
    ['tiny-clip', 'pooler_output', 'pooler_output', 'image_pooler_output', 64],
    ['tiny-resnet', undefined, 'pooler_output', 'pooler_output', 32],
    ['tiny-resnet', 'logits', 'logits', 'logits', 10],
  ])('%s, output %s, equal PyTorch’s on the golden images', async (model, output, chosen, file, dim) => {
    const embedder = await open(model, output ? { output } : {});
    expect([embedder.output, embedder.dim]).toEqual([chosen, dim]);
    const { features, failures } = await embedder.images(IMAGES);
    expect(failures).toEqual([]);
    rowCosines(features, golden(`${model}/golden/${file}.npy`).data, dim).forEach((similarity, i) => {
      if (i !== GREY_16) expect(similarity, IMAGES[i]).toBeGreaterThan(0.9999);
    });
  });
  test('16-bit grey is taken by its upper 8 bits', async () => {
    const embedder = await open('tiny-clip');
    const { features } = await embedder.images([IMAGES[GREY_16]!]);
    expect(cosine(features, golden('tiny-clip/golden/alt_09_gray16_image_embeds.npy').data)).toBeGreaterThan(0.9999);
  });
  test('one bad file does not stop the batch', async () => {
    const bad = path.join(lab.dir, 'bad.jpg');
    writeFileSync(bad, 'not an image');
    const embedder = await open('tiny-clip');
    const { features, failures } = await embedder.images([IMAGES[0]!, bad, IMAGES[1]!]);
    expect(failures.map(({ index }) => index)).toEqual([1]);
    expect(failures[0]!.reason).not.toBe('');
    const expected = golden('tiny-clip/golden/image_embeds.npy').data;
    expect(cosine(features.subarray(0, 32), expected.subarray(0, 32))).toBeGreaterThan(0.9999);
    expect(features.subarray(32, 64).every((value) => value === 0)).toBe(true);
    expect(cosine(features.subarray(64, 96), expected.subarray(32, 64))).toBeGreaterThan(0.9999);
  });
  test('a file with another content than it was imported with is left out, one that is missing too', async () => {
    const embedder = await open('tiny-clip');
    const hashes = IMAGES.slice(0, 5).map((file) => hash('sha256', readFileSync(file)));
    const files = IMAGES.slice(0, 5).with(3, path.join(lab.dir, 'nowhere.png'));
    const { failures } = await embedder.images(files, undefined, hashes.with(1, '0'.repeat(64)));
    expect(failures).toEqual([
      { index: 1, reason: expect.stringMatching(/has changed since it was imported/) },
      { index: 3, reason: 'file not found (ENOENT)' },
    ]);
    const none = await embedder.images([lab.dir, `${lab.dir}/nowhere`]);
    expect(none.failures).toHaveLength(2);
    expect(none.features.every((value) => value === 0)).toBe(true);
  });
  test('an abort ends it', async () => {
    const embedder = await open('tiny-clip');
    await expect(embedder.images(IMAGES, AbortSignal.abort())).rejects.toThrow(/abort/i);
  });
  test('the mean of the tokens and the class token differ, and both are there', async () => {
    const token = await (await open('tiny-clip', { output: 'last_hidden_state' })).images(IMAGES.slice(0, 1));
    const mean = await (await open('tiny-clip', { output: 'last_hidden_state:mean' })).images(IMAGES.slice(0, 1));
    expect(token.features).toHaveLength(64);
    expect(cosine(token.features, mean.features)).toBeLessThan(0.99);
  });
});

test('an image that ends the thread it is decoded on costs nothing but the way: the image workers take its batch', async () => {
  const { folder } = await lab.store.folder('tiny-clip');
  const sessions = createSessions({ cacheDir: lab.dirs.cache, log: () => {}, notice: () => {} });
  let asked = 0;
  const dying = () => {
    asked += 1;
    return Promise.reject(new LabError('internal', 'the thread that runs models ended (code 134)'));
  };
  const embedder = await onnxEmbedder({
    info: { id: 'tiny-clip', name: 'tiny-clip', licence: null },
    folder,
    sessions: { ...sessions, images: dying },
    images: () => lab.images,
    hash: 'x'.repeat(64),
    device: 'cpu',
    threads: 2,
  });
  const bad = path.join(lab.dir, 'bad.png');
  writeFileSync(bad, 'not an image');
  const { features, failures } = await embedder.images([...IMAGES.slice(0, 9), bad]);
  await sessions.close();
  expect(asked).toBe(3);
  expect(failures.map(({ index }) => index)).toEqual([9]);
  const same = await lab.store.embedder('tiny-clip', { threads: 2 });
  expect(features.subarray(0, 9 * 32)).toEqual((await same.images(IMAGES.slice(0, 9))).features);
});

describe('captions', () => {
  let clip: Embedder;
  const { texts } = JSON.parse(readFileSync(fixturePath('tiny-clip/golden/texts.json'), 'utf8')) as {
    texts: { text: string }[];
  };
  beforeAll(async () => {
    clip = await lab.store.embedder('tiny-clip');
  });
  test('have PyTorch’s features, the overlong one included', async () => {
    const features = await clip.text!(texts.map(({ text }) => text));
    for (const similarity of rowCosines(features, golden('tiny-clip/golden/text_embeds.npy').data, 32))
      expect(similarity).toBeGreaterThan(0.9999);
  });
  test('with the images give the golden logits: scale x cosine', async () => {
    expect(clip.scale).toBe(100);
    const captions = await clip.text!(texts.map(({ text }) => text));
    const { features } = await clip.images(IMAGES);
    const logits = golden('tiny-clip/golden/logits_per_image.npy').data;
    IMAGES.forEach((_, i) => {
      if (i === GREY_16) return;
      texts.forEach((_, t) => {
        const similarity = cosine(features.subarray(i * 32, (i + 1) * 32), captions.subarray(t * 32, (t + 1) * 32));
        expect(Math.abs(100 * similarity - logits[i * texts.length + t]!)).toBeLessThan(0.05);
      });
    });
  });
  test('come from a text side whose batch is fixed, whatever their number', async () => {
    copyModel(fixturePath('tiny-clip'), path.join(lab.dirs.models, 'three'), (at) => {
      const file = path.join(at, 'onnx', 'text_model.onnx');
      const model = decodeModel(readFileSync(file));
      for (const input of model.graph.input)
        input.type!.tensor_type!.shape = { dim: [{ dim_value: 3 }, { dim_value: 77 }] };
      writeFileSync(file, encodeModel(model));
    });
    const fixed = await lab.store.embedder('three');
    const captions = texts.slice(0, 4).map(({ text }) => text);
    for (const count of [1, 3, 4])
      expect(
        rowCosines(await fixed.text!(captions.slice(0, count)), await clip.text!(captions.slice(0, count)), 32),
      ).toEqual(Array.from({ length: count }, () => expect.closeTo(1, 5)));
  });
  test('are there only for the output that shares their space', async () => {
    expect((await lab.store.embedder('tiny-clip', { output: 'pooler_output' })).text).toBeNull();
    expect((await lab.store.embedder('tiny-resnet')).text).toBeNull();
  });
});

const WHOLE = sharedPath('fixtures/tiny-clip/onnx/model.onnx');
describe.skipIf(!WHOLE)('both towers in one file (needs ../shared/fixtures/tiny-clip/onnx/model.onnx)', () => {
  test('give the same directions as the two files, and the features before the projection', async () => {
    const folder = copyModel(fixturePath('tiny-clip'), path.join(lab.dirs.models, 'whole'), (at) => {
      for (const name of ['vision_model.onnx', 'text_model.onnx'])
        writeFileSync(path.join(at, 'onnx', `unused-${name}.txt`), '');
      copyModel(WHOLE!, path.join(at, 'model.onnx'));
    });
    const { rmSync } = await import('node:fs');
    rmSync(path.join(folder, 'onnx'), { recursive: true });
    const whole = await lab.store.embedder('whole');
    expect([whole.output, whole.dim]).toEqual(['image_embeds', 32]);
    const { features } = await whole.images(IMAGES.slice(0, 5));
    for (const similarity of rowCosines(features, golden('tiny-clip/golden/image_embeds.npy').data.slice(0, 160), 32))
      expect(similarity).toBeGreaterThan(0.9999);
    const captions = await whole.text!(['a photo of a cat', 'a photo of a dog']);
    for (const similarity of rowCosines(captions, golden('tiny-clip/golden/text_embeds.npy').data.slice(0, 64), 32))
      expect(similarity).toBeGreaterThan(0.9999);
    const before = await lab.store.embedder('whole', { output: 'before:image_embeds' });
    expect(before.dim).toBe(64);
    const inside = await before.images(IMAGES.slice(0, 5));
    for (const similarity of rowCosines(
      inside.features,
      golden('tiny-clip/golden/image_pooler_output.npy').data.slice(0, 320),
      64,
    ))
      expect(similarity).toBeGreaterThan(0.9999);
  });
});

describe.each([1, 2])('odd exports, on %i threads', (threads) => {
  /** 4 x 4, red 200, green 100, blue 50. */
  let image: string;
  const plain = { size: { height: 4, width: 4 }, do_normalize: false, do_rescale: false };
  beforeAll(async () => {
    image = path.join(lab.dir, 'plain.png');
    await sharp({ create: { width: 4, height: 4, channels: 3, background: { r: 200, g: 100, b: 50 } } })
      .png()
      .toFile(image);
  });
  async function features(graph: string, preprocessing: object, options: { output?: string; count?: number } = {}) {
    const id = `${graph}-${Math.random().toString(36).slice(2, 8)}`;
    const folder = path.join(lab.dirs.models, id);
    mkdirSync(folder);
    copyModel(fixturePath(`tiny-onnx/${graph}.onnx`), path.join(folder, 'model.onnx'));
    writeFileSync(path.join(folder, 'config.json'), '{}');
    writeFileSync(path.join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessing));
    const embedder = await lab.store.embedder(id, { threads, ...(options.output ? { output: options.output } : {}) });
    const made = await embedder.images(Array.from({ length: options.count ?? 1 }, () => image));
    expect(made.failures).toEqual([]);
    return [...made.features];
  }
  test('a batch fixed at two takes one image, and three', async () => {
    expect(await features('fixed-batch', plain)).toEqual([200, 100, 50]);
    expect(await features('fixed-batch', plain, { count: 3 })).toEqual([200, 100, 50, 200, 100, 50, 200, 100, 50]);
  });
  test('bytes with channels last get bytes, whatever the file says of scaling', async () => {
    expect(await features('bytes-nhwc', { ...plain, do_rescale: true, do_normalize: true })).toEqual([200, 100, 50]);
  });
  test('half precision goes in and comes out', async () => {
    expect(await features('half', plain)).toEqual([200, 100, 50]);
  });
  test('blue first', async () => {
    expect(await features('fixed-batch', { ...plain, do_flip_channel_order: true })).toEqual([50, 100, 200]);
  });
  test('tokens: the first is the class token unless they are a square grid', async () => {
    expect(await features('tokens', plain)).toEqual([0, 200]);
    expect(await features('tokens', plain, { output: 'last_hidden_state:mean' })).toEqual([2, 200]);
  });
  test('a classifier that gives only logits also gives what its last layer takes', async () => {
    expect(await features('classifier', plain)).toEqual([250, 150]);
    expect(await features('classifier', plain, { output: 'before:logits' })).toEqual([200, 100, 50]);
  });
});

const MOBILENET = sharedPath('models/mobilenet-v2-imagenet');
test.skipIf(!MOBILENET)(
  'a real ImageNet model sees what is on its photos (needs ../shared/models/mobilenet-v2-imagenet, images/photos-mixed)',
  async () => {
    const photos = sharedPath('images/photos-mixed');
    expect(photos).not.toBeNull();
    const { readdirSync } = await import('node:fs');
    const files = readdirSync(photos!)
      .filter((name) => /\.jpe?g$/i.test(name))
      .slice(0, 6);
    const embedder = await lab.store.embedder(MOBILENET!, { output: 'logits' });
    expect(embedder.labels).toHaveLength(1001);
    const { features } = await embedder.images(files.map((name) => path.join(photos!, name)));
    const named = files.map((_, i) => {
      const row = features.subarray(i * 1001, (i + 1) * 1001);
      return embedder.labels![row.indexOf(Math.max(...row))]!;
    });
    expect(named.every((label) => label !== 'background')).toBe(true);
  },
  60_000,
);

describe('the built-in backbone', () => {
  test('needs no files and says that it is not pretrained', async () => {
    const hog = await lab.store.embedder('hog');
    expect(hog).toMatchObject({ id: 'hog', pretrained: false, text: null, scale: null, output: 'hog' });
    const { features, failures } = await hog.images(IMAGES.slice(0, 2));
    expect(failures).toEqual([]);
    expect(features).toHaveLength(2 * hog.dim);
    expect(cosine(features.subarray(0, hog.dim), features.subarray(hog.dim))).toBeLessThan(0.999);
  });
});
