// Prepared models and runs of graphs, for the tests of what is trained in them.
import ort from 'onnxruntime-node';
import { backward } from '../../../electron/engine/training/backward.ts';
import type { Graph, Value } from '../../../electron/engine/training/graph.ts';
import { writeGraph } from '../../../electron/engine/training/onnx/write.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { type Prepared, prepare } from '../../../electron/engine/training/prepare.ts';
import { range, sizeOf } from '../../../electron/engine/training/shape.ts';
import { randomOf } from '../../../shared/protocol.ts';
import { goldenPath } from './golden.ts';

export const VISION = 'tiny-clip/onnx/vision_model.onnx';

export const prepareFixture = (
  relative: string,
  inputs: Record<string, readonly number[]>,
  outputs?: readonly string[],
): Promise<Prepared> => prepare(goldenPath(relative)!, { inputs, ...(outputs ? { outputs } : {}) });
export const prepareVision = () => prepareFixture(VISION, { pixel_values: [2, 3, 64, 64] }, ['image_embeds']);

export type Numbers = Record<string, Float32Array | BigInt64Array>;

type Run = (feeds: Numbers) => Promise<Record<string, Float32Array>>;

/** `work` with a function that gives every output of the graph, fed by name. */
async function withSession<T>(g: Graph, work: (run: Run) => Promise<T>): Promise<T> {
  const session = await ort.InferenceSession.create(writeGraph(g), { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const run: Run = async (feeds) => {
    const tensors = Object.fromEntries(
      g.inputs.map((x) => {
        const data = feeds[x.name];
        if (!data) throw new Error(`${x.name} is not fed`);
        return [x.name, new ort.Tensor(x.dtype as 'float32', data as Float32Array, x.shape)];
      }),
    );
    const out = await session.run(tensors);
    return Object.fromEntries(g.outputs.map((y) => [y.name, out[y.name]!.data as Float32Array]));
  };
  try {
    return await work(run);
  } finally {
    await session.release();
  }
}

export const runGraph = (g: Graph, feeds: Numbers) => withSession(g, (run) => run(feeds));

export const drawn = (shape: readonly number[], seed: number): Float32Array => {
  const random = randomOf(seed);
  return Float32Array.from({ length: sizeOf(shape) }, () => 2 * random() - 1);
};

/** The largest difference, as a part of the largest entry. */
export function difference(a: Float32Array, b: Float32Array): number {
  const largest = b.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-12);
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0) / largest;
}

/** Adds the loss sum(output * weights) and the gradients of `wanted` (inputs of the graph) as further outputs. */
export function withGradients(
  g: Graph,
  output: Value,
  wanted: readonly string[],
  seed = 5,
): { loss: string; gradients: Map<string, string> } {
  const weights = g.constant(drawn(output.shape, seed), output.shape);
  const loss = g.reshape(g.sum(g.mul(output, weights), range(output.shape.length), false), []);
  const found = backward(
    g,
    ops,
    loss,
    g.inputs.filter((x) => wanted.includes(x.name)),
  );
  const gradients = new Map([...found].map(([name, value]) => [name, value.name]));
  g.outputs = [...new Map([loss, ...found.values()].map((v) => [v.name, v])).values()];
  return { loss: loss.name, gradients };
}

/** Analytic against central differences along one random direction of each tensor: the relative difference by name. */
export function gradientErrors(
  g: Graph,
  marks: ReturnType<typeof withGradients>,
  feeds: Numbers,
  names: readonly string[],
  eps: number,
): Promise<Record<string, number>> {
  return withSession(g, async (run) => {
    const here = await run(feeds);
    const errors: Record<string, number> = {};
    for (const name of names) {
      const at = feeds[name] as Float32Array;
      const direction = drawn([at.length], 11);
      const moved = async (k: number) =>
        (await run({ ...feeds, [name]: at.map((v, i) => v + k * direction[i]!) }))[marks.loss]![0]!;
      const analytic = here[marks.gradients.get(name)!]!.reduce((sum, v, i) => sum + v * direction[i]!, 0);
      const numeric = ((await moved(eps)) - (await moved(-eps))) / (2 * eps);
      errors[name] = Math.abs(analytic - numeric) / (Math.abs(numeric) + 1e-3);
    }
    return errors;
  });
}

/** Those that are too large. */
export const tooLarge = (errors: Record<string, number>, bound: number) =>
  Object.entries(errors).filter(([, error]) => !(error < bound));
