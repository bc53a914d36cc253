// Picking the rows first changes no number, and leaves alone what is read whole.
import { expect, test } from 'vitest';
import { createGraph, type Graph } from '../../../electron/engine/training/graph.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { pickRowsFirst } from '../../../electron/engine/training/rows.ts';
import { difference, drawn, prepareFixture, prepareVision, runGraph, VISION, withGradients } from './adapt.ts';

const pixels = { pixel_values: drawn([2, 3, 64, 64], 1) };
const products = (g: Graph) =>
  g.nodes.filter((n) => n.op === 'Gemm' || n.op === 'MatMul').map((n) => n.outputs[0]!.shape.slice(0, -1).join());

test('the class token of a ViT: gradients are those of the whole, and the last block has one row', async () => {
  const values = async (picks: boolean) => {
    const { graph, parameters } = await prepareVision();
    if (picks) pickRowsFirst(graph);
    const rows = products(graph);
    const names = parameters.map((p) => p.name);
    const { gradients } = withGradients(graph, graph.outputs[0]!, names);
    const out = await runGraph(graph, { ...pixels, ...Object.fromEntries(parameters.map((p) => [p.name, p.data])) });
    return { rows, of: (name: string) => out[gradients.get(name)!]!, names };
  };
  const [whole, picked] = [await values(false), await values(true)];
  // a key's bias moves all scores of a query alike: its exact gradient is zero
  for (const name of whole.names.filter((n) => !n.endsWith('k_proj.bias')))
    expect(difference(picked.of(name), whole.of(name)), name).toBeLessThan(1e-5);
  // keys and values need every row; queries, scores, context, projection, the MLP and the image's embedding one of each image
  expect(whole.rows.slice(-9)).toEqual(['34', '34', '2,4,17', '34', '2,4,17', '34', '34', '34', '2']);
  expect(picked.rows.slice(-9)).toEqual(['34', '2', '2,4,1', '34', '2,4,1', '2', '2', '2', '2']);
});

test('all rows are read: nothing changes', async () => {
  const { graph } = await prepareFixture(VISION, { pixel_values: [2, 3, 64, 64] }, [
    'last_hidden_state',
    'image_embeds',
  ]);
  const before = [...graph.nodes];
  pickRowsFirst(graph);
  expect(graph.nodes).toEqual(before);
});

test.each([
  ['a slice', (g: Graph, x: ReturnType<Graph['input']>) => g.slice(x, 1, 2, 4)],
  ['a last row', (g: Graph, x: ReturnType<Graph['input']>) => g.emit('Gather', [x, index(g, -1)], { axis: 1 })],
])('%s through a table of positions, a mask, a product in two dimensions and an attention', async (_name, pick) => {
  const build = () => {
    const g = createGraph(ops);
    const x = g.input('x', [2, 5, 6]);
    const table = g.input('table', [1, 5, 6]);
    const w = g.input('w', [6, 6]);
    const mask = g.input('mask', [5, 5]);
    const y = g.add(x, table);
    const flat = g.gemm(g.reshape(y, [10, 6]), w);
    const heads = g.transpose(g.reshape(flat, [2, 5, 2, 3]), [0, 2, 1, 3]);
    const keys = g.transpose(g.reshape(g.matmul(x, w), [2, 5, 2, 3]), [0, 2, 3, 1]);
    const scores = g.emit('Softmax', [g.add(g.matmul(heads, keys), mask)], { axis: -1 });
    const context = g.transpose(g.matmul(scores, heads), [0, 2, 1, 3]);
    g.outputs = [pick(g, g.add(y, g.reshape(context, [2, 5, 6])))];
    return g;
  };
  const feeds = { x: drawn([2, 5, 6], 1), table: drawn([1, 5, 6], 2), w: drawn([6, 6], 3), mask: drawn([5, 5], 4) };
  const whole = build();
  const picked = build();
  pickRowsFirst(picked);
  expect(products(picked)).not.toEqual(products(whole));
  const [a] = Object.values(await runGraph(picked, feeds));
  const [b] = Object.values(await runGraph(whole, feeds));
  expect(difference(a!, b!)).toBeLessThan(1e-6);
});

const index = (g: Graph, value: number) => g.constant(BigInt64Array.of(BigInt(value)), []);
