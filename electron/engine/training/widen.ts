// Wider MLPs, for speed alone: where rows are a multiple of 4096 bytes long, as a hidden layer of 3072 floats makes them, they
// fall on the same few places of the cache, and products of such matrices are up to a sixth slower (a step of a ViT-B/32: 3 to
// 5 %). A few more columns of zeros set that right. Nothing else changes: what they add is zero, so are their gradients, and an
// optimizer leaves a zero without a gradient alone.
import type { Graph, Node, Shape, Value } from './graph.ts';
import type { TrainedTensor } from './plan.ts';
import { floatAttr, intAttr } from './rule.ts';
import { sizeOf } from './shape.ts';

/** Floats in 4096 bytes. */
const PAGE = 1024;
/** A cache line of floats. */
const MORE = 16;

/** What each op makes of zeros and constants; an op belongs here where its slope at zero is finite. */
const AT_ZERO: Readonly<Record<string, (x: number[], node: Node) => number>> = {
  Add: ([a, b]) => a! + b!,
  Sub: ([a, b]) => a! - b!,
  Mul: ([a, b]) => a! * b!,
  Neg: ([a]) => -a!,
  Relu: ([a]) => Math.max(a!, 0),
  Sigmoid: ([a]) => 1 / (1 + Math.exp(-a!)),
  Tanh: ([a]) => Math.tanh(a!),
  Erf: ([a]) => (a === 0 ? 0 : Number.NaN),
  Gelu: ([a]) => (a === 0 ? 0 : Number.NaN),
  QuickGelu: ([a], { attrs }) => a! / (1 + Math.exp(-floatAttr(attrs, 'alpha', 1.702) * a!)),
  Identity: ([a]) => a!,
  Reshape: ([a]) => a!,
};
/** Ops that take a constant on the right; by zero and to a power below one slopes are not finite. */
const BY_CONSTANT: typeof AT_ZERO = {
  Div: ([a, k]) => (k === 0 ? Number.NaN : a! / k!),
  Pow: ([a, k]) => (k! >= 1 ? a! ** k! : Number.NaN),
};

/** A hidden layer: the values that are as wide as it is, and the weights with the axis of each that is. */
type Layer = { width: number; values: Set<string>; weights: Map<string, number>; nodes: Set<Node> };

/**
 * Rewrites in place, where it pays; the answer holds the tensors as they are trained then, and the shapes of those widened. The
 * memory of numbers that were copied is given back at once, but for those of `keep`.
 */
export function widen(
  g: Graph,
  tensors: readonly TrainedTensor[],
  keep: ReadonlySet<string> = new Set(),
): { tensors: TrainedTensor[]; narrow: Map<string, Shape> } {
  const uses = new Map<string, Node[]>();
  const maker = new Map<string, Node>();
  for (const node of g.nodes) {
    for (const x of node.inputs) if (x) uses.set(x.name, [...(uses.get(x.name) ?? []), node]);
    for (const y of node.outputs) if (y) maker.set(y.name, node);
  }
  const around: Around = {
    uses: (value) => uses.get(value.name) ?? [],
    maker: (value) => maker.get(value.name),
    isWeight: (value) =>
      g.constants.get(value.name)?.data instanceof Float32Array || tensors.some((t) => t.name === value.name),
    constantOf: (value) => {
      const constant = g.constants.get(value.name);
      return constant && sizeOf(constant.value.shape) === 1 ? Number(constant.data[0]) : null;
    },
    isOutput: (value) => g.outputs.some((y) => y.name === value.name),
  };
  const layers: Layer[] = [];
  const seen = new Set<Node>();
  for (const node of g.nodes) {
    if (seen.has(node)) continue;
    const layer = layerFrom(node, around);
    if (!layer) continue;
    layers.push(layer);
    for (const each of layer.nodes) seen.add(each);
  }
  const axes = new Map(layers.flatMap((layer) => [...layer.weights]));
  const wide = new Map(layers.flatMap(({ values, width }) => [...values].map((name) => [name, width] as const)));
  const widened = (value: Value): Value => {
    const axis = axes.get(value.name) ?? (wide.has(value.name) ? value.shape.length - 1 : null);
    return axis === null ? value : { ...value, shape: value.shape.map((d, i) => (i === axis ? d + MORE : d)) };
  };
  g.inputs = g.inputs.map(widened);
  for (const [name, axis] of axes) {
    const constant = g.constants.get(name);
    if (!constant) continue;
    const old = constant.data as Float32Array;
    g.constants.set(name, { value: widened(constant.value), data: withZeros(old, constant.value.shape, axis) });
    if (!keep.has(name)) release(old);
  }
  for (const node of g.nodes.splice(0)) {
    const outputs = node.outputs.map((y) => y && widened(y));
    const inputs = node.inputs.map((x) => x && widened(x));
    const isReshaped = node.op === 'Reshape' && outputs[0] && wide.has(outputs[0].name);
    g.nodes.push({ ...node, inputs: isReshaped ? [inputs[0]!, g.ints(outputs[0]!.shape)] : inputs, outputs });
  }
  const narrow = new Map<string, Shape>();
  const trained = tensors.map((tensor): TrainedTensor => {
    const axis = axes.get(tensor.name);
    if (axis === undefined) return tensor;
    narrow.set(tensor.name, tensor.shape);
    const { shape } = widened({ name: tensor.name, shape: tensor.shape, dtype: 'float32' });
    const data = withZeros(tensor.data, tensor.shape, axis);
    if (!keep.has(tensor.name)) release(tensor.data);
    return { ...tensor, shape, data };
  });
  return { tensors: trained, narrow };
}

