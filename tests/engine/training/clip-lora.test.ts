// LoRA on both encoders as CLIP-LoRA trains it: PyTorch's gradients and losses (fixtures/training/clip-lora.py), from two files and
// from one.
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { readModelFolder } from '../../../electron/engine/models/folder.ts';
import { openTokenizer } from '../../../electron/engine/models/tokenizer.ts';
import {
  buildCaptionClassifier,
  captionFeeds,
  TEXT_PREFIX,
} from '../../../electron/engine/training/caption-classifier.ts';
import type { Classifier } from '../../../electron/engine/training/classifier.ts';
import { noiseFeeds } from '../../../electron/engine/training/lora.ts';
import { createTrainer } from '../../../electron/engine/training/trainer.ts';
import { fixturePath, sharedPath } from '../../helpers/shared.ts';
import { difference, goldenPath, lossAndGradients, oneHot, readArray, readJson, readNames } from './golden.ts';

type Reference = {
  rank: number;
  alpha: number;
  lr: number;
  weightDecay: number;
  scale: number;
  modules: string[];
  losses: number[];
  gradientOfB: Record<string, number[]>;
};

const GOLDEN = 'tiny-clip/golden';
const WHOLE = goldenPath('tiny-clip/onnx/model.onnx');
const missing = !WHOLE || !goldenPath(`${GOLDEN}/pixel_values.npy`) || !sharedPath('fixtures/tiny-clip');
const reference = JSON.parse(readFileSync(fixturePath('training/clip-lora.json'), 'utf8')) as Reference;
const threadFile = new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url);
const IMAGES = 8;
const CLASSES = 4;

async function build(file: string, textFile: string, dropout: number): Promise<Classifier> {
  const { tokenizer } = readModelFolder(sharedPath('fixtures/tiny-clip')!).text!;
  const texts = readJson<{ texts: { text: string }[] }>(`${GOLDEN}/texts.json`).texts.map(({ text }) => text);
  const tokens = openTokenizer(tokenizer).batch(texts.slice(0, CLASSES), 'longest');
  const { rank, alpha, scale } = reference;
  return buildCaptionClassifier({
    file,
    inputs: { pixel_values: [IMAGES, 3, 64, 64], input_ids: [1, 8], attention_mask: [1, 8] },
    pixels: 'pixel_values',
    feature: { tensor: 'image_embeds', pool: 'row' },
    own: null,
    head: { weight: new Float32Array(0), bias: new Float32Array(0), classes: CLASSES, scale },
    captions: {
      against: 'classes',
      file: textFile,
      output: 'text_embeds',
      ...tokens,
      sets: { own: { from: 0, classes: CLASSES, templates: 1 }, control: null },
    },
    mode: { kind: 'lora', rank, alpha, targets: ['q', 'k', 'v'], dropout },
    seed: 0,
    blockRate: 1,
    headRate: 1,
  });
}

const open = (c: Classifier) =>
  createTrainer(c.plan, {
    optimizer: { kind: 'adamw', weightDecay: reference.weightDecay },
    threads: 1,
    device: 'cpu',
    average: 0,
    parts: 1,
    threadFile,
  });

const feedsOf = (c: Classifier, noise: Parameters<typeof noiseFeeds>[1]) => ({
  [c.pixels]: (readArray(`${GOLDEN}/pixel_values.npy`).data as Float32Array).slice(0, IMAGES * 3 * 64 * 64),
  [c.targets]: oneHot([0, 1, 2, 3, 0, 1, 2, 3], CLASSES),
  ...captionFeeds(c.captions!, [...Array(CLASSES).keys()]),
  ...noiseFeeds(c.noises, noise),
});

/** Sets A [in, rank] of each module as the reference does; B is zero on both sides. Gives the name of each module's matrix. */
async function beginAsReference(c: Classifier): Promise<(module: string) => string> {
  const { vision, text } = readModelFolder(sharedPath('fixtures/tiny-clip')!);
  const two = await build(vision!.file, text!.file, 0);
  const names = new Map([
    ...readNames(`${GOLDEN}/onnx_names_vision.json`),
    ...readNames(`${GOLDEN}/onnx_names_text.json`, TEXT_PREFIX),
  ]);
  // in one file the matrices have other names
  const matrixOf = (module: string) => {
    const { frozen } = two.adapters.find(({ of }) => of === names.get(`${module}.weight`)!.onnx)!;
    return c.adapters.find((adapter) => String(adapter.frozen) === String(frozen))!.of;
  };
  for (const [index, module] of reference.modules.entries()) {
    const tensor = c.plan.tensors.find(({ name }) => name === `${matrixOf(module)}.lora_A`)!;
    tensor.data.forEach((_, i, data) => {
      data[i] = 0.1 * Math.sin(0.7 * i + index);
    });
  }
  return matrixOf;
}

