// Old (and the runtime's own) forms of operators: the upgraded graph gives what ONNX Runtime gives for the file as it is.
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { type DType, elementType, type Value } from '../../../electron/engine/training/graph.ts';
import {
  ATTRIBUTE,
  type AttributeProto,
  encodeModel,
  type ModelProto,
  type TensorProto,
} from '../../../electron/engine/training/onnx/proto.ts';
import { readGraph } from '../../../electron/engine/training/onnx/read.ts';
import { writeGraph } from '../../../electron/engine/training/onnx/write.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { sizeOf } from '../../../electron/engine/training/shape.ts';
import { random } from './check-gradient.ts';

type Case = {
  op: string;
  opset: number;
  domain?: string;
  /** Shapes of float inputs; '' for one that is left out; a tensor that is stored in the file. */
  inputs: (readonly number[] | '' | TensorProto)[];
  attrs?: Record<string, number | readonly number[] | { f: number } | string>;
  outputs?: number;
  /** The op of every node it becomes. */
  becomes: string[];
};

const attribute = (name: string, value: number | readonly number[] | { f: number } | string): AttributeProto => {
  if (typeof value === 'number') return { name, type: ATTRIBUTE.INT, i: value };
  if (typeof value === 'string') return { name, type: ATTRIBUTE.STRING, s: new TextEncoder().encode(value) };
  if ('f' in value) return { name, type: ATTRIBUTE.FLOAT, f: value.f };
  return { name, type: ATTRIBUTE.INTS, ints: [...value] };
};
const isShape = (input: Case['inputs'][number]): input is readonly number[] => Array.isArray(input);

function modelOf({ op, opset, domain = '', inputs, attrs = {}, outputs = 1 }: Case): ModelProto {
  return {
    ir_version: 7,
    opset_import: [
      { domain: '', version: opset },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'g',
      node: [
        {
          op_type: op,
          domain,
          name: 'n',
          input: inputs.map((input, i) => (input === '' ? '' : `x${i}`)),
          output: Array.from({ length: outputs }, (_, i) => `t.${i}`), // as the lab itself would call them
          attribute: Object.entries(attrs).map(([name, value]) => attribute(name, value)),
        },
      ],
      initializer: inputs.flatMap((t, i) => (t === '' || isShape(t) ? [] : [{ ...t, name: `x${i}` }])),
      input: inputs.flatMap((shape, i) =>
        isShape(shape)
          ? [
              {
                name: `x${i}`,
                type: { tensor_type: { elem_type: 1, shape: { dim: shape.map((d) => ({ dim_value: d })) } } },
              },
            ]
          : [],
      ),
      output: Array.from({ length: outputs }, (_, i) => ({ name: `t.${i}` })),
    },
  };
}

const open = (bytes: Uint8Array) =>
  ort.InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: 1, graphOptimizationLevel: 'disabled' });

async function bothWays(c: Case) {
  const model = modelOf(c);
  const before = await open(encodeModel(model));
  const shapes = new Map<string, Value>();
  for (const info of before.outputMetadata)
    if (info.isTensor)
      shapes.set(info.name, { name: info.name, shape: info.shape.map(Number), dtype: info.type as DType });
  const graph = readGraph(model, ops, shapes);
  const after = await open(writeGraph(graph));
  const next = random(c.op.length);
  const feeds: Record<string, ort.Tensor> = {};
  c.inputs.forEach((shape, i) => {
    if (isShape(shape))
      feeds[`x${i}`] = new ort.Tensor('float32', Float32Array.from({ length: sizeOf(shape) }, next), shape);
  });
  const [expected, got] = [await before.run(feeds), await after.run(feeds)];
  await before.release();
  await after.release();
  return { graph, expected, got };
}

