// What is rewritten before a graph is differentiated: the same numbers, forwards and backwards.
import { expect, test } from 'vitest';
import { pullBack } from '../../../electron/engine/training/backward.ts';
import { fuse } from '../../../electron/engine/training/fuse.ts';
import { createGraph } from '../../../electron/engine/training/graph.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { float } from '../../../electron/engine/training/rule.ts';
import { difference, drawn, runGraph } from './adapt.ts';

const [ROWS, IN] = [256, 8];
const cases = {
  large: { out: 512, apart: true },
  small: { out: 32, apart: false },
};

test.each(Object.entries(cases))('a %s product', async (_name, { out, apart }) => {
  const seen = [];
  for (const fused of [false, true]) {
    const g = createGraph(ops);
    const [x, w, b] = [g.input('x', [ROWS, IN]), g.input('w', [IN, out]), g.input('b', [out])];
    const y = g.emit('Gemm', [x, w, b], { alpha: float(0.5), beta: float(3) });
    g.outputs = [y];
    if (fused) fuse(g);
    const grads = pullBack(g, ops, new Map([[y.name, y]]), [x, w, b]);
    const names = [y.name, ...['x', 'w', 'b'].map((name) => grads.get(name)!.name)];
    g.outputs = [y, ...grads.values()];
    const all = await runGraph(g, { x: drawn(x.shape, 1), w: drawn(w.shape, 2), b: drawn(b.shape, 3) });
    seen.push({ ops: g.nodes.map((node) => node.op), values: names.map((name) => all[name] as Float32Array) });
  }
  const [plain, fused] = seen;
  expect(fused!.ops.filter((op) => op === 'Add').length > plain!.ops.filter((op) => op === 'Add').length).toBe(apart);
  for (const [i, value] of fused!.values.entries()) expect(difference(plain!.values[i]!, value)).toBeLessThan(1e-5);
});

const patches = {
  'as tokens': { bias: true, tokens: true, kernel: [8, 8], rewritten: true },
  'as an image': { bias: false, tokens: false, kernel: [8, 8], rewritten: true },
  'of small patches': { bias: true, tokens: true, kernel: [2, 2], rewritten: false },
  'that overlap': { bias: true, tokens: true, kernel: [9, 9], rewritten: false },
};

test.each(Object.entries(patches))('a patch embedding %s', async (_name, { bias, tokens, kernel, rewritten }) => {
  const seen = [];
  for (const fused of [false, true]) {
    const g = createGraph(ops);
    const x = g.input('x', [64, 3, 16, 24]);
    const w = g.input('w', [192, 3, ...kernel]);
    const b = bias ? [g.input('b', [192])] : [];
    const side = kernel[0] === 2 ? 2 : 8;
    const image = g.emit('Conv', [x, w, ...b], { kernel_shape: kernel, strides: [side, side] });
    const [n, c, ...out] = image.shape as [number, number, number, number];
    const y = tokens ? g.transpose(g.reshape(image, [n, c, out[0] * out[1]]), [0, 2, 1]) : g.mul(image, image);
    g.outputs = [y];
    if (fused) fuse(g);
    const wanted = [x, w, ...b];
    const grads = pullBack(g, ops, new Map([[y.name, y]]), wanted);
    const names = [y.name, ...wanted.map(({ name }) => grads.get(name)!.name)];
    const forward = g.nodes.filter((node) => node.outputs.some((v) => v?.name === y.name));
    expect(forward).toHaveLength(1);
    g.outputs = [y, ...grads.values()];
    const all = await runGraph(g, {
      x: drawn(x.shape, 1),
      w: drawn(w.shape, 2),
      ...(bias ? { b: drawn([192], 3) } : {}),
    });
    const convolutions = g.nodes.filter((node) => node.op === 'Conv').length;
    seen.push({ convolutions, values: names.map((name) => all[name] as Float32Array) });
  }
  const [plain, fused] = seen;
  expect(fused!.convolutions < plain!.convolutions).toBe(rewritten);
  for (const [i, value] of fused!.values.entries()) expect(difference(plain!.values[i]!, value)).toBeLessThan(1e-5);
});
