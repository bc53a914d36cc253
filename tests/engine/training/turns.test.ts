// Products that turn their operands round themselves: the same numbers, forwards and backwards.
import { expect, test } from 'vitest';
import { prune, pullBack } from '../../../electron/engine/training/backward.ts';
import { createGraph, type Node, type Value } from '../../../electron/engine/training/graph.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { turnInProducts } from '../../../electron/engine/training/turns.ts';
import { difference, drawn, runGraph } from './adapt.ts';

const [BATCH, TOKENS, HEADS, DIM] = [8, 40, 4, 32];

test.each([
  { name: 'as exports write it', perm: [0, 2, 3, 1], factor: 'after' },
  { name: 'with the queries scaled', perm: [0, 2, 3, 1], factor: 'before' },
  { name: 'with two turns', perm: [0, 2, 1, 3], factor: 'after' },
])('attention $name', async ({ perm, factor }) => {
  const seen = [];
  for (const rewritten of [false, true]) {
    const g = createGraph(ops);
    const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, [BATCH, TOKENS, HEADS * DIM]));
    const split = (x: typeof q) => g.reshape(x!, [BATCH, TOKENS, HEADS, DIM]);
    const heads = (x: typeof q) => g.transpose(split(x), [0, 2, 1, 3]);
    const turned = g.transpose(split(k), perm);
    const keys = perm[3] === 1 ? turned : g.swapLast(turned);
    const queries = factor === 'before' ? g.scale(heads(q), 0.5) : heads(q);
    const scores = g.matmul(queries, keys);
    const weights = g.emit('Softmax', [factor === 'after' ? g.scale(scores, 0.5) : scores], { axis: -1 });
    const y = g.reshape(g.transpose(g.matmul(weights, heads(v)), [0, 2, 1, 3]), q!.shape);
    g.outputs = [y];
    const wanted = [q!, k!, v!];
    const grads = pullBack(g, ops, new Map([[y.name, y]]), wanted);
    g.outputs = [y, ...wanted.map(({ name }) => grads.get(name)!)];
    const names = g.outputs.map(({ name }) => name);
    if (rewritten) turnInProducts(g);
    prune(g);
    expect(g.outputs.map(({ name }) => name)).toEqual(names);
    const feeds = Object.fromEntries(wanted.map((x, i) => [x.name, drawn(x.shape, i + 1)]));
    const all = await runGraph(g, feeds);
    // what a product takes with its innermost axis put elsewhere (and not put back): the runtime joins such turns
    const putsElsewhere = ({ op, inputs, attrs }: Node) =>
      op === 'Transpose' && inputs[0]!.shape.length > 3 && (attrs.perm as number[])[2] === 3;
    const makerOf = (x: Value | null) => g.nodes.find((node) => node.outputs[0]!.name === x!.name);
    const isPutBack = (turn: Node) => {
      const before = makerOf(turn.inputs[0]!);
      return before !== undefined && putsElsewhere(before);
    };
    const slow = g.nodes
      .filter(({ op }) => op === 'MatMul')
      .flatMap(({ inputs }) => inputs.map(makerOf))
      .filter((turn) => turn && putsElsewhere(turn) && !isPutBack(turn));
    seen.push({ slow: slow.length, values: names.map((name) => all[name] as Float32Array) });
  }
  const [plain, rewritten] = seen;
  expect(plain!.slow).toBeGreaterThan(0);
  expect(rewritten!.slow).toBe(0);
  for (const [i, value] of rewritten!.values.entries()) expect(difference(plain!.values[i]!, value)).toBeLessThan(1e-5);
});
