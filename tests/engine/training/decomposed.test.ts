// What exporters write as many small nodes has the gradients of the one node that means the same.
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { pullBack } from '../../../electron/engine/training/backward.ts';
import { createGraph, type Graph, type Value } from '../../../electron/engine/training/graph.ts';
import { writeGraph } from '../../../electron/engine/training/onnx/write.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { float } from '../../../electron/engine/training/rule.ts';
import { sizeOf } from '../../../electron/engine/training/shape.ts';
import { random } from './check-gradient.ts';

type Build = (g: Graph, xs: readonly Value[]) => Value;
const SHAPES = [[2, 3, 8], [8], [8]];

/** The output and the gradient of every input, for the same numbers each time. */
async function results(build: Build, inputs: number): Promise<number[][]> {
  const g = createGraph(ops);
  const xs = SHAPES.slice(0, inputs).map((shape, i) => g.input(`x${i}`, shape));
  const y = build(g, xs);
  const dy = g.input('dy', y.shape);
  const gradients = pullBack(g, ops, new Map([[y.name, dy]]), xs);
  g.outputs = [y, ...xs.map((x) => gradients.get(x.name)!)];
  const session = await ort.InferenceSession.create(writeGraph(g), {
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
    graphOptimizationLevel: 'disabled', // the runtime would put the small nodes together again
  });
  const next = random(5);
  const feeds = [...xs, dy].map((v) => {
    const data = Float32Array.from({ length: sizeOf(v.shape) }, () => 8 * next() - 4);
    return [v.name, new ort.Tensor('float32', data, v.shape)] as const;
  });
  const out = await session.run(Object.fromEntries(feeds));
  await session.release();
  return g.outputs.map((v) => Array.from(out[v.name]!.data as Float32Array));
}

const layerNorm =
  (variance: (g: Graph, centred: Value) => Value, divide: (g: Graph, a: Value, b: Value) => Value): Build =>
  (g, [x, gamma, beta]) => {
    const centred = g.sub(x!, g.mean(x!, [-1]));
    const deviation = g.emit('Sqrt', [g.add(g.mean(variance(g, centred), [-1]), g.scalar(1e-5))]);
    return g.add(g.mul(divide(g, centred, deviation), gamma!), beta!);
  };
const power = (g: Graph, x: Value, e: number) => g.emit('Pow', [x, g.scalar(e)]);
const oneNorm: Build = (g, xs) => g.emit('LayerNormalization', xs, { axis: -1, epsilon: float(1e-5) });
const clip06 = (g: Graph, x: Value) => g.emit('Clip', [g.add(x, g.scalar(3)), g.scalar(0), g.scalar(6)]);

const pairs: [string, number, Build, Build][] = [
  [
    'layer norm: Pow, Div',
    3,
    layerNorm(
      (g, c) => power(g, c, 2),
      (g, a, b) => g.div(a, b),
    ),
    oneNorm,
  ],
  [
    'layer norm: Mul, Reciprocal',
    3,
    layerNorm(
      (g, c) => g.mul(c, c),
      (g, a, b) => g.mul(a, g.emit('Reciprocal', [b])),
    ),
    oneNorm,
  ],
  [
    'RMS norm',
    2,
    (g, [x, w]) => g.mul(g.mul(x!, power(g, g.add(g.mean(power(g, x!, 2), [-1]), g.scalar(1e-5)), -0.5)), w!),
    (g, xs) => g.emit('SimplifiedLayerNormalization', xs, { axis: -1, epsilon: float(1e-5) }),
  ],
  [
    'GELU: Div, Erf, Add, Mul, Mul',
    1,
    (g, [x]) => g.mul(g.mul(x!, g.add(g.emit('Erf', [g.div(x!, g.scalar(Math.SQRT2))]), g.scalar(1))), g.scalar(0.5)),
    (g, [x]) => g.emit('Gelu', [x!]),
  ],
  [
    'GELU of GPT-2: Pow, Tanh',
    1,
    (g, [x]) => {
      const inner = g.scale(g.add(x!, g.scale(power(g, x!, 3), 0.044715)), Math.sqrt(2 / Math.PI));
      return g.mul(g.scale(x!, 0.5), g.add(g.scalar(1), g.emit('Tanh', [inner])));
    },
    (g, [x]) => g.emit('Gelu', [x!], { approximate: 'tanh' }),
  ],
  [
    'hard swish: Clip',
    1,
    (g, [x]) => g.mul(x!, g.div(clip06(g, x!), g.scalar(6))),
    (g, [x]) => g.emit('HardSwish', [x!]),
  ],
  [
    'hard sigmoid: Clip',
    1,
    (g, [x]) => g.div(clip06(g, x!), g.scalar(6)),
    (g, [x]) => g.emit('HardSigmoid', [x!], { alpha: float(1 / 6), beta: float(0.5) }),
  ],
  [
    'log softmax: ReduceMax, Exp, ReduceSum, Log',
    1,
    (g, [x]) => {
      const shifted = g.sub(x!, g.emit('ReduceMax', [x!, g.ints([-1])], { keepdims: 1 }));
      return g.sub(shifted, g.emit('Log', [g.sum(g.emit('Exp', [shifted]), [-1])]));
    },
    (g, [x]) => g.emit('LogSoftmax', [x!], { axis: -1 }),
  ],
  [
    'softmax: log-sum-exp',
    1,
    (g, [x]) => g.emit('Exp', [g.sub(x!, g.emit('ReduceLogSumExp', [x!, g.ints([-1])], { keepdims: 1 }))]),
    (g, [x]) => g.emit('Softmax', [x!], { axis: -1 }),
  ],
  [
    'mish: Softplus, Tanh',
    1,
    (g, [x]) => g.mul(x!, g.emit('Tanh', [g.emit('Softplus', [x!])])),
    (g, [x]) => g.emit('Mish', [x!]),
  ],
  [
    'norm: Mul, ReduceSum, Sqrt',
    1,
    (g, [x]) => g.emit('Sqrt', [g.sum(g.mul(x!, x!), [-1])]),
    (g, [x]) => g.emit('ReduceL2', [x!, g.ints([-1])], { keepdims: 1 }),
  ],
];

describe('decomposed', () => {
  test.each(pairs)('%s', async (_name, inputs, many, one) => {
    const [a, b] = [await results(many, inputs), await results(one, inputs)];
    expect(a.length).toBe(inputs + 1);
    a.forEach((got, i) => {
      const scale = Math.max(...b[i]!.map(Math.abs));
      expect(Math.max(...got.map((v, j) => Math.abs(v - b[i]![j]!))) / scale).toBeLessThan(1e-5);
    });
  });

  test('quick GELU x·σ(1.702x) has the slope σ(1 + 1.702x(1 - σ))', async () => {
    const quick: Build = (g, [x]) => g.mul(x!, g.emit('Sigmoid', [g.scale(x!, 1.702)]));
    const byHand: Build = (g, [x]) => {
      const s = g.emit('Sigmoid', [g.scale(x!, 1.702)]);
      const slope = g.mul(s, g.add(g.scalar(1), g.mul(g.scale(x!, 1.702), g.sub(g.scalar(1), s))));
      return slope;
    };
    const [, gradient] = await results(quick, 1);
    const [slope] = await results(byHand, 1);
    const next = random(5);
    const draws = Array.from({ length: 96 }, () => 8 * next() - 4);
    const wanted = slope!.map((s, i) => s * draws[48 + i]!); // dy is drawn after x
    expect(Math.max(...gradient!.map((v, i) => Math.abs(v - wanted[i]!)))).toBeLessThan(1e-5);
  });
});