type Around = {
  uses(value: Value): Node[];
  maker(value: Value): Node | undefined;
  isWeight(value: Value): boolean;
  /** The number, where the value is a constant of one. */
  constantOf(value: Value): number | null;
  isOutput(value: Value): boolean;
};

/** The layer that a product opens: from weights to as wide a value, through ops on single numbers, to weights again. */
function layerFrom(opening: Node, around: Around): Layer | null {
  const width = opening.outputs[0]?.shape.at(-1);
  if (!width || width % PAGE !== 0) return null;
  const layer: Layer = { width, values: new Set(), weights: new Map(), nodes: new Set() };
  const open: Node[] = [opening];
  for (let node = open.pop(); node; node = open.pop()) {
    if (layer.nodes.has(node)) continue;
    const [y] = node.outputs;
    if (!y || node.outputs.length > 1 || around.isOutput(y) || y.shape.at(-1) !== width) return null;
    layer.nodes.add(node);
    layer.values.add(y.name);
    const before = isProduct(node) ? opens(node, layer, around) : passes(node, layer, around);
    if (!before) return null;
    open.push(...before);
    for (const next of around.uses(y)) if (!closes(next, y, layer, around)) open.push(next);
  }
  return isWhole(layer, around) && hasOwnWeights(layer, around) && staysZero(layer, around) ? layer : null;
}

const isProduct = ({ op }: Node) => op === 'MatMul' || op === 'Gemm';
const isRow = ({ shape }: Value, width: number) => shape.length === 1 && shape[0] === width;

/** Whether the node is a product with weights that makes something as wide; notes its weights. null: it cannot be widened. */
function opens(node: Node, { width, weights }: Layer, around: Around): Node[] | null {
  const [a, b, c] = node.inputs;
  if (!a || !b || b.shape.length !== 2 || !around.isWeight(b) || intAttr(node.attrs, 'transA', 0) === 1) return null;
  if (c && !(isRow(c, width) && around.isWeight(c))) return null;
  weights.set(b.name, intAttr(node.attrs, 'transB', 0) === 1 ? 0 : 1);
  if (c) weights.set(c.name, 0);
  return [];
}

/** Whether the node works on single numbers; notes its weights, and gives the nodes that make its other inputs. */
function passes(node: Node, { width, values, weights }: Layer, around: Around): Node[] | null {
  if (!(node.op in AT_ZERO) && !(node.op in BY_CONSTANT)) return null;
  const before: Node[] = [];
  for (const [i, x] of (node.op === 'Reshape' ? node.inputs.slice(0, 1) : node.inputs).entries()) {
    if (!x) return null;
    const isConstant = around.constantOf(x) !== null;
    if (isConstant && (i > 0 || !(node.op in BY_CONSTANT))) continue;
    if (node.op in BY_CONSTANT && i > 0) return null;
    if (isRow(x, width) && around.isWeight(x)) weights.set(x.name, 0);
    else if (x.shape.at(-1) !== width) return null;
    else if (!values.has(x.name)) {
      const maker = around.maker(x);
      if (!maker) return null;
      before.push(maker);
    }
  }
  return before;
}

