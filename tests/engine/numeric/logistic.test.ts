// The solver against the true optimum (own float64 Newton in Python) and scikit-learn's predictions, 150 fits; and against itself.
import { describe, expect, it } from 'vitest';
import { createLogistic, type LinearHead } from '../../../electron/engine/numeric/logistic.ts';
import { gatherRows } from '../../../electron/engine/numeric/matrix.ts';
import { randomOf } from '../../../shared/protocol.ts';
import {
  CLASSES,
  DIM,
  doubles,
  FEATURES,
  farthest,
  floats,
  json,
  labelsOf,
  SHOTS,
  test,
  trainOf,
} from '../../helpers/probe-fixture.ts';

const STRENGTHS = [0.01, 0.316, 1, 10, 100];

function accuracy({ weights, bias }: LinearHead, x: Float32Array, labels: Int32Array, dim: number): number {
  let right = 0;
  labels.forEach((label, i) => {
    let best = 0;
    let top = Number.NEGATIVE_INFINITY;
    bias.forEach((b, c) => {
      let score = b;
      for (let j = 0; j < dim; j++) score += weights[c * dim + j]! * x[i * dim + j]!;
      if (score > top) [best, top] = [c, score];
    });
    if (best === label) right++;
  });
  return right / labels.length;
}

/** The gradient of C sum CE + 0.5 |W|^2 at a head, by its definition. */
function gradient({ weights, bias }: LinearHead, x: Float32Array, labels: Int32Array, dim: number, C: number) {
  const k = bias.length;
  const out = { weights: Float64Array.from(weights), bias: new Float64Array(k) };
  labels.forEach((label, i) => {
    const scores = Array.from(
      bias,
      (b, c) => b + weights.subarray(c * dim, (c + 1) * dim).reduce((s, w, j) => s + w * x[i * dim + j]!, 0),
    );
    const top = Math.max(...scores);
    const sum = scores.reduce((s, z) => s + Math.exp(z - top), 0);
    scores.forEach((z, c) => {
      const e = C * (Math.exp(z - top) / sum - (c === label ? 1 : 0));
      out.bias[c]! += e;
      for (let j = 0; j < dim; j++) out.weights[c * dim + j]! += e * x[i * dim + j]!;
    });
  });
  return out;
}

const norm = (v: Float64Array) => Math.sqrt(v.reduce((s, a) => s + a * a, 0));

describe('logistic regression', () => {
  it('equals the exact optimum and scikit-learn on all 150 fits', () => {
    const coefficients = doubles('logreg_newton_coef.npy');
    const intercepts = doubles('logreg_newton_intercept.npy');
    const { results } = json<{ results: { test_acc: number; C: number; shots: number }[] }>('logreg.json');
    const testLabels = labelsOf(test);
    let fit = 0;
    const differences: number[] = [];
    for (const { file } of FEATURES) {
      const x = floats(file);
      const testX = gatherRows(x, DIM, test);
      for (const seed of [0, 1, 2]) {
        for (const shots of SHOTS) {
          const train = trainOf(seed, shots);
          const problem = createLogistic(gatherRows(x, DIM, train), labelsOf(train), DIM, CLASSES);
          for (const C of STRENGTHS) {
            const head = problem.solve(C);
            expect(results[fit]).toMatchObject({ C, shots });
            differences.push(
              farthest(head.weights, coefficients, fit * CLASSES * DIM),
              farthest(head.bias, intercepts, fit * CLASSES),
            );
            expect(accuracy(head, testX, testLabels, DIM)).toBeCloseTo(results[fit]!.test_acc, 12);
            fit++;
          }
        }
      }
    }
    expect(fit).toBe(150);
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  });

  it.each([
    { name: 'fewer items than dimensions', n: 40, dim: 70 },
    { name: 'more items than dimensions', n: 150, dim: 13 },
    { name: 'as many items as dimensions', n: 32, dim: 32 },
  ])('reaches a vanishing gradient at every strength, unbalanced classes: $name', ({ n, dim }) => {
    const random = randomOf(n);
    const labels = Int32Array.from({ length: n }, (_, i) => (i < 3 ? i : random() < 0.6 ? 0 : random() < 0.5 ? 1 : 2));
    const x = Float32Array.from(
      { length: n * dim },
      (_, at) => random() - 0.3 + (at % dim === labels[Math.floor(at / dim)] ? 0.4 : 0),
    );
    const problem = createLogistic(x, labels, dim, 3);
    for (const C of [1e-6, 1e-3, 1, 1e3, 1e6, 0.05]) {
      const head = problem.solve(C);
      const g = gradient(head, x, labels, dim, C);
      expect(norm(g.weights) / norm(head.weights), `C ${C}`).toBeLessThan(3e-6);
      expect(norm(g.bias) / norm(head.weights), `bias, C ${C}`).toBeLessThan(3e-6);
    }
  });

  it('is scikit-learn of the same C for two classes as well, where one vector is fitted', () => {
    const random = randomOf(2);
    const [n, dim] = [60, 5];
    const labels = Int32Array.from({ length: n }, () => (random() < 0.4 ? 1 : 0));
    const x = Float32Array.from({ length: n * dim }, (_, at) => random() - 0.5 + 0.3 * labels[Math.floor(at / dim)]!);
    const problem = createLogistic(x, labels, dim, 2);
    for (const C of [0.01, 1, 100]) {
      const { weights, bias } = problem.solve(C);
      const w = Float64Array.from({ length: dim }, (_, j) => weights[dim + j]! - weights[j]!);
      const b = bias[1]! - bias[0]!;
      // the gradient of scikit-learn's C sum ln(1 + exp(-y (w.x + b))) + 0.5 |w|^2, by its definition
      const g = Float64Array.from(w);
      let gb = 0;
      labels.forEach((label, i) => {
        const score = w.reduce((sum, v, j) => sum + v * x[i * dim + j]!, b);
        const e = C * (1 / (1 + Math.exp(-score)) - label);
        gb += e;
        for (let j = 0; j < dim; j++) g[j]! += e * x[i * dim + j]!;
      });
      expect(norm(g) / norm(w), `C ${C}`).toBeLessThan(1e-5);
      expect(Math.abs(gb) / norm(w), `bias, C ${C}`).toBeLessThan(1e-5);
    }
  });

  it('gives the same optimum from a cold and from a warm start', () => {
    const train = trainOf(1, 8);
    const x = gatherRows(floats('X_l2.npy'), DIM, train);
    const warm = createLogistic(x, labelsOf(train), DIM, CLASSES);
    for (const C of [1e-4, 1e4, 25]) warm.solve(C);
    const cold = createLogistic(x, labelsOf(train), DIM, CLASSES).solve(30);
    const again = warm.solve(30);
    expect(farthest(cold.weights, again.weights)).toBeLessThan(1e-5 * norm(cold.weights));
    expect(again.products).toBeLessThan(cold.products);
  });

  it('copes with repeated items and with a single item per class', () => {
    const x = Float32Array.from([1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0]);
    const { weights, bias } = createLogistic(x, Int32Array.from([0, 0, 1, 1]), 3, 2).solve(1e6);
    expect(accuracy({ weights, bias }, x, Int32Array.from([0, 0, 1, 1]), 3)).toBe(1);
    expect([...weights, ...bias].every(Number.isFinite)).toBe(true);
    expect(weights[2]).toBe(0);
    expect(weights[0]).toBeCloseTo(-weights[3]!, 6);
  });

  it('says so when a problem does not fit in memory', () => {
    expect(() => createLogistic(new Float32Array(0), new Int32Array(2_000_000), 512, 10)).toThrow(/needs 9.3 GB/);
  });
});