const x = [2, 3, 4];
const bool = (value: number): TensorProto => ({
  dims: [],
  data_type: elementType('bool'),
  raw_data: Uint8Array.of(value),
});
const microsoft = { opset: 17, domain: 'com.microsoft' };
const cases: Case[] = [
  { op: 'ReduceMean', opset: 11, inputs: [x], attrs: { axes: [-1, 0], keepdims: 0 }, becomes: ['ReduceMean'] },
  { op: 'ReduceMean', opset: 17, inputs: [x], attrs: { axes: [1] }, becomes: ['ReduceMean'] },
  ...['ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceProd', 'ReduceSumSquare'].map((op) => ({
    op,
    opset: 12,
    inputs: [x],
    attrs: { axes: [-2] },
    becomes: [op],
  })),
  { op: 'ReduceLogSum', opset: 13, inputs: [x], attrs: { axes: [0] }, becomes: ['ReduceLogSum'] },
  { op: 'ReduceLogSumExp', opset: 13, inputs: [x], becomes: ['ReduceLogSumExp'] },
  { op: 'Squeeze', opset: 12, inputs: [[2, 1, 3]], attrs: { axes: [1] }, becomes: ['Squeeze'] },
  { op: 'Unsqueeze', opset: 11, inputs: [[2, 3]], attrs: { axes: [0, 2] }, becomes: ['Unsqueeze'] },
  { op: 'Split', opset: 11, inputs: [x], attrs: { axis: 2, split: [1, 3] }, outputs: 2, becomes: ['Split'] },
  { op: 'Split', opset: 11, inputs: [x], attrs: { axis: -1 }, outputs: 2, becomes: ['Split'] },
  { op: 'Split', opset: 13, inputs: [x], attrs: { axis: 1 }, outputs: 3, becomes: ['Split'] },
  { op: 'Softmax', opset: 11, inputs: [x], becomes: ['Reshape', 'Softmax', 'Reshape'] },
  { op: 'Softmax', opset: 12, inputs: [x], attrs: { axis: 2 }, becomes: ['Softmax'] },
  { op: 'LogSoftmax', opset: 12, inputs: [x], attrs: { axis: -3 }, becomes: ['Reshape', 'LogSoftmax', 'Reshape'] },
  { op: 'Softmax', opset: 13, inputs: [x], attrs: { axis: 1 }, becomes: ['Softmax'] },
  { op: 'Dropout', opset: 11, inputs: [x], attrs: { ratio: { f: 0.3 } }, becomes: ['Identity'] },
  { op: 'Dropout', opset: 13, inputs: [x], becomes: ['Identity'] },
  { op: 'Dropout', opset: 13, inputs: [x, '', bool(0)], becomes: ['Identity'] },
  { op: 'Dropout', opset: 13, inputs: [x], outputs: 2, becomes: ['Dropout'] },
  { op: 'BatchNormalization', opset: 11, inputs: [x, [3], [3], [3], [3]], becomes: ['BatchNormalization'] },
  {
    op: 'GroupNormalization',
    opset: 18,
    inputs: [[2, 4, 3], [2], [2]],
    attrs: { num_groups: 2 },
    becomes: ['GroupNormalization'],
  },
  {
    op: 'GroupNormalization',
    opset: 21,
    inputs: [[2, 4, 3], [4], [4]],
    attrs: { num_groups: 2 },
    becomes: ['GroupNormalization'],
  },
  {
    op: 'RMSNormalization',
    opset: 23,
    inputs: [x, [4]],
    attrs: { axis: -1 },
    becomes: ['SimplifiedLayerNormalization'],
  },
  { op: 'Swish', opset: 24, inputs: [x], attrs: { alpha: { f: 1.5 } }, becomes: ['Mul', 'Sigmoid', 'Mul'] },
  { op: 'Gelu', ...microsoft, inputs: [x], becomes: ['Gelu'] },
  { op: 'BiasGelu', ...microsoft, inputs: [x, [4]], becomes: ['Add', 'Gelu'] },
  { op: 'FastGelu', ...microsoft, inputs: [x], becomes: ['Gelu'] },
  { op: 'FastGelu', ...microsoft, inputs: [x, [4]], becomes: ['Add', 'Gelu'] },
  { op: 'QuickGelu', ...microsoft, inputs: [x], becomes: ['Mul', 'Sigmoid', 'Mul'] },
  {
    op: 'SkipLayerNormalization',
    ...microsoft,
    inputs: [x, x, [4], [4], [4]],
    attrs: { epsilon: { f: 1e-3 } },
    outputs: 4,
    becomes: ['Add', 'Add', 'LayerNormalization', 'Identity'],
  },
  { op: 'SkipLayerNormalization', ...microsoft, inputs: [x, x, [4]], becomes: ['Add', 'LayerNormalization'] },
  {
    op: 'SkipSimplifiedLayerNormalization',
    ...microsoft,
    inputs: [x, x, [4], [4]],
    becomes: ['Add', 'Add', 'SimplifiedLayerNormalization'],
  },
  {
    op: 'FusedMatMul',
    ...microsoft,
    inputs: [x, [2, 5, 4]],
    attrs: { transB: 1, alpha: { f: 0.25 } },
    becomes: ['Mul', 'Transpose', 'MatMul'],
  },
  { op: 'FusedMatMul', ...microsoft, inputs: [x, [3, 5]], attrs: { transA: 1 }, becomes: ['Transpose', 'MatMul'] },
];

describe('older forms', () => {
  test.each(cases.map((c) => [`${c.op} ${c.domain ?? ''} ${c.opset} ${JSON.stringify(c.attrs ?? {})}`, c] as const))(
    '%s',
    async (_name, c) => {
      const { graph, expected, got } = await bothWays(c);
      expect(graph.nodes.map((node) => node.op)).toEqual(c.becomes);
      expect(graph.nodes.every((node) => node.domain === '')).toBe(true);
      // (the runtime leaves outputs 1 and 2 of its SkipLayerNormalization unfilled)
      for (const [name, tensor] of Object.entries(expected)) {
        if (tensor.type !== 'float32' || (c.op === 'SkipLayerNormalization' && /[12]$/.test(name))) continue;
        const a = tensor.data as Float32Array;
        const b = got[name]!.data as Float32Array;
        expect(got[name]!.dims).toEqual(tensor.dims);
        expect(Math.max(...a.map((v, i) => Math.abs(v - b[i]!)))).toBeLessThan(1e-5);
      }
    },
  );
});
