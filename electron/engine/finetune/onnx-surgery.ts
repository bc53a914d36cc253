// Changes to a model file that keep it that file: other numbers in its weights, a classifier at its end. Nothing is computed.
import { closeSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { LabError } from '../../../shared/contract.ts';
import { toHalf } from '../../../shared/half.ts';
import { nodesFor } from '../models/onnx-trim.ts';
import {
  ATTRIBUTE,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../training/onnx/proto.ts';
import { opsetOf, shapeOf } from '../training/onnx/read.ts';
import type { Weights } from './wise.ts';

/** Bytes to write over those of a file beside the model. */
export type Patch = { file: string; offset: number; bytes: Uint8Array };

const EXTERNAL = 1;
const [FLOAT, HALF, DOUBLE, BFLOAT] = [1, 10, 11, 16] as const;
const INT64 = 7;
export const LOGITS = 'logits';
const PREFIX = 'lab.classifier';

const bytesOf = (data: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/**
 * Puts `weights` in the place of initializers of the same names, in the element type they are stored in. Weights that lie in files
 * of their own come back as patches. Throws for a name the file does not hold, and for numbers that half precision cannot hold.
 */
export function replaceWeights(
  model: ModelProto,
  weights: Weights,
): { patches: Patch[]; shapes: Map<string, number[]> } {
  const tensors = new Map((model.graph.initializer ?? []).map((tensor) => [tensor.name ?? '', tensor]));
  const patches: Patch[] = [];
  const shapes = new Map<string, number[]>();
  for (const [name, data] of weights) {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`The model's file holds no weight ${name}.`);
    const shape = tensor.dims ?? [];
    if (shape.reduce((a, b) => a * b, 1) !== data.length)
      throw new Error(`${name} [${shape}] cannot take ${data.length} numbers.`);
    const bytes = encoded(name, data, tensor.data_type ?? 0);
    if (tensor.data_location === EXTERNAL) {
      const where = new Map(tensor.external_data?.map(({ key, value }) => [key, value]));
      patches.push({ file: where.get('location') ?? '', offset: Number(where.get('offset') ?? 0), bytes });
    } else {
      for (const list of ['float_data', 'int32_data', 'double_data'] as const) delete tensor[list];
      tensor.raw_data = bytes;
    }
    shapes.set(name, shape);
  }
  return { patches, shapes };
}

function encoded(name: string, data: Float32Array, element: number): Uint8Array {
  switch (element) {
    case FLOAT:
      return bytesOf(data);
    case DOUBLE:
      return bytesOf(Float64Array.from(data));
    case HALF: {
      const halves = toHalf(data);
      if (halves.some((h, i) => (h & 0x7fff) === 0x7c00 && Number.isFinite(data[i])))
        throw new LabError(
          'unsupported',
          `${name} has grown beyond what half precision holds, in which this model is stored. Train with a smaller learning rate, or use the model’s full-precision file.`,
        );
      return bytesOf(halves);
    }
    case BFLOAT:
      // the upper half of a float, rounded to even
      return bytesOf(
        Uint16Array.from(new Uint32Array(data.slice().buffer), (bits) => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16),
      );
    default:
      throw new Error(`${name} is stored as ONNX element type ${element}, which is no trained weight's.`);
  }
}

export type Classifier = {
  /** [classes, dim] and [classes]. */
  weight: Float32Array;
  bias: Float32Array;
  /** The tensor inside the graph that features are made from, its sizes for one image, and how (models/pooling.ts). */
  tensor: string;
  shape: readonly number[];
  pool: 'row' | 'tokens' | 'mean';
  normalised: boolean;
  scale: number;
};

/**
 * Adds the output `logits` [n, classes] = scale * (weight . feature) + bias in single precision. A model's own output of that name,
 * and what only it needs, goes away.
 */
export function appendClassifier(model: ModelProto, pixels: string, classifier: Classifier): void {
  const { graph } = model;
  const { weight, bias, scale, shape } = classifier;
  const classes = bias.length;
  const dim = weight.length / classes;
  if (dim !== (shape.length === 3 ? shape[0] : shape.at(-1)))
    throw new Error(`A head of ${dim} dimensions does not fit features made of [${shape}].`);
  const taken = namesOf(graph);
  const prefix = free(PREFIX, taken);
  const own = free(`${LOGITS}.before`, taken);
  if (taken.has(LOGITS)) rename(graph, LOGITS, own);
  graph.output = graph.output.filter((output) => output.name !== own);
  const tensor = classifier.tensor === LOGITS ? own : classifier.tensor;

  const opset = opsetOf(model);
  const nodes: NodeProto[] = [];
  const initial: TensorProto[] = [];
  const constant = (name: string, data: Float32Array | BigInt64Array, dims: number[]): string => {
    const data_type = data instanceof Float32Array ? FLOAT : INT64;
    initial.push({ name: `${prefix}.${name}`, dims, data_type, raw_data: bytesOf(data) });
    return `${prefix}.${name}`;
  };
  const emit = (op: string, input: string[], attribute: AttributeProto[] = [], output?: string): string => {
    const name = `${prefix}.${nodes.length}.${op}`;
    nodes.push({ op_type: op, name, input, output: [output ?? name], attribute });
    return output ?? name;
  };
  /** Axes are an attribute in older operators and an input in newer ones. */
  const reduce = (op: string, since: number, x: string, axis: number, keep: number): string => {
    const keepdims = int('keepdims', keep);
    if (opset < since) return emit(op, [x], [{ name: 'axes', type: ATTRIBUTE.INTS, ints: [axis] }, keepdims]);
    return emit(op, [x, constant(`axis.${nodes.length}`, BigInt64Array.of(BigInt(axis)), [1])], [keepdims]);
  };

  let x = emit('Cast', [tensor], [int('to', FLOAT)]);
  if (shape.length === 3) x = emit('Flatten', [emit('GlobalAveragePool', [x])], [int('axis', 1)]);
  else if (shape.length === 2) {
    const hasClassToken = !Number.isInteger(Math.sqrt(shape[0]!));
    x =
      classifier.pool === 'mean' || !hasClassToken
        ? reduce('ReduceMean', 18, x, 1, 0)
        : emit('Gather', [x, constant('first', BigInt64Array.of(0n), [])], [int('axis', 1)]);
  }
  if (classifier.normalised) {
    const square = reduce('ReduceSum', 13, emit('Mul', [x, x]), 1, 1);
    const length = emit('Sqrt', [emit('Add', [square, constant('epsilon', Float32Array.of(1e-12), [1])])]);
    x = emit('Div', [x, length]);
  }
  const inputs = [x, constant('weight', weight, [classes, dim]), constant('bias', bias, [classes])];
  emit('Gemm', inputs, [{ name: 'alpha', type: ATTRIBUTE.FLOAT, f: scale }, int('transB', 1)], LOGITS);

  graph.node.push(...nodes);
  graph.initializer = [...(graph.initializer ?? []), ...initial];
  const images = graph.input.find((input) => input.name === pixels);
  const rows = images ? shapeOf(images)[0] : undefined;
  const batch =
    typeof rows === 'number' && rows > 0 ? { dim_value: rows } : { dim_param: String(rows || 'batch_size') };
  graph.output.push({
    name: LOGITS,
    type: { tensor_type: { elem_type: FLOAT, shape: { dim: [batch, { dim_value: classes }] } } },
  });
  prune(graph);
}

const int = (name: string, i: number): AttributeProto => ({ name, type: ATTRIBUTE.INT, i });

/** Graphs inside a node: loops and branches, which may use values from outside. */
const insides = (node: NodeProto): GraphProto[] => (node.attribute ?? []).flatMap((a) => (a.g ? [a.g] : []));

function namesOf(graph: GraphProto): Set<string> {
  const names = [...graph.input, ...graph.output, ...(graph.initializer ?? [])].map((value) => value.name ?? '');
  return new Set([...names, ...graph.node.flatMap((node) => [...(node.input ?? []), ...(node.output ?? [])])]);
}

/** A name that nothing begins with. */
function free(wanted: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}.${n}`;
    if (![...taken].some((known) => known === name || known.startsWith(`${name}.`))) return name;
  }
}

function rename(graph: GraphProto, from: string, to: string): void {
  const other = (name: string) => (name === from ? to : name);
  for (const node of graph.node) {
    node.input = (node.input ?? []).map(other);
    node.output = (node.output ?? []).map(other);
    for (const inside of insides(node)) rename(inside, from, to);
  }
  for (const list of [graph.output, graph.value_info ?? []]) for (const value of list) value.name = other(value.name);
}

/** Takes out what leads to no output. */
function prune(graph: GraphProto): void {
  const reads = (node: NodeProto): string[] => [
    ...(node.input ?? []),
    ...insides(node).flatMap((inside) => [...inside.node.flatMap(reads), ...inside.output.map((o) => o.name)]),
  ];
  const needed = new Set(graph.output.map((output) => output.name));
  const kept = nodesFor(graph.node, needed, (node) => node.output ?? [], reads);
  graph.node = graph.node.filter((node) => kept.has(node));
  const isNeeded = (tensor: TensorProto) => needed.has(tensor.name ?? '');
  const all = graph.initializer ?? [];
  graph.initializer = all.filter(isNeeded);
  // older files list their weights as inputs too
  const gone = new Set(all.filter((tensor) => !isNeeded(tensor)).map((tensor) => tensor.name));
  graph.input = graph.input.filter((input) => !gone.has(input.name));
  const left = new Set([...graph.node.flatMap((node) => node.output ?? []), ...graph.input.map((input) => input.name)]);
  graph.value_info = (graph.value_info ?? []).filter((info) => left.has(info.name));
}

/** Weights below this many bytes stay in the file. */
const SMALL = 1024;
const ALIGNED = 64;

/**
 * Moves the weights to `file`, named `location` in the model, when they come to more than `largest` bytes: a protobuf ends at 2 GiB.
 * True when it did.
 */
export function spill(model: ModelProto, file: string, largest: number): boolean {
  const inside = (model.graph.initializer ?? []).filter((tensor) => (tensor.raw_data?.length ?? 0) >= SMALL);
  if (inside.reduce((sum, tensor) => sum + tensor.raw_data!.length, 0) <= largest) return false;
  const fd = openSync(file, 'wx');
  try {
    let at = 0;
    for (const tensor of inside) {
      const bytes = tensor.raw_data!;
      at = Math.ceil(at / ALIGNED) * ALIGNED;
      writeFully(fd, bytes, at);
      const entries = { location: path.basename(file), offset: at, length: bytes.length };
      tensor.external_data = Object.entries(entries).map(([key, value]) => ({ key, value: String(value) }));
      tensor.data_location = EXTERNAL;
      delete tensor.raw_data;
      at += bytes.length;
    }
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Writes all of `bytes` at a place; one call of the system writes 2 GiB at most, and may write less. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 2 ** 30), position + done);
}
