// A bias added after its product: the same numbers, forwards and backwards.
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
