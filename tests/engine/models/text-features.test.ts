// Class features: the mean of normalised captions, normalised again, each caption through the model once.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Embedder } from '../../../electron/engine/models/embedder.ts';
import {
  classTextFeatures,
  forgetTextFeatures,
  templateTextFeatures,
} from '../../../electron/engine/models/text-features.ts';
import { openStore, type TestStore } from './store-for-tests.ts';

let lab: TestStore;
let clip: Embedder;
const asked: string[] = [];
beforeAll(async () => {
  lab = openStore();
  const embedder = await lab.store.embedder('tiny-clip');
  clip = {
    ...embedder,
    text(captions, signal) {
      asked.push(...captions);
      return embedder.text!(captions, signal);
    },
  };
});
afterAll(() => lab.close());
beforeEach(() => {
  forgetTextFeatures();
  asked.length = 0;
});

const NAMES = ['cat', 'dog', 'cup'];
const TEMPLATES = ['a photo of a {}.', 'art of the {}.'];
const unit = (row: Float32Array) => {
  const length = Math.hypot(...row);
  return row.map((value) => value / length);
};

test('equal the definition', async () => {
  const features = await classTextFeatures(clip, NAMES, TEMPLATES);
  expect(features).toHaveLength(3 * 32);
  for (const [i, name] of NAMES.entries()) {
    const rows = await clip.text!([`a photo of a ${name}.`, `art of the ${name}.`]);
    const [first, second] = [unit(rows.slice(0, 32)), unit(rows.slice(32))];
    const mean = unit(first.map((value, k) => (value + second[k]!) / 2));
    for (let k = 0; k < 32; k++) expect(features[i * 32 + k]).toBeCloseTo(mean[k]!, 5);
  }
});

test('come per template too, and a caption seen before is not asked for again', async () => {
  const [first, second] = await templateTextFeatures(clip, NAMES, TEMPLATES);
  expect(first).toHaveLength(96);
  for (const matrix of [first!, second!])
    for (let row = 0; row < 3; row++)
      expect(Math.hypot(...matrix.subarray(row * 32, (row + 1) * 32))).toBeCloseTo(1, 5);
  expect(asked).toHaveLength(6);
  await classTextFeatures(clip, NAMES, [...TEMPLATES, 'a {}']);
  expect(asked).toHaveLength(9);
});
