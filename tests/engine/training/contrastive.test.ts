// Both towers against captions as a run plans them: PyTorch's contrastive loss, from two files and from one, whatever the padding.

import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { readModelFolder } from '../../../electron/engine/models/folder.ts';
import { openTokenizer } from '../../../electron/engine/models/tokenizer.ts';
import {
  buildCaptionClassifier,
  type CaptionSpec,
  captionFeeds,
  classFeatures,
  LOG_SCALE,
  TEXT_PREFIX,
  zeroShotLogits,
} from '../../../electron/engine/training/caption-classifier.ts';
import type { Classifier } from '../../../electron/engine/training/classifier.ts';
import { createTrainer } from '../../../electron/engine/training/trainer.ts';
import { sharedPath } from '../../helpers/shared.ts';
import {
  asGolden,
  difference,
  goldenPath,
  lossAndGradients,
  oneHot,
  readArray,
  readGolden,
  readJson,
  readNames,
} from './golden.ts';

const GOLDEN = 'tiny-clip/golden';
const missing = !goldenPath(`${GOLDEN}/infonce_grads.safetensors`) || !sharedPath('fixtures/tiny-clip');
const B = 8;
type Json = {
  loss: number;
  logit_scale: number;
  logit_scale_grad: number;
  token_embedding_rows: number[];
  analytically_zero_gradient?: string[];
};

const folder = () => readModelFolder(sharedPath('fixtures/tiny-clip')!);
const allTexts = () => readJson<{ texts: { text: string }[] }>(`${GOLDEN}/texts.json`).texts.map(({ text }) => text);
const texts = () => allTexts().slice(0, B);

function captionsOf(texts: string[], pad: 'context' | 'longest', file: string): CaptionSpec {
  const { ids, mask, length } = openTokenizer(folder().text!.tokenizer).batch(texts, pad);
  const own = { from: 0, classes: texts.length, templates: 1 };
  return { against: 'batch', file, output: 'text_embeds', ids, mask, length, sets: { own, control: null } };
}

const build = (file: string, captions: CaptionSpec) =>
  buildCaptionClassifier({
    file,
    inputs: { pixel_values: [B, 3, 64, 64], input_ids: [1, 8], attention_mask: [1, 8] },
    pixels: 'pixel_values',
    feature: { tensor: 'image_embeds', pool: 'row' },
    own: null,
    head: {
      weight: new Float32Array(0),
      bias: new Float32Array(0),
      classes: B,
      scale: Math.exp(readJson<Json>(`${GOLDEN}/infonce.json`).logit_scale),
    },
    captions,
    mode: { kind: 'full' },
    seed: 0,
    blockRate: 1,
    headRate: 1,
  });

const pixels = () => (readArray(`${GOLDEN}/pixel_values.npy`).data as Float32Array).slice(0, B * 3 * 64 * 64);
const eye = () => oneHot([...Array(B).keys()], B);
function feedsOf(c: Classifier): Record<string, ort.Tensor> {
  const captions = captionFeeds(c.captions!, [...Array(B).keys()]);
  return {
    [c.pixels]: new ort.Tensor('float32', pixels(), [B, 3, 64, 64]),
    [c.targets]: new ort.Tensor('float32', eye(), [B, B]),
    ...Object.fromEntries(
      Object.entries(captions).map(([name, ids]) => [
        name,
        new ort.Tensor('int64', ids as BigInt64Array, [B, c.captions!.length]),
      ]),
    ),
  };
}

describe('tiny-clip against its captions', () => {
  test.skipIf(missing)('every gradient is PyTorch’s, from two files (needs fixtures/tiny-clip)', async () => {
    const { vision, text } = folder();
    const c = await build(vision!.file, captionsOf(texts(), 'context', text!.file));
    const json = readJson<Json>(`${GOLDEN}/infonce.json`);
    const { loss, gradients } = await lossAndGradients(c.plan, feedsOf(c));
    expect(loss).toBeCloseTo(json.loss, 4);
    expect(gradients.get(LOG_SCALE)![0]! / json.logit_scale_grad).toBeCloseTo(1, 4);
    const names = new Map([
      ...readNames(`${GOLDEN}/onnx_names_vision.json`),
      ...readNames(`${GOLDEN}/onnx_names_text.json`, TEXT_PREFIX),
      ['logit_scale', { onnx: LOG_SCALE, transposed: false }] as const,
    ]);
    const skipped = new Set(json.analytically_zero_gradient);
    const golden = [...readGolden(`${GOLDEN}/infonce_grads.safetensors`)].filter(([name]) => !skipped.has(name));
    expect(golden.length + skipped.size).toBe(c.plan.tensors.length);
    for (const [name, { data }] of golden) {
      const whole = name.replace('[rows]', '');
      const all = asGolden(whole, names, gradients, c.plan);
      const rows = json.token_embedding_rows.flatMap((row) => [...all.subarray(32 * row, 32 * row + 32)]);
      expect(difference(name === whole ? all : Float32Array.from(rows), data as Float32Array), name).toBeLessThan(1e-4);
    }
  });

  test.skipIf(missing)(
    'the same loss from one file with both towers, and with short captions (needs fixtures/tiny-clip)',
    async () => {
      const json = readJson<Json>(`${GOLDEN}/infonce.json`);
      const whole = goldenPath('tiny-clip/onnx/model.onnx')!;
      const { vision, text } = folder();
      const two = await build(vision!.file, captionsOf(texts(), 'longest', text!.file));
      expect(two.captions!.length).toBeLessThan(77);
      const one = await build(whole, captionsOf(texts(), 'longest', whole));
      for (const c of [two, one]) expect((await lossAndGradients(c.plan, feedsOf(c))).loss).toBeCloseTo(json.loss, 4);
      expect(one.trained).toBe(two.trained);
      expect(one.plan.data.map((value) => value.name).sort()).toEqual([
        'attention_mask',
        'input_ids',
        'lab.targets',
        'pixel_values',
      ]);
    },
  );

  test.skipIf(missing)('class features and logits are the model’s own (needs fixtures/tiny-clip)', async () => {
    const { vision, text } = folder();
    const c = await build(vision!.file, captionsOf(allTexts(), 'longest', text!.file));
    const threadFile = new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url);
    const trainer = await createTrainer(c.plan, {
      optimizer: { kind: 'adamw', weightDecay: 0 },
      threads: 1,
      device: 'cpu',
      average: 0,
      parts: 1,
      threadFile,
    });
    const features = await classFeatures(c, trainer, 'own', 'weights');
    const expected = readArray(`${GOLDEN}/text_embeds_normalized.npy`).data as Float32Array;
    expect(difference(features, expected)).toBeLessThan(1e-5);
    const out = await trainer.forward({ [c.pixels]: pixels() });
    const scale = Math.exp((await trainer.tensors('weights', [LOG_SCALE])).get(LOG_SCALE)![0]!);
    const logits = zeroShotLogits(out[c.feature]!, features, c.dim, scale);
    const golden = readArray(`${GOLDEN}/logits_per_image.npy`).data as Float32Array;
    expect(difference(logits, golden.slice(0, logits.length))).toBeLessThan(1e-4);
    await trainer.close();
  });
});
