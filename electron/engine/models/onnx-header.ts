// Reads what an .onnx file takes and gives without loading its weights: the protobuf is walked field by field and
// everything large is skipped, so that a file of a gigabyte costs a few hundred small reads.
// Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { LabError } from '../../../shared/contract.ts';

/** A tensor's name, element type and shape; a dimension that may vary is its name, or '?'. */
export type OnnxValue = { name: string; type: string; shape: (number | string)[] };
export type OnnxHeader = {
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  /** Files beside this one that hold weights, relative to it. */
  externalFiles: string[];
  /** Output -> the tensor that its last linear layer takes: the features before a projection or a classifier. */
  before: Record<string, string>;
  /** How many nodes of each kind there are. */
  ops: Record<string, number>;
};

const ELEMENT_TYPES: Record<number, string> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  16: 'bfloat16',
};

export type Field = { number: number; wire: number; start: number; end: number; value: number };
/** Random access to a file's bytes. */
export type Source = { byte(at: number): number; text(start: number, end: number): string; size: number };

/** A window of 64 KiB that moves over the file. */
function openSource(fd: number): Source {
  const size = fstatSync(fd).size;
  const window = Buffer.alloc(65536);
  let from = 0;
  let filled = 0;
  const load = (at: number) => {
    from = at;
    filled = readSync(fd, window, 0, window.length, at);
  };
  return {
    size,
    byte(at) {
      if (at < from || at >= from + filled) load(at);
      if (filled === 0) throw new RangeError('cut short');
      return window[at - from]!;
    },
    text(start, end) {
      const bytes = Buffer.alloc(end - start);
      readSync(fd, bytes, 0, bytes.length, start);
      return bytes.toString('utf8');
    },
  };
}

/** Up to 2^53; anything larger is only ever skipped here. */
function varint(source: Source, at: number): [value: number, next: number] {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    const byte = source.byte(at++);
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at];
    scale *= 128;
  }
  throw new RangeError('not a protobuf');
}

/** The fields of the message in [start, end); RangeError where that is no protobuf. */
export function* fields(source: Source, start: number, end: number): Generator<Field> {
  let at = start;
  while (at < end) {
    const [tag, afterTag] = varint(source, at);
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number === 0) throw new RangeError('not a protobuf');
    let [value, from, to] = [0, afterTag, afterTag];
    if (wire === 0) [value, to] = varint(source, afterTag);
    else if (wire === 1) to = afterTag + 8;
    else if (wire === 5) to = afterTag + 4;
    else if (wire === 2) {
      const [length, body] = varint(source, afterTag);
      from = body;
      to = body + length;
    } else throw new RangeError('not a protobuf');
    if (to > end) throw new RangeError('cut short');
    yield { number, wire, start: from, end: to, value };
    at = to;
  }
}

const first = (source: Source, within: { start: number; end: number }, number: number): Field | undefined => {
  for (const field of fields(source, within.start, within.end)) if (field.number === number) return field;
  return undefined;
};

/** ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1, dim_param 2 } } } } */
function readValue(source: Source, within: Field): OnnxValue {
  const name = first(source, within, 1);
  const type = first(source, within, 2);
  const tensor = type && first(source, type, 1);
  const element = tensor && first(source, tensor, 1);
  const shape = tensor && first(source, tensor, 2);
  const dims: (number | string)[] = [];
  if (shape)
    for (const dim of fields(source, shape.start, shape.end)) {
      const value = first(source, dim, 1);
      const symbol = first(source, dim, 2);
      dims.push(value ? value.value : symbol ? source.text(symbol.start, symbol.end) : '?');
    }
  return {
    name: name ? source.text(name.start, name.end) : '',
    type: ELEMENT_TYPES[element?.value ?? 0] ?? `type ${element?.value ?? 0}`,
    shape: dims,
  };
}

/** TensorProto: name 8, external_data 13 { key 1, value 2 }. */
function readInitializer(source: Source, within: Field): { name: string; file: string | null } {
  let name = '';
  let file: string | null = null;
  for (const field of fields(source, within.start, within.end)) {
    if (field.number === 8) name = source.text(field.start, field.end);
    if (field.number !== 13) continue;
    const key = first(source, field, 1);
    const value = first(source, field, 2);
    if (key && value && source.text(key.start, key.end) === 'location') file = source.text(value.start, value.end);
  }
  return { name, file };
}