/** Whether the node is a product of the layer's value with weights, back to another width; notes the weights. */
function closes(node: Node, value: Value, { weights, nodes }: Layer, around: Around): boolean {
  const [a, b, c] = node.inputs;
  if (!isProduct(node) || a?.name !== value.name || b?.name === value.name || c?.name === value.name) return false;
  if (b?.shape.length !== 2 || !around.isWeight(b) || intAttr(node.attrs, 'transA', 0) === 1) return false;
  const axis = intAttr(node.attrs, 'transB', 0) === 1 ? 1 : 0;
  if ((weights.get(b.name) ?? axis) !== axis) return false;
  weights.set(b.name, axis);
  nodes.add(node);
  return true;
}

/** Whether each product either opens the layer or closes it, and all between reads the layer's values. */
const isWhole = ({ nodes, values, weights }: Layer, around: Around) =>
  [...nodes].every((node) => {
    const [first] = node.inputs;
    if (isProduct(node)) return values.has(first!.name) !== values.has(node.outputs[0]!.name);
    const read = node.op === 'Reshape' ? [first!] : (node.inputs as Value[]);
    return read.every((x) => values.has(x.name) || weights.has(x.name) || around.constantOf(x) !== null);
  });

/** Whether nothing else reads the weights. */
const hasOwnWeights = ({ weights, nodes }: Layer, around: Around) =>
  [...weights.keys()].every((name) =>
    around.uses({ name, shape: [], dtype: 'float32' }).every((node) => nodes.has(node)),
  );

/** Whether zeros stay numbers all the way, and are zeros again where the layer ends. */
function staysZero({ nodes, values }: Layer, around: Around): boolean {
  const known = new Map<string, number>();
  const at = (node: Node): number => {
    const y = node.outputs[0]!;
    const found = known.get(y.name);
    if (found !== undefined) return found;
    const of = (x: Value) => around.constantOf(x) ?? (values.has(x.name) ? at(around.maker(x)!) : 0);
    const rule = AT_ZERO[node.op] ?? BY_CONSTANT[node.op];
    const made = isProduct(node)
      ? 0
      : rule!(
          (node.op === 'Reshape' ? node.inputs.slice(0, 1) : node.inputs).map((x) => of(x!)),
          node,
        );
    known.set(y.name, made);
    return made;
  };
  const closing = [...nodes].filter((node) => isProduct(node) && !values.has(node.outputs[0]!.name));
  return (
    closing.length > 0 &&
    [...nodes].filter((node) => values.has(node.outputs[0]!.name)).every((node) => Number.isFinite(at(node))) &&
    closing.every((node) => at(around.maker(node.inputs[0]!)!) === 0)
  );
}

/** Gives memory back that is an array's own. */
function release({ buffer, byteLength }: Float32Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** A copy with zeros after the last of an axis. */
function withZeros(data: Float32Array, shape: Shape, axis: number): Float32Array {
  const inner = sizeOf(shape.slice(axis));
  const gap = MORE * sizeOf(shape.slice(axis + 1));
  const outer = data.length / inner;
  const out = new Float32Array(outer * (inner + gap));
  for (let i = 0; i < outer; i++) out.set(data.subarray(i * inner, (i + 1) * inner), i * (inner + gap));
  return out;
}

/** The numbers of a widened tensor [`wide`] that belong to its own shape [`narrow`]. */
export function withoutZeros(data: Float32Array, wide: Shape, narrow: Shape): Float32Array {
  const axis = wide.findIndex((d, i) => d !== narrow[i]);
  if (axis < 0) return data;
  const [from, to] = [sizeOf(wide.slice(axis)), sizeOf(narrow.slice(axis))];
  const out = new Float32Array(sizeOf(narrow));
  for (let i = 0; i < out.length / to; i++) out.set(data.subarray(i * from, i * from + to), i * to);
  return out;
}
