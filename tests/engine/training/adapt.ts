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

/** Every output of the graph, fed by name. */
export async function runGraph(g: Graph, feeds: Numbers): Promise<Record<string, Float32Array>> {
  const session = await ort.InferenceSession.create(writeGraph(g), { logSeverityLevel: 3, intraOpNumThreads: 1 });
  try {
    const tensors = Object.fromEntries(
      g.inputs.map((x) => {
        const data = feeds[x.name];
        if (!data) throw new Error(`${x.name} is not fed`);
        return [x.name, new ort.Tensor(x.dtype as 'float32', data as Float32Array, x.shape)];
      }),
    );
    const out = await session.run(tensors);
    return Object.fromEntries(g.outputs.map((y) => [y.name, out[y.name]!.data as Float32Array]));
  } finally {
    await session.release();
  }
}

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

/** Analytic against central differences along one random direction of one tensor: their relative difference. */
export async function gradientError(
  g: Graph,
  marks: ReturnType<typeof withGradients>,
  feeds: Numbers,
  name: string,
  eps: number,
): Promise<number> {
  const at = feeds[name] as Float32Array;
  const direction = drawn([at.length], 11);
  const moved = async (k: number) => {
    const out = await runGraph(g, { ...feeds, [name]: at.map((v, i) => v + k * direction[i]!) });
    return out[marks.loss]![0]!;
  };
  const gradient = (await runGraph(g, feeds))[marks.gradients.get(name)!]!;
  const analytic = gradient.reduce((sum, v, i) => sum + v * direction[i]!, 0);
  const numeric = ((await moved(eps)) - (await moved(-eps))) / (2 * eps);
  return Math.abs(analytic - numeric) / (Math.abs(numeric) + 1e-3);
}
