// The caption sums against the plain way: average the captions' features, normalise, multiply.
import { expect, test } from 'vitest';
import {
  accuracy,
  addTemplate,
  type Caption,
  createCaption,
  emptyEnsemble,
  normaliseRows,
  predict,
  probabilities,
  selectTemplates,
} from '../../../electron/engine/prompts/captions.ts';

let state = 7;
const random = () => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return state / 2147483648 - 0.5;
};
const d = 12;
const rows = (n: number) => normaliseRows(Float32Array.from({ length: n * d }, random), d);
const row = (m: Float32Array, i: number) => m.slice(i * d, (i + 1) * d);

test('an ensemble predicts as its averaged, normalised captions do', () => {
  const items = rows(40);
  const templates = Array.from({ length: 5 }, () => rows(3)); // [template][3 classes]
  const ensemble = emptyEnsemble(3, d, 40);
  for (const captions of templates)
    addTemplate(
      ensemble,
      [0, 1, 2].map((c) => createCaption(row(captions, c), items)),
    );

  const heads = [0, 1, 2].map((c) => {
    const mean = Float32Array.from({ length: d }, (_, k) => templates.reduce((sum, t) => sum + row(t, c)[k]!, 0) / 5);
    return normaliseRows(mean, d);
  });
  const cosines = Array.from({ length: 40 }, (_, i) =>
    heads.map((head) => head.reduce((sum, v, k) => sum + v * row(items, i)[k]!, 0)),
  );
  const plain = cosines.map((c) => c.indexOf(Math.max(...c)));
  expect([
    ...predict(
      ensemble,
      Int32Array.from({ length: 40 }, (_, i) => i),
    ),
  ]).toEqual(plain);

  const weights = cosines[3]!.map((c) => Math.exp(100 * c));
  const total = weights.reduce((a, b) => a + b, 0);
  for (const [c, p] of probabilities(ensemble, 3, 100).entries()) expect(p).toBeCloseTo(weights[c]! / total, 4);
});

test('forward selection adds the template that helps most and stops when none does', async () => {
  const items = normaliseRows(
    Float32Array.from({ length: 6 * d }, (_, i) => (i % d === Math.floor(i / d / 3) ? 1 : 0.01)),
    d,
  );
  const truth = Int32Array.from([0, 0, 0, 1, 1, 1]);
  const axis = (k: number) => Float32Array.from({ length: d }, (_, i) => (i === k ? 1 : 0));
  const good: Caption[] = [createCaption(axis(0), items), createCaption(axis(1), items)];
  const swapped: Caption[] = [good[1]!, good[0]!];
  const { chosen, accuracies } = await selectTemplates(
    [swapped, good],
    Int32Array.from([0, 1, 2, 3, 4, 5]),
    truth,
    2,
    async () => {},
  );
  expect(chosen).toEqual([1]);
  expect(accuracies).toEqual([1]);
  expect(
    accuracy(predict(addTemplate(emptyEnsemble(2, d, 6), swapped), Int32Array.from([0, 1, 2, 3, 4, 5])), truth),
  ).toBe(0);
});
