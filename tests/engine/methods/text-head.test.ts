// Heads that begin at the text features, against PyTorch's SGD in double precision (tests/fixtures/text-head).
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { clapPenalty } from '../../../electron/engine/methods/clap.ts';
import { trainTextHead } from '../../../electron/engine/methods/text-head.ts';

type Golden = Record<'x' | 'text' | 'labels' | 'penalty' | 'free' | 'clap', number[]> & {
  dim: number;
  classes: number;
  scale: number;
};
const file = new URL('../../fixtures/text-head/golden.json', import.meta.url);
const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden;
const { dim, classes, scale } = golden;
const data = { train: { x: Float32Array.from(golden.x), labels: Int32Array.from(golden.labels) }, dim, classes, scale };
const text = Float32Array.from(golden.text);
const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (v, i) => Math.abs(v - b[i]!)));

it('trains freely from the text features as PyTorch does', () => {
  expect(farthest(trainTextHead(data, text, null).weights, golden.free)).toBeLessThan(1e-3);
});

it('holds each class near its text by the zero-shot probability of its items (CLAP)', () => {
  const penalty = clapPenalty(data, text);
  expect(farthest(penalty, golden.penalty)).toBeLessThan(1e-5);
  const clap = trainTextHead(data, text, penalty).weights;
  expect(farthest(clap, golden.clap)).toBeLessThan(1e-3);
  expect(farthest(clap, text)).toBeLessThan(farthest(golden.free, text));
});
