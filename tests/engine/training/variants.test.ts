// Forms of operators that exporters seldom write: their gradients, or a refusal that names the node and what can be trained instead.
import { describe, expect, test } from 'vitest';
import { pullBack } from '../../../electron/engine/training/backward.ts';
import { createGraph, type Graph, type Value } from '../../../electron/engine/training/graph.ts';
import { ATTRIBUTE, type AttributeProto, type ModelProto } from '../../../electron/engine/training/onnx/proto.ts';
import { readGraph } from '../../../electron/engine/training/onnx/read.ts';
import { upgradeNode } from '../../../electron/engine/training/onnx/upgrade.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { type Example, TrainingError } from '../../../electron/engine/training/rule.ts';
import { gradientError } from './check-gradient.ts';

const pads = (mode: string): Example => ({ inputs: [[4, 5], { int64: [-1, 2, 2, -1] }], attrs: { mode } });

describe('gradients', () => {
  test.each<[string, string, Example]>([
    ['negative padding beside repeated numbers', 'Pad', pads('wrap')],
    ['the same, reflected', 'Pad', pads('reflect')],
    ['a slice backwards from the end', 'Slice', slice(-1, -1000, -2)],
    ['a slice that is empty at one side', 'Slice', slice(5, 0, -3)],
    ['rows by negative indices', 'Gather', { inputs: [[4, 3], { int64: [-1, -4, 2, 2] }] }],
    ['three operands', 'Einsum', einsum('ij,kl,il->k', [3, 4], [5, 2], [3, 2])],
    ['one axis reduced by none', 'ReduceMax', { inputs: [[2, 3], { int64: [], shape: [0] }], draw: 'spaced' }],
    ['a strided convolution in groups, dilated', 'Conv', conv({ strides: [2, 1], dilations: [1, 2], group: 2 })],
    ['a transposed one of a given size', 'ConvTranspose', conv({ strides: [2, 2], output_shape: [9, 10] }, 4)],
  ])('%s: %s', async (_name, op, example) => {
    expect(await gradientError(ops, op, example)).toBeLessThan(1e-2);
  });
});

function einsum(equation: string, ...inputs: number[][]): Example {
  return { inputs, attrs: { equation } };
}
function slice(from: number, to: number, step: number): Example {
  return { inputs: [[2, 7], { int64: [from] }, { int64: [to] }, { int64: [1] }, { int64: [step] }] };
}
function conv(attrs: NonNullable<Example['attrs']>, inputs = 2): Example {
  return { inputs: [[2, 4, 5, 6], [4, inputs, 3, 2], [4]], attrs };
}

/** The gradient of one node's first input, refused. */
function refusal(op: string, make: (g: Graph) => (Value | null)[], attrs = {}, outputs = 1): string {
  const g = createGraph(ops);
  const inputs = make(g);
  const y = g.emitAll(op, inputs, attrs, outputs)[0]!;
  try {
    pullBack(g, ops, new Map([[y.name, g.full(y.shape, 1)]]), [inputs[0]!]);
  } catch (error) {
    expect(error).toBeInstanceOf(TrainingError);
    return (error as Error).message;
  }
  return 'no refusal';
}

describe('refusals name the op, its node, and what can be trained instead', () => {
  const image = (g: Graph) => g.input('x', [1, 2, 4, 6]);
  const pool = { kernel_shape: [2, 2], strides: [2, 2], storage_order: 1 };
  test.each<[string, string, string]>([
    [
      'a diagonal',
      refusal('Einsum', (g) => [g.input('x', [3, 3])], { equation: 'ii->i' }),
      'it takes a diagonal (ii->i)',
    ],
    ['indices by columns', refusal('MaxPool', (g) => [image(g)], pool, 2), 'its indices run down the columns'],
    [
      'a reduction',
      refusal('ScatterND', (g) => [g.input('x', [4]), g.constant(BigInt64Array.of(1n), [1, 1]), g.input('u', [1])], {
        reduction: 'mul',
      }),
      'the reduction mul',
    ],
  ])('%s', (_name, message, reason) => {
    expect(message).toMatch(/^The lab has no gradient for this form of \w+ \(node \w+\.\d+\): /);
    expect(message).toContain(`: ${reason}. Train only what comes after it`);
  });

  test('double precision', () => {
    const g = createGraph(ops);
    const x = g.input('x', [2]);
    const y = g.cast(g.emit('Sigmoid', [g.cast(x, 'float64')]), 'float32');
    expect(() => pullBack(g, ops, new Map([[y.name, g.full(y.shape, 1)]]), [x])).toThrow(
      /form of Sigmoid \(node Sigmoid\.\d+\): it works in double precision\. Train only what comes after it/,
    );
  });

  test('padding that is worked out at run time', () => {
    const g = createGraph(ops);
    const x = g.input('x', [2]);
    const y = g.emit('Pad', [x, g.ints([0, 1])]);
    const pad = g.nodes.at(-1)!;
    const computed: Value = { name: 'computed', shape: [2], dtype: 'int64' };
    g.nodes[g.nodes.length - 1] = { ...pad, inputs: [x, computed] };
    const seed = g.full(y.shape, 1);
    expect(() => pullBack(g, ops, new Map([[y.name, seed]]), [x])).toThrow(
      /form of Pad \(node Pad\.\d+\): The padding of Pad is computed while the model runs/,
    );
  });

  test('of a file that cannot be read for training', () => {
    const text = (name: string, value: string): AttributeProto => ({
      name,
      type: ATTRIBUTE.STRING,
      s: new TextEncoder().encode(value),
    });
    const sizes = BigInt64Array.of(1n, 2n, 8n, 9n);
    const shape = { dim: [1, 2, 4, 6].map((d) => ({ dim_value: d })) };
    const model: ModelProto = {
      ir_version: 7,
      opset_import: [{ domain: '', version: 18 }],
      graph: {
        name: 'g',
        node: [
          {
            op_type: 'Resize',
            name: '/resize',
            input: ['x', '', '', 'sizes'],
            output: ['y'],
            attribute: [text('mode', 'cubic'), text('keep_aspect_ratio_policy', 'not_larger')],
          },
        ],
        initializer: [{ name: 'sizes', dims: [4], data_type: 7, raw_data: new Uint8Array(sizes.buffer) }],
        input: [{ name: 'x', type: { tensor_type: { elem_type: 1, shape } } }],
        output: [{ name: 'y' }],
      },
    };
    const shapes = new Map([['y', { name: 'y', shape: [1, 2, 6, 9], dtype: 'float32' as const }]]);
    expect(() => readGraph(model, ops, shapes)).toThrow(
      'this form of Resize (node /resize): it keeps the aspect ratio. Train a head on its frozen features.',
    );
  });
});

test('the order of indices that nobody reads does not matter', () => {
  const g = createGraph(ops);
  const x = g.input('x', [1, 2, 4, 6]);
  g.emit('MaxPool', [x], { kernel_shape: [2, 2], storage_order: 1 });
  const [node] = upgradeNode(g, g.nodes[0]!, 20);
  expect(node!.attrs).toEqual({ kernel_shape: [2, 2] });
});
