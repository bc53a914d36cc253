// The trickier rules against PyTorch's numbers (tests/fixtures/training/make-rules.py), and what finite differences cannot check.
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { pullBack } from '../../../electron/engine/training/backward.ts';
import { type Attrs, createGraph, type Graph, type Value } from '../../../electron/engine/training/graph.ts';
import { writeGraph } from '../../../electron/engine/training/onnx/write.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';

type Case = {
  name: string;
  op: string;
  opset: number;
  attrs: Attrs;
  outputs: number;
  constants: (number[] | { int64: number[] })[];
  inputs: { shape: number[]; data: number[] }[];
  dy: number[];
  y: number[];
  gradients: number[][];
};
const cases = JSON.parse(
  readFileSync(new URL('../../fixtures/training/rules.json', import.meta.url), 'utf8'),
) as Case[];

async function run(g: Graph, feeds: ReadonlyMap<Value, readonly number[]>): Promise<(value: Value) => number[]> {
  const session = await ort.InferenceSession.create(writeGraph(g), { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const tensors = [...feeds].map(([v, data]) => [v.name, new ort.Tensor('float32', data, v.shape)] as const);
  const out = await session.run(Object.fromEntries(tensors));
  await session.release();
  return (value) => Array.from(out[value.name]!.data as Float32Array, Number);
}
function expectClose(got: readonly number[], wanted: readonly number[]): void {
  const scale = Math.max(...wanted.map(Math.abs));
  expect(got.length).toBe(wanted.length);
  expect(Math.max(...got.map((v, i) => Math.abs(v - wanted[i]!))) / scale).toBeLessThan(1e-5);
}

describe('against PyTorch', () => {
  test.each(cases.map((c) => [c.name, c] as const))('%s', async (_name, c) => {
    const g = createGraph(ops, c.opset);
    const xs = c.inputs.map((x, i) => g.input(`x${i}`, x.shape));
    const constants = c.constants.map((data) =>
      Array.isArray(data) ? g.constant(Float32Array.from(data), [data.length]) : g.ints(data.int64),
    );
    const y = g.emitAll(c.op, [...xs, ...constants], c.attrs, c.outputs)[0]!;
    const dy = g.input('dy', y.shape);
    const gradients = pullBack(g, ops, new Map([[y.name, dy]]), xs);
    const dxs = xs.map((x) => gradients.get(x.name)!);
    g.outputs = [y, ...dxs];
    const out = await run(g, new Map([...xs.map((x, i) => [x, c.inputs[i]!.data] as const), [dy, c.dy]]));
    expectClose(out(y), c.y);
    dxs.forEach((dx, i) => {
      expectClose(out(dx), c.gradients[i]!);
    });
  });
});

test('Dropout in training passes the gradient where it kept the number', async () => {
  const g = createGraph(ops);
  const x = g.input('x', [200]);
  const training = g.constant(Uint8Array.of(1), [], 'bool');
  const y = g.emit('Dropout', [x, g.scalar(0.25), training], { seed: 7 });
  const dy = g.input('dy', [200]);
  const dx = pullBack(g, ops, new Map([[y.name, dy]]), [x]).get('x')!;
  g.outputs = [y, dx];
  const data = Array.from({ length: 200 }, (_, i) => i + 1);
  const out = await run(
    g,
    new Map([
      [x, data],
      [dy, data],
    ]),
  );
  expectClose(out(dx), out(y)); // with dy = x both are x·mask/(1 - ratio)
  const dropped = out(y).filter((v) => v === 0).length;
  expect(dropped).toBeGreaterThan(20);
  expect(dropped).toBeLessThan(80);
  expect(out(y).find((v) => v !== 0)! % (4 / 3)).toBeCloseTo(0, 4);
});
