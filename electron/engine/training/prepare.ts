// From a model file to a graph that can be differentiated: fixed sizes, parameters as inputs, simplified by the runtime.
//
// The parameters are lifted out of the file before the runtime simplifies it: so nothing that is trained is folded into
// something else (batch norm into a Conv, a tied matrix into its transpose), and no weight passes through the simplification.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dtypeOf, elementType, type Graph, type Value } from './graph.ts';
import {
  decodeModel,
  encodeModel,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './onnx/proto.ts';
import { opsetOf, readGraph, shapeOf } from './onnx/read.ts';
import { readTensor } from './onnx/tensors.ts';
import { ops } from './ops/index.ts';
import { TrainingError } from './rule.ts';
import { sizeOf } from './shape.ts';

/** Where a parameter is used in the file: by which op, as which input, in a node of what name. */
export type Use = { op: string; node: string; input: number; index: number };
export type Parameter = {
  /** Its initializer's name, such as `visual.proj` or `onnx::MatMul_1234`. */
  name: string;
  shape: readonly number[];
  data: Float32Array;
  uses: readonly Use[];
};

export type Prepared = {
  graph: Graph;
  /** Every float tensor that could be trained, as inputs of the graph, in the order of the file. */
  parameters: Parameter[];
  file: string;
};

/** Ops that only quantised models have. */
const QUANTISED =
  /^(DequantizeLinear|QuantizeLinear|DynamicQuantizeLinear|MatMulInteger|ConvInteger|QLinear\w*|QGemm|MatMulNBits|DynamicQuantizeMatMul|MatMulIntegerToFloat|QAttention|GatherBlockQuantized)$/;

/** Bytes of a file that is worth giving back at once; small ones share their memory with others. */
const LARGE_FILE = 1 << 20;

const HALVES = new Set([10, 16]);
const FLOAT = 1;
const CAST_TO = 'to';

export type PrepareOptions = {
  /** The shape of every input of the file, such as { pixel_values: [16, 3, 224, 224] }. A size of 0 makes it an empty constant. */
  inputs: Readonly<Record<string, readonly number[]>>;
  /** Only these outputs, and what leads to them; all without. */
  outputs?: readonly string[];
};

/**
 * Reads a model file for training. Half-precision models come out in single precision. Throws `TrainingError` for a quantised
 * model, one whose sizes stay unknown, and an input whose shape is not given.
 */
export async function prepare(file: string, options: PrepareOptions): Promise<Prepared> {
  const bytes = readFileSync(file);
  let model: ModelProto;
  try {
    model = decodeModel(bytes);
  } catch (error) {
    throw new TrainingError(`${file} is not an ONNX file (${(error as Error).message}). Copy or download it again.`);
  }
  refuse(model, file);
  if (options.outputs) keepOutputs(model, options.outputs, file);
  halvesToFloats(model);
  plainComparisons(model);
  fixInputs(model, options.inputs, file);
  const parameters = liftParameters(model, path.dirname(file));
  const simple = await simplify(model);
  if (bytes.length > LARGE_FILE) bytes.buffer.transfer(0); // given back now: collected, it would outlive the first steps
  const graph = readGraph(simple, ops, await inferShapes(simple));
  return { graph, parameters, file };
}

function refuse(model: ModelProto, file: string): void {
  const node = model.graph.node.find((n) => QUANTISED.test(n.op_type));
  if (node)
    throw new TrainingError(
      `${path.basename(file)} is a quantised model (it holds ${node.op_type}): its weights are rounded integers, which gradients cannot change. Use the full-precision export of the same model (onnx/model.onnx).`,
    );
  if (model.graph.sparse_initializer?.length || model.functions?.length)
    throw new TrainingError(
      `${path.basename(file)} holds ${model.functions?.length ? 'functions' : 'sparse weights'} of its own, which the lab cannot train. Export it with the TorchScript exporter (dynamo=False).`,
    );
}

/** A value inside the graph may be asked for too. */
function keepOutputs(model: ModelProto, names: readonly string[], file: string): void {
  const { graph } = model;
  const made = new Set(graph.node.flatMap((node) => node.output ?? []));
  for (const name of names)
    if (!made.has(name) && !graph.output.some((o) => o.name === name))
      throw new TrainingError(`${file} has no output ${name}; it gives ${graph.output.map((o) => o.name).join(', ')}.`);
  graph.output = names.map((name) => graph.output.find((o) => o.name === name) ?? { name });
}

/** A model (or a part of it) stored in half precision is computed in single precision while it trains. */
function halvesToFloats(model: ModelProto): void {
  const typed = [...model.graph.input, ...model.graph.output, ...(model.graph.value_info ?? [])];
  for (const info of typed) {
    const tensor = info.type?.tensor_type;
    if (tensor && HALVES.has(tensor.elem_type ?? 0)) tensor.elem_type = FLOAT;
  }
  for (const node of model.graph.node)
    for (const a of node.attribute ?? []) {
      if (node.op_type === 'Cast' && a.name === CAST_TO && HALVES.has(a.i ?? 0)) a.i = FLOAT;
      if (a.t && HALVES.has(a.t.data_type ?? 0)) a.t = floatTensor(a.t, '');
    }
}

/**
 * x ≥ y as not (x < y). Before opset 16 the runtime neither folds nor infers GreaterOrEqual and LessOrEqual of constants, and
 * with them the causal mask of a transformer and every shape that comes after.
 */
function plainComparisons(model: ModelProto): void {
  const { graph } = model;
  if (opsetOf(model) >= 16) return;
  const opposite: Record<string, string> = { GreaterOrEqual: 'Less', LessOrEqual: 'Greater' };
  graph.node = graph.node.flatMap((node) => {
    const other = opposite[node.op_type];
    if (!other || !node.output?.[0]) return [node];
    const between = `${node.output[0]}/opposite`;
    return [
      { ...node, op_type: other, output: [between] },
      { op_type: 'Not', name: `${node.name ?? ''}/not`, input: [between], output: [node.output[0]] },
    ];
  });
}

function floatTensor(tensor: TensorProto, folder: string): TensorProto {
  const { data, shape } = readTensor(tensor, folder);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    ...(tensor.name === undefined ? {} : { name: tensor.name }),
    dims: shape,
    data_type: FLOAT,
    raw_data: bytes,
  };
}