describe.skipIf(missing)('tiny-clip with adapters in both encoders (needs fixtures/tiny-clip)', () => {
  const files = (): [string, string][] => {
    const { vision, text } = readModelFolder(sharedPath('fixtures/tiny-clip')!);
    return [
      [vision!.file, text!.file],
      [WHOLE!, WHOLE!],
    ];
  };

  test('the losses of six AdamW steps are PyTorch’s, from two files and from one', async () => {
    for (const [vision, text] of files()) {
      const c = await build(vision, text, 0);
      expect(c.adapters).toHaveLength(12);
      expect(c.noises).toEqual([]);
      await beginAsReference(c);
      const trainer = await open(c);
      const feeds = feedsOf(c, undefined);
      const losses: number[] = [];
      for (let step = 0; step < reference.losses.length; step++)
        losses.push((await trainer.step([feeds], { lr: reference.lr })).loss);
      await trainer.close();
      expect(difference(Float32Array.from(losses), Float32Array.from(reference.losses))).toBeLessThan(1e-4);
    }
  });

  test('the gradients of B are PyTorch’s in both encoders', async () => {
    const [[vision, text]] = files() as [[string, string]];
    const c = await build(vision, text, 0);
    const matrixOf = await beginAsReference(c);
    const feeds = feedsOf(c, undefined) as Record<string, Float32Array | BigInt64Array>;
    const tensors = c.plan.training.data.map(({ name, shape, dtype }): [string, ort.Tensor] => [
      name,
      new ort.Tensor(dtype as 'float32', feeds[name] as Float32Array, shape),
    ]);
    const { loss, gradients } = await lossAndGradients(c.plan, Object.fromEntries(tensors));
    expect(loss).toBeCloseTo(reference.losses[0]!, 4);
    for (const module of reference.modules) {
      const own = gradients.get(`${matrixOf(module)}.lora_B`)!.slice(0, 8);
      expect(difference(own, Float32Array.from(reference.gradientOfB[module]!)), module).toBeLessThan(1e-4);
    }
  });

  test('a text side that takes no adapters is refused with what can be trained', async () => {
    const [[vision]] = files() as [[string, string]];
    await expect(build(vision, fixturePath('training/resnet-int8.onnx'), 0)).rejects.toThrow(
      /^The text side of the model: .*Or choose the vision encoder alone\.$/,
    );
  });

  test('each encoder drops its own numbers, the same ones for the same seed and step', async () => {
    const [[vision, text]] = files() as [[string, string]];
    const c = await build(vision, text, 0.25);
    expect(c.noises.map(({ name }) => name)).toEqual(['lora.noise', `${TEXT_PREFIX}lora.noise`]);
    const noise = (step: number | null) => noiseFeeds(c.noises, { seed: 3, step });
    expect(noise(5)).toEqual(noise(5));
    expect(noise(5)).not.toEqual(noise(6));
    const [first, second] = Object.values(noise(5)).map((data) => data.subarray(0, 64));
    expect(second).not.toEqual(first);
    expect(new Set(noise(null)['lora.noise'])).toEqual(new Set([1]));
    const trainer = await open(c);
    const lossAt = async (step: number | null) => (await trainer.step([feedsOf(c, { seed: 3, step })], { lr: 0 })).loss;
    // with B at zero nothing that is dropped is seen
    expect(await lossAt(1)).toBeCloseTo(await lossAt(null), 5);
    const now = await trainer.tensors();
    for (const [name, data] of now) if (name.endsWith('.lora_B')) data.fill(0.2);
    await trainer.replace(now);
    expect(await lossAt(1)).toBe(await lossAt(1));
    expect(await lossAt(1)).not.toBeCloseTo(await lossAt(2), 3);
    await trainer.close();
  });
});
