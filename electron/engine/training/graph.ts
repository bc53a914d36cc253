// The graph that is differentiated: static shapes, values by name, nodes in an order that can be run.
// `createGraph` gives the builder every rule and loss emits its nodes with.

import { float, type OpRule, TrainingError } from './rule.ts';
import { sizeOf } from './shape.ts';

export type DType = 'float32' | 'float64' | 'int64' | 'int32' | 'bool' | 'uint8' | 'int8';
export type Shape = readonly number[];
export type Value = { readonly name: string; readonly shape: Shape; readonly dtype: DType };

/** A float attribute; plain numbers are integers, as ONNX tells them apart. */
export type FloatAttr = { readonly float: number };
export type FloatsAttr = { readonly floats: readonly number[] };
export type Attr = number | string | readonly number[] | readonly string[] | FloatAttr | FloatsAttr | ConstantData;
export type Attrs = Readonly<Record<string, Attr>>;

export type ConstantData = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;
/** A tensor known before the graph runs; bool is Uint8Array of 0 and 1. */
export type Constant = { readonly value: Value; readonly data: ConstantData };

export type Node = {
  readonly op: string;
  /** '' for ONNX's own operators, else such as 'com.microsoft'. */
  readonly domain: string;
  readonly name: string;
  /** null: an optional input that is left out. */
  readonly inputs: readonly (Value | null)[];
  /** Optional outputs may be added by a rule that wants them saved (`addOutput`). */
  outputs: (Value | null)[];
  readonly attrs: Attrs;
};

export type Graph = {
  readonly opset: number;
  readonly nodes: Node[];
  readonly constants: Map<string, Constant>;
  inputs: Value[];
  outputs: Value[];

  /** A fresh name that begins with `prefix`. */
  fresh(prefix?: string): string;
  /** Keeps a name from being given out: for nodes that are put into the graph ready-made. */
  claim(name: string): string;
  /** Declares a graph input. */
  input(name: string, shape: Shape, dtype?: DType): Value;
  /** Emits one node; the shapes of its outputs come from the op's rule. */
  emit(op: string, inputs: readonly (Value | null)[], attrs?: Attrs): Value;
  /** The same for an op with several outputs. */
  emitAll(op: string, inputs: readonly (Value | null)[], attrs: Attrs, outputs: number): Value[];
  /** Emits a node of another domain, such as 'com.microsoft', whose output shape the caller states. */
  emitForeign(domain: string, op: string, inputs: readonly (Value | null)[], attrs: Attrs, shape: Shape): Value;
  /** Asks an existing node for its optional output `index`. */
  addOutput(node: Node, index: number, shape: Shape, dtype?: DType): Value;

  constant(data: ConstantData, shape: Shape, dtype?: DType, name?: string): Value;
  /** A one-dimensional int64 constant, for axes and target shapes. */
  ints(values: readonly number[]): Value;
  /** A float32 constant of shape []. */
  scalar(value: number): Value;
  /** A float32 tensor of one repeated value. */
  full(shape: Shape, value: number): Value;
  /** The integers of a constant; throws `TrainingError` naming the node's op when it is computed at run time. */
  intsOf(value: Value | null | undefined, what: string): number[];

  add(a: Value, b: Value): Value;
  sub(a: Value, b: Value): Value;
  mul(a: Value, b: Value): Value;
  div(a: Value, b: Value): Value;
  neg(a: Value): Value;
  scale(a: Value, k: number): Value;
  matmul(a: Value, b: Value): Value;
  /** a [m,k] or [k,m] with transA, b likewise; both two-dimensional. */
  gemm(a: Value, b: Value, options?: { transA?: boolean; transB?: boolean; bias?: Value; alpha?: number }): Value;
  transpose(a: Value, perm: readonly number[]): Value;
  /** Swaps the last two axes. */
  swapLast(a: Value): Value;
  reshape(a: Value, shape: Shape): Value;
  /** Sums over axes; no axes: the value itself. */
  sum(a: Value, axes: readonly number[], keepdims?: boolean): Value;
  mean(a: Value, axes: readonly number[], keepdims?: boolean): Value;
  /** Expands to `shape` by broadcasting. */
  expand(a: Value, shape: Shape): Value;
  /** a[from:to] along one axis. */
  slice(a: Value, axis: number, from: number, to: number): Value;
  cast(a: Value, dtype: DType): Value;
};

const ELEMENT: Record<DType, number> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float64: 11 };
/** ONNX's number for an element type. */
export const elementType = (dtype: DType): number => ELEMENT[dtype];
export function dtypeOf(element: number): DType {
  const found = Object.entries(ELEMENT).find(([, n]) => n === element);
  if (!found) throw new Error(`Tensors of ONNX element type ${element} cannot take part in training.`);
  return found[0] as DType;
}

export function dtypeOfData(data: ConstantData): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  return data instanceof Int8Array ? 'int8' : 'uint8';
}