function fixInputs(model: ModelProto, inputs: PrepareOptions['inputs'], file: string): void {
  const { graph } = model;
  const initial = new Set(graph.initializer?.map((t) => t.name));
  graph.input = graph.input.filter((info) => !initial.has(info.name)); // older files list their weights here too
  for (const info of graph.input) {
    const shape = inputs[info.name] ?? shapeOf(info);
    if (shape.some((d) => typeof d === 'string'))
      throw new TrainingError(`${path.basename(file)}: the input ${info.name} [${shape}] needs a fixed shape.`);
    const tensor = info.type?.tensor_type;
    if (tensor) tensor.shape = { dim: shape.map((d) => ({ dim_value: Number(d) })) };
  }
  const empty = graph.input.filter((info) => shapeOf(info).includes(0));
  graph.input = graph.input.filter((info) => !empty.includes(info));
  graph.initializer = [
    ...(graph.initializer ?? []),
    ...empty.map((info) => ({
      name: info.name,
      dims: shapeOf(info).map(Number),
      data_type: info.type?.tensor_type?.elem_type ?? FLOAT,
    })),
  ];
  for (const info of graph.output) if (info.type?.tensor_type) delete info.type.tensor_type.shape;
  graph.value_info = [];
}

/** Ops that take weights; a few numbers without a weight's name that only feed others (a threshold, a scale) stay constants. */
const WEIGHTED = new Set(
  ['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Gather', 'LayerNormalization', 'BatchNormalization', 'Einsum'].concat([
    'GroupNormalization',
    'InstanceNormalization',
    'SimplifiedLayerNormalization',
    'SkipLayerNormalization',
  ]),
);
/** Running statistics of BatchNormalization are not weights. */
const isStatistic = (use: Use) => use.op === 'BatchNormalization' && use.input > 2;

/** Takes every float tensor of more than one number out of the file and makes it an input. */
function liftParameters(model: ModelProto, folder: string): Parameter[] {
  const { graph } = model;
  const uses = usesOf(graph.node);
  const parameters: Parameter[] = [];
  const stay: TensorProto[] = [];
  for (const tensor of graph.initializer ?? []) {
    const element = tensor.data_type ?? 0;
    const isFloatTensor = element === FLOAT || HALVES.has(element);
    const used = (uses.get(tensor.name ?? '') ?? []).filter((use) => use.op !== 'Constant');
    const isParameter =
      isFloatTensor &&
      sizeOf(tensor.dims ?? []) > 1 &&
      used.length > 0 &&
      !used.some(isStatistic) &&
      (sizeOf(tensor.dims ?? []) > 4 ||
        used.some((use) => WEIGHTED.has(use.op)) ||
        /\.(weight|bias)$/.test(tensor.name ?? ''));
    if (!isParameter) {
      stay.push(isFloatTensor || tensor.data_location ? plain(tensor, folder) : tensor);
      continue;
    }
    const { data, shape } = readTensor(tensor, folder);
    if (isMask(data as Float32Array) || isTable(tensor.name ?? '', used, data as Float32Array, shape)) {
      stay.push(plain(tensor, folder));
      continue;
    }
    parameters.push({ name: tensor.name!, shape, data: data as Float32Array, uses: used });
    graph.input.push(floatInput(tensor.name!, shape));
  }
  graph.initializer = stay;
  return parameters;
}

