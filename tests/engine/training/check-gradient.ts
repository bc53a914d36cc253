// A rule's gradient against central differences, both run by ONNX Runtime.
import ort from 'onnxruntime-node';
import { pullBack } from '../../../electron/engine/training/backward.ts';
import { createGraph, type Value } from '../../../electron/engine/training/graph.ts';
import { writeGraph } from '../../../electron/engine/training/onnx/write.ts';
import type { Example, OpRule } from '../../../electron/engine/training/rule.ts';
import { sizeOf } from '../../../electron/engine/training/shape.ts';

/** mulberry32: uniform in [0, 1). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

function draw(shape: readonly number[], how: Example['draw'], next: () => number): Float32Array {
  const n = sizeOf(shape);
  if (how === 'positive') return Float32Array.from({ length: n }, () => 0.5 + next());
  if (how !== 'spaced') return Float32Array.from({ length: n }, () => 2 * next() - 1);
  const ranks = Float32Array.from({ length: n }, (_, i) => 0.1 * (i - (n >> 1)) + 0.05);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [ranks[i], ranks[j]] = [ranks[j]!, ranks[i]!];
  }
  return ranks;
}

function build(rules: Readonly<Record<string, OpRule>>, op: string, example: Example) {
  const g = createGraph(rules);
  const inputs = example.inputs.map((input, i): Value | null => {
    if (input === null) return null;
    if ('int64' in input)
      return g.constant(BigInt64Array.from(input.int64, BigInt), input.shape ?? [input.int64.length], 'int64');
    if ('float' in input) return g.constant(Float32Array.from(input.float), input.shape ?? [input.float.length]);
    if ('bool' in input) return g.constant(Uint8Array.from(input.bool), input.shape ?? [input.bool.length], 'bool');
    return g.input(`x${i}`, input);
  });
  const xs = inputs.filter((x): x is Value => x?.name.startsWith('x') === true);
  const outputs = g.emitAll(op, inputs, example.attrs ?? {}, example.outputs ?? 1);
  const ys = outputs.slice(0, example.arriving).filter((y) => y.dtype === 'float32');
  const dys = ys.map((y, i) => g.input(`dy${i}`, y.shape));
  const grads = pullBack(g, rules, new Map(ys.map((y, i) => [y.name, dys[i]!])), xs);
  const dxs = xs.map((x) => grads.get(x.name)!);
  g.outputs = [...new Map([...ys, ...dxs].map((v) => [v.name, v])).values()];
  return { g, xs, ys, dys, dxs };
}

/** Relative error of the analytic against the numeric directional derivative: the worst over every input, two directions each. */
export async function gradientError(
  rules: Readonly<Record<string, OpRule>>,
  op: string,
  example: Example,
): Promise<number> {
  const { g, xs, ys, dys, dxs } = build(rules, op, example);
  const session = await ort.InferenceSession.create(writeGraph(g), { logSeverityLevel: 3, intraOpNumThreads: 1 });
  for (const y of [...ys, ...dxs]) {
    const meta = session.outputMetadata.find((m) => m.name === y.name);
    if (meta?.isTensor && String(meta.shape) !== String(y.shape))
      throw new Error(`${op}: the rule says [${y.shape}], the runtime [${meta.shape}]`);
  }
  const next = random(op.length * 7919 + example.inputs.length);
  const at = xs.map((x) => draw(x.shape, example.draw, next));
  const v = dys.map((dy) => draw(dy.shape, 'normal', next));
  const run = async (k: number, toward: Float32Array[]) => {
    const feeds: Record<string, ort.Tensor> = {};
    for (const [i, x] of xs.entries())
      feeds[x.name] = new ort.Tensor(
        'float32',
        at[i]!.map((a, j) => a + k * toward[i]![j]!),
        x.shape,
      );
    for (const [i, dy] of dys.entries()) feeds[dy.name] = new ort.Tensor('float32', v[i]!, dy.shape);
    const out = await session.run(feeds);
    const of = (value: Value) => out[value.name]!.data as Float32Array;
    return { loss: ys.reduce((sum, y, i) => sum + dot(of(y), v[i]!), 0), dx: dxs.map(of) };
  };
  const eps = 1e-2;
  let worst = 0;
  for (let direction = 0; direction < 2 * xs.length; direction++) {
    // one input at a time, so that errors cannot cancel
    const toward = xs.map((x, i) =>
      i === direction % xs.length ? draw(x.shape, 'normal', next) : new Float32Array(sizeOf(x.shape)),
    );
    const here = await run(0, toward);
    const analytic = here.dx.reduce((sum, dx, i) => sum + dot(dx, toward[i]!), 0);
    const numeric = ((await run(eps, toward)).loss - (await run(-eps, toward)).loss) / (2 * eps);
    worst = Math.max(worst, Math.abs(analytic - numeric) / (Math.abs(numeric) + 1e-2));
  }
  await session.release();
  return worst;
}