/** `rules`: the op table; handed in so that ops may import this file. */
export function createGraph(rules: Readonly<Record<string, OpRule>>, opset = 20): Graph {
  const names = new Set<string>();
  const pooled = new Map<string, Value>();
  let count = 0;
  const claim = (name: string) => {
    if (names.has(name)) throw new Error(`Two values are called ${name}.`);
    names.add(name);
    return name;
  };
  const ruleOf = (op: string) => {
    const rule = rules[op];
    if (!rule) throw new Error(`There is no rule for the op ${op}.`);
    return rule;
  };

  const g: Graph = {
    opset,
    nodes: [],
    constants: new Map(),
    inputs: [],
    outputs: [],
    fresh(prefix = 't') {
      let name: string;
      do name = `${prefix}.${count++}`;
      while (names.has(name));
      return name;
    },
    claim,
    input(name, shape, dtype = 'float32') {
      const value = { name: claim(name), shape, dtype };
      g.inputs.push(value);
      return value;
    },
    emit: (op, inputs, attrs = {}) => g.emitAll(op, inputs, attrs, 1)[0]!,
    emitAll(op, inputs, attrs, outputs) {
      const rule = ruleOf(op);
      const shapes = rule.shapes(inputs, attrs, g, outputs);
      const dtypes = rule.dtypes?.(inputs, attrs) ?? [];
      const values = shapes.slice(0, outputs).map((shape, i) => ({
        name: claim(g.fresh()),
        shape,
        dtype: dtypes[i] ?? inputs[0]!.dtype,
      }));
      const dot = op.lastIndexOf('.'); // com.microsoft.QuickGelu
      g.nodes.push({
        op: op.slice(dot + 1),
        domain: op.slice(0, Math.max(dot, 0)),
        name: g.fresh(op),
        inputs,
        outputs: values,
        attrs,
      });
      return values;
    },
    emitForeign(domain, op, inputs, attrs, shape) {
      const value: Value = { name: claim(g.fresh()), shape, dtype: inputs[0]!.dtype };
      g.nodes.push({ op, domain, name: g.fresh(op), inputs, outputs: [value], attrs });
      return value;
    },
    addOutput(node, index, shape, dtype = 'float32') {
      const there = node.outputs[index];
      if (there) return there;
      const value = { name: claim(g.fresh(node.outputs[0]!.name)), shape, dtype };
      while (node.outputs.length < index) node.outputs.push(null);
      node.outputs[index] = value;
      return value;
    },
    constant(data, shape, dtype = dtypeOfData(data), name = g.fresh('c')) {
      if (data.length !== sizeOf(shape)) throw new Error(`${name}: ${data.length} numbers for the shape [${shape}].`);
      const value = { name: claim(name), shape, dtype };
      g.constants.set(name, { value, data });
      return value;
    },
    ints: (values) => pool(`i${values}`, () => g.constant(BigInt64Array.from(values, BigInt), [values.length])),
    scalar: (value) => pool(`f${value}`, () => g.constant(Float32Array.of(value), [])),
    full: (shape, value) => (shape.length === 0 ? g.scalar(value) : g.expand(g.scalar(value), shape)),
    intsOf(value, what) {
      const constant = value && g.constants.get(value.name);
      if (!constant) throw new TrainingError(`${what} is computed while the model runs; training needs it fixed.`);
      return Array.from(constant.data as ArrayLike<number | bigint>, Number);
    },

    add: (a, b) => g.emit('Add', [a, b]),
    sub: (a, b) => g.emit('Sub', [a, b]),
    mul: (a, b) => g.emit('Mul', [a, b]),
    div: (a, b) => g.emit('Div', [a, b]),
    neg: (a) => g.emit('Neg', [a]),
    scale: (a, k) => (k === 1 ? a : g.mul(a, g.scalar(k))),
    matmul: (a, b) => g.emit('MatMul', [a, b]),
    gemm: (a, b, { transA = false, transB = false, bias, alpha = 1 } = {}) =>
      g.emit('Gemm', bias ? [a, b, bias] : [a, b], {
        transA: transA ? 1 : 0,
        transB: transB ? 1 : 0,
        ...(alpha === 1 ? {} : { alpha: float(alpha) }),
      }),
    transpose: (a, perm) => (perm.every((p, i) => p === i) ? a : g.emit('Transpose', [a], { perm })),
    swapLast: (a) => {
      const r = a.shape.length;
      return g.transpose(a, [...a.shape.keys()].slice(0, -2).concat(r - 1, r - 2));
    },
    reshape: (a, shape) => (String(a.shape) === String(shape) ? a : g.emit('Reshape', [a, g.ints(shape)])),
    sum: (a, axes, keepdims = true) =>
      axes.length === 0 ? a : g.emit('ReduceSum', [a, g.ints(axes)], { keepdims: keepdims ? 1 : 0 }),
    mean: (a, axes, keepdims = true) =>
      axes.length === 0 ? a : g.emit('ReduceMean', [a, g.ints(axes)], { keepdims: keepdims ? 1 : 0 }),
    expand: (a, shape) => (String(a.shape) === String(shape) ? a : g.emit('Expand', [a, g.ints(shape)])),
    slice: (a, axis, from, to) =>
      from === 0 && to === a.shape[axis] ? a : g.emit('Slice', [a, g.ints([from]), g.ints([to]), g.ints([axis])]),
    cast: (a, dtype) => (a.dtype === dtype ? a : g.emit('Cast', [a], { to: elementType(dtype) })),
  };
  function pool(key: string, make: () => Value): Value {
    const there = pooled.get(key);
    if (there && g.constants.has(there.name)) return there; // it may have been pruned
    const made = make();
    pooled.set(key, made);
    return made;
  }
  return g;
}
