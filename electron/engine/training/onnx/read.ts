// The nodes of an ONNX file (or of the runtime's own simplification of one) as a graph, in the forms of opset 20.
import { type Attr, type Attrs, createGraph, dtypeOf, type Graph, type Node, type Value } from '../graph.ts';
import type { OpRule } from '../rule.ts';
import { TrainingError } from '../rule.ts';
import { ATTRIBUTE, type AttributeProto, type ModelProto, type NodeProto, type ValueInfoProto } from './proto.ts';
import { readTensor } from './tensors.ts';
import { OPSET, upgradeNode } from './upgrade.ts';

const text = new TextDecoder();

function attrOf(a: AttributeProto, node: NodeProto): Attr {
  switch (a.type) {
    case ATTRIBUTE.INT:
      return a.i ?? 0;
    case ATTRIBUTE.FLOAT:
      return { float: a.f ?? 0 };
    case ATTRIBUTE.STRING:
      return text.decode(a.s);
    case ATTRIBUTE.INTS:
      return a.ints ?? [];
    case ATTRIBUTE.FLOATS:
      return { floats: a.floats ?? [] };
    case ATTRIBUTE.STRINGS:
      return (a.strings ?? []).map((s) => text.decode(s));
    case ATTRIBUTE.TENSOR:
      return readTensor(a.t ?? {}, '').data;
    default:
      throw new TrainingError(
        `${node.op_type} (node ${node.name}) has the attribute ${a.name}, which holds a graph of its own: loops and branches cannot be differentiated. Export the model without them.`,
      );
  }
}

/** The opset of ONNX's own operators that a file asks for. */
export const opsetOf = (model: ModelProto): number =>
  model.opset_import.find((o) => !o.domain || o.domain === 'ai.onnx')?.version ?? 1;

export const shapeOf = (info: ValueInfoProto): (number | string)[] =>
  (info.type?.tensor_type?.shape?.dim ?? []).map((d) => d.dim_param || (d.dim_value ?? 0));

/** Shape and type of every node's output, by name. */
export type Shapes = ReadonlyMap<string, Value>;

/** Constants come from the initializers; `shapes` knows everything the nodes give. */
export function readGraph(model: ModelProto, rules: Readonly<Record<string, OpRule>>, shapes: Shapes): Graph {
  const opset = opsetOf(model);
  const g = createGraph(rules, Math.max(opset, OPSET));
  const values = new Map<string, Value>();
  const know = (value: Value) => values.set(value.name, value);
  const { graph } = model;
  // a file the lab wrote holds names as the graph itself gives them
  for (const name of new Set(graph.node.flatMap((proto) => proto.output ?? []))) if (name) g.claim(name);
  for (const info of graph.input) {
    if (graph.initializer?.some((t) => t.name === info.name)) continue;
    const dtype = dtypeOf(info.type?.tensor_type?.elem_type ?? 1);
    know(g.input(info.name, shapeOf(info).map(Number), dtype));
  }
  for (const tensor of graph.initializer ?? []) {
    const { data, shape, dtype } = readTensor(tensor, '');
    // under a name of ours: the runtime fails where it meets names it made itself before, such as gemm_input_shape
    values.set(tensor.name ?? '', g.constant(data, shape, dtype));
  }
  const readNode = (proto: NodeProto) => {
    const bare: Node = {
      op: proto.op_type,
      domain: proto.domain === 'ai.onnx' ? '' : (proto.domain ?? ''),
      name: proto.name ?? '',
      inputs: (proto.input ?? []).map((name) => (name ? required(values, name, proto) : null)),
      outputs: [],
      attrs: Object.fromEntries((proto.attribute ?? []).map((a) => [a.name, attrOf(a, proto)])) as Attrs,
    };
    const node = { ...bare, outputs: outputsOf(g, rules, bare, proto, shapes, opset) };
    for (const y of node.outputs) if (y) know(y);
    g.nodes.push(...upgradeNode(g, node, opset));
  };
  for (const proto of graph.node) named(proto, readNode);
  g.outputs = graph.output.map((info) => {
    const value = values.get(info.name);
    if (!value) throw new TrainingError(`The model's output ${info.name} is computed by no node.`);
    return value;
  });
  return g;
}

/** What a rule cannot read is told with the node it is. */
function named(proto: NodeProto, read: (proto: NodeProto) => void): void {
  try {
    read(proto);
  } catch (error) {
    const at = `${proto.op_type} (node ${proto.name})`;
    if (!(error instanceof TrainingError) || error.message.startsWith(at)) throw error;
    throw new TrainingError(
      `The lab cannot train a model with this form of ${at}: ${error.message.replace(/\.$/, '')}. Train a head on its frozen features.`,
    );
  }
}

/**
 * What a node gives. An empty shape from the runtime is a single number or one it does not know (it infers nothing for some
 * ops of older opsets, GreaterOrEqual of 12 for one, nor for what comes after): then the op's rule is asked.
 */
function outputsOf(
  g: Graph,
  rules: Readonly<Record<string, OpRule>>,
  node: Node,
  proto: NodeProto,
  shapes: Shapes,
  opset: number,
): (Value | null)[] {
  const names = proto.output ?? [];
  const isKnown = (name: string) => !name || (shapes.get(name)?.shape.length ?? 0) > 0;
  if (names.every(isKnown)) return names.map((name) => (name ? shapes.get(name)! : null));
  const placeholders = names.map((name): Value => shapes.get(name) ?? { name, shape: [], dtype: 'float32' });
  const before = g.nodes.length;
  const [form, ...more] = upgradeNode(g, { ...node, outputs: placeholders }, opset);
  g.nodes.length = before;
  const rule = form?.domain === '' && more.length === 0 ? rules[form.op] : undefined;
  if (!form || !rule) return names.map((name) => (name ? required(shapes, name, proto) : null));
  const own = rule.shapes(form.inputs, form.attrs, g, names.length);
  const dtypes = rule.dtypes?.(form.inputs, form.attrs) ?? [];
  return names.map((name, i) => {
    if (!name || isKnown(name)) return name ? shapes.get(name)! : null;
    const dtype = shapes.get(name)?.dtype ?? dtypes[i] ?? form.inputs[0]?.dtype ?? 'float32';
    return { name, shape: own[i]!, dtype };
  });
}

function required(values: Shapes, name: string, node: NodeProto): Value {
  const value = values.get(name);
  if (!value)
    throw new TrainingError(
      `${node.op_type} (node ${node.name}) refers to ${name}, whose shape is not fixed. Give all inputs fixed sizes, or export the model without data-dependent shapes.`,
    );
  return value;
}
