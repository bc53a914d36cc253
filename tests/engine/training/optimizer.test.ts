// The optimizer's passes against the formulas in double precision, for one and several threads.
import { afterEach, describe, expect, test } from 'vitest';
import {
  createOptimizer,
  type Optimizer,
  type OptimizerSettings,
} from '../../../electron/engine/training/optimizer.ts';
import { createSlabs, viewOf } from '../../../electron/engine/training/slab.ts';
import { random } from './check-gradient.ts';

const threadFile = new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url);
const SHAPES = [
  { name: 'a', shape: [7, 11] },
  { name: 'b', shape: [] },
  { name: 'c', shape: [129] },
];

let optimizer: Optimizer | undefined;
afterEach(() => optimizer?.close());

function setUp(settings: OptimizerSettings, threads: number, average = false) {
  const slabs = createSlabs(SHAPES, { moments: settings.kind === 'adamw' ? 2 : 1, average, sum: true });
  const rules = new Map([['c', { decay: false, rate: 0.5 }]]);
  optimizer = createOptimizer(slabs, rules, settings, { threads, threadFile });
  const next = random(5);
  const slab = slabs[0]!;
  const all = slab.tensors.map((tensor) => {
    const w = viewOf(slab, tensor, 'weights').map(() => next() - 0.5);
    viewOf(slab, tensor, 'weights').set(w);
    if (average) viewOf(slab, tensor, 'average').set(w);
    return {
      ...tensor,
      view: viewOf(slab, tensor, 'weights'),
      gradients: viewOf(slab, tensor, 'gradients'),
      exact: Float64Array.from(w),
      m: new Float64Array(w.length),
      v: new Float64Array(w.length),
    };
  });
  return { slab, all, next, optimizer };
}

describe.each([1, 3])('%i threads', (threads) => {
  test('AdamW with decay, a share of the rate, and clipping by the global norm', () => {
    const { all, next, optimizer } = setUp({ kind: 'adamw', weightDecay: 0.1 }, threads);
    for (let step = 1; step <= 4; step++) {
      for (const t of all) t.gradients.set(t.gradients.map(() => 4 * next() - 2));
      const norm = Math.sqrt(all.reduce((sum, t) => sum + t.gradients.reduce((s, g) => s + g * g, 0), 0));
      expect(optimizer.step({ step, lr: 0.01, clip: 1, parts: 1, average: 0 })).toBeCloseTo(norm, 4);
      for (const t of all) {
        const lr = t.name === 'c' ? 0.005 : 0.01;
        t.exact.forEach((w, i) => {
          const g = t.gradients[i]! / norm;
          t.m[i] = 0.9 * t.m[i]! + 0.1 * g;
          t.v[i] = 0.999 * t.v[i]! + 0.001 * g * g;
          const kept = t.name === 'c' ? w : w * (1 - lr * 0.1);
          t.exact[i] = kept - (lr * (t.m[i]! / (1 - 0.9 ** step))) / (Math.sqrt(t.v[i]! / (1 - 0.999 ** step)) + 1e-8);
        });
        for (const [i, w] of t.exact.entries()) expect(t.view[i]).toBeCloseTo(w, 5);
      }
    }
  });

  test('SGD with momentum over the sum of micro-batches, and the moving average', () => {
    const { slab, all, next, optimizer } = setUp({ kind: 'sgd', momentum: 0.9, weightDecay: 0.01 }, threads, true);
    for (let step = 1; step <= 3; step++) {
      const sums = all.map((t) => new Float64Array(t.exact.length));
      for (let part = 0; part < 2; part++) {
        for (const [k, t] of all.entries())
          t.gradients.forEach((_, i) => {
            t.gradients[i] = next() - 0.5;
            sums[k]![i]! += t.gradients[i]! / 2;
          });
        optimizer.accumulate(part === 0);
      }
      const averages = all.map((t) => viewOf(slab, t, 'average').slice());
      optimizer.step({ step, lr: 0.1, clip: 0, parts: 2, average: 0.75 });
      for (const [k, t] of all.entries()) {
        const lr = t.name === 'c' ? 0.05 : 0.1;
        t.exact.forEach((w, i) => {
          t.m[i] = 0.9 * t.m[i]! + sums[k]![i]! + (t.name === 'c' ? 0 : 0.01 * w);
          t.exact[i] = w - lr * t.m[i]!;
          expect(t.view[i]).toBeCloseTo(t.exact[i]!, 5);
          expect(viewOf(slab, t, 'average')[i]).toBeCloseTo(0.75 * averages[k]![i]! + 0.25 * t.exact[i]!, 5);
        });
      }
    }
  });
});