/** Attention masks are stored as floats of 0 and minus infinity, or minus a great number; Swin's as 0 and -100. */
const isMask = (data: Float32Array) =>
  data.some((v) => v < -1e4) || (data.includes(-100) && data.every((v) => v === 0 || v === -100));

/**
 * What the exporter computed ahead, which torch.export names after an op (`unsqueeze_16`, `val_9`): tables of cosines that are
 * multiplied with, scales of one number. A weight folded into another form feeds a matrix product, is added, or has one axis.
 */
const isTable = (name: string, uses: readonly Use[], data: Float32Array, shape: readonly number[]) =>
  /^[a-z]+(_[a-z]+)*(_\d+)?$/.test(name) &&
  ((uses.every((use) => use.op === 'Mul' || use.op === 'Div') && shape.filter((d) => d > 1).length > 1) ||
    data.every((v) => v === data[0]));

const plain = (tensor: TensorProto, folder: string): TensorProto => {
  if (sizeOf(tensor.dims ?? []) === 0) return { ...tensor, data_type: FLOAT };
  const { data, shape, dtype } = readTensor(tensor, folder);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name: tensor.name!, dims: shape, data_type: elementType(dtype), raw_data: bytes };
};

const floatInput = (name: string, shape: readonly number[]): ValueInfoProto => ({
  name,
  type: { tensor_type: { elem_type: FLOAT, shape: { dim: shape.map((d) => ({ dim_value: d })) } } },
});

/** Looks through Cast, Transpose, Reshape, Unsqueeze and Identity to the ops that make something of a weight. */
function usesOf(nodes: readonly NodeProto[]): Map<string, Use[]> {
  const through = new Set(['Cast', 'Identity', 'Transpose', 'Reshape', 'Unsqueeze', 'Slice']);
  const direct = new Map<string, { use: Use; output: string }[]>();
  nodes.forEach((node, index) => {
    (node.input ?? []).forEach((name, input) => {
      const list = direct.get(name) ?? [];
      list.push({ use: { op: node.op_type, node: node.name ?? '', input, index }, output: node.output?.[0] ?? '' });
      direct.set(name, list);
    });
  });
  const follow = (name: string, depth: number): Use[] =>
    (direct.get(name) ?? []).flatMap(({ use, output }) => {
      const further = depth > 0 && through.has(use.op) ? follow(output, depth - 1) : [];
      return further.length > 0 ? further : [use];
    });
  return new Map([...direct.keys()].map((name) => [name, follow(name, 4)]));
}

/** The runtime's own simplification: constants folded, shapes gone, MatMul + Add as Gemm. */
async function simplify(model: ModelProto): Promise<ModelProto> {
  const { InferenceSession } = (await import('onnxruntime-node')).default;
  const folder = mkdtempSync(path.join(tmpdir(), 'lab-training-'));
  const file = path.join(folder, 'simple.onnx');
  try {
    const session = await InferenceSession.create(encodeModel(model), {
      graphOptimizationLevel: 'basic',
      optimizedModelFilePath: file,
      logSeverityLevel: 3,
    });
    await session.release();
    return decodeModel(readFileSync(file));
  } catch (error) {
    throw new TrainingError(`The runtime refuses the model: ${(error as Error).message.trim()}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Shape and type of everything the nodes give: every value is made an output, and the runtime asked what it is. */
async function inferShapes(model: ModelProto): Promise<Map<string, Value>> {
  const { InferenceSession } = (await import('onnxruntime-node')).default;
  const names = [...new Set(model.graph.node.flatMap((node) => node.output ?? []).filter((name) => name !== ''))];
  const session = await InferenceSession.create(
    encodeModel({ ...model, graph: { ...model.graph, output: names.map((name) => ({ name })) } }),
    { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 },
  );
  const found = new Map<string, Value>();
  for (const info of session.outputMetadata) {
    if (!info.isTensor || info.shape.some((d) => typeof d === 'string')) continue;
    const dtype = info.type as Value['dtype'];
    dtypeOf(elementType(dtype));
    found.set(info.name, { name: info.name, shape: info.shape.map(Number), dtype });
  }
  await session.release();
  return found;
}