/** Throws `bad-request` naming the file when it is not a whole ONNX model. */
export function readOnnxHeader(file: string): OnnxHeader {
  const fd = openSync(file, 'r');
  try {
    const source = openSource(fd);
    if (source.size < 1024 && source.text(0, Math.min(40, source.size)).startsWith('version https://git-lfs'))
      throw new LabError(
        'bad-request',
        `${file} is only a Git LFS pointer, not the model. Run \`git lfs pull\` in that folder, or download the file itself.`,
      );
    return readModel(source);
  } catch (error) {
    if (error instanceof LabError) throw error;
    throw new LabError(
      'bad-request',
      `${path.basename(file)} is not a whole ONNX model (${file}). Copy or download it again.`,
      { cause: error },
    );
  } finally {
    closeSync(fd);
  }
}

/** ModelProto: graph 7 { node 1, initializer 5, input 11, output 12 }. */
function readModel(source: Source): OnnxHeader {
  const graph = first(source, { start: 0, end: source.size }, 7);
  if (!graph) throw new RangeError('no graph');
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const nodes = new Map<string, Node>();
  const weights = new Set<string>();
  const externalFiles = new Set<string>();
  for (const field of fields(source, graph.start, graph.end)) {
    if (field.number === 11) inputs.push(readValue(source, field));
    else if (field.number === 12) outputs.push(readValue(source, field));
    else if (field.number === 1) {
      const node = readNode(source, field);
      if (node.op === 'Constant') weights.add(node.output);
      nodes.set(node.output, node);
    } else if (field.number === 5) {
      const weight = readInitializer(source, field);
      weights.add(weight.name);
      if (weight.file) externalFiles.add(weight.file);
    }
  }
  const ops: Record<string, number> = {};
  for (const { op } of nodes.values()) ops[op] = (ops[op] ?? 0) + 1;
  const before: Record<string, string> = {};
  for (const { name } of outputs) {
    const tensor = beforeLinear(name, nodes, weights);
    if (tensor) before[name] = tensor;
  }
  return {
    // before IR version 4 weights were listed as inputs too
    inputs: inputs.filter((input) => !weights.has(input.name)),
    outputs,
    externalFiles: [...externalFiles],
    before,
    ops,
  };
}

type Node = { op: string; inputs: string[]; output: string };

/** NodeProto: input 1, output 2, op_type 4. Only the first output matters here. */
function readNode(source: Source, within: Field): Node {
  const node: Node = { op: '', inputs: [], output: '' };
  for (const field of fields(source, within.start, within.end)) {
    if (field.number === 1) node.inputs.push(source.text(field.start, field.end));
    else if (field.number === 2) node.output ||= source.text(field.start, field.end);
    else if (field.number === 4) node.op = source.text(field.start, field.end);
  }
  return node;
}

/** Walks back from an output over a bias, a normalisation (x / |x|) and changes of shape to the product with a weight. */
function beforeLinear(output: string, nodes: Map<string, Node>, weights: Set<string>): string | null {
  let name = output;
  for (let steps = 0; steps < 6; steps++) {
    const node = nodes.get(name);
    const [a, b] = node?.inputs ?? [];
    if (!node || a === undefined) return null;
    // a weight may pass through a Transpose or a cast from half precision
    const isWeight = (input: string | undefined): boolean =>
      input !== undefined && (weights.has(input) || isWeightOfWeight(nodes.get(input), weights));
    if (node.op === 'Gemm' || node.op === 'MatMul') return isWeight(b) && !isWeight(a) ? a : null;
    if (node.op === 'Add') name = isWeight(a) && b !== undefined ? b : a;
    else if (['Div', 'Identity', 'Cast', 'Flatten', 'Squeeze', 'Reshape'].includes(node.op)) name = a;
    else return null;
  }
  return null;
}

const isWeightOfWeight = (node: Node | undefined, weights: Set<string>): boolean =>
  node !== undefined &&
  ['Transpose', 'Cast', 'DequantizeLinear'].includes(node.op) &&
  weights.has(node.inputs[0] ?? '');
