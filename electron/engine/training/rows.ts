// A classifier reads one row of its last block's output, the class token's; exports compute all rows and pick that one at the
// end. Picked before, the last block's queries, output projection and MLP are worked out for one row instead of fifty.
import type { Graph, Node, Shape, Value } from './graph.ts';
import { ops } from './ops/index.ts';
import { intAttr, intsAttr } from './rule.ts';
import { axisOf, sizeOf } from './shape.ts';

/**
 * Rows `from` up to `to` of `size`, each `inner` numbers long, in each of `outer` stretches of a value's numbers. Said without
 * axes, so that it holds through a Reshape.
 */
type Rows = { outer: number; size: number; inner: number; from: number; to: number };
/** What of each input a node needs to give some rows of its output; null: all of it. */
type Needs = (Rows | null)[];

const COSTLY = /^(MatMul|Gemm)$/;

/** Rewrites in place, keeping the names of the outputs. Values that anyone reads whole stay as they are. */
export function pickRowsFirst(g: Graph): void {
  const wanted = new Map<string, Rows | 'all'>(g.outputs.map((value) => [value.name, 'all']));
  const want = (value: Value | null, rows: Rows | null) => {
    if (!value) return;
    const before = wanted.get(value.name);
    wanted.set(value.name, rows && (!before || isSame(before, rows)) ? rows : 'all');
  };
  const needs = new Map<Node, Needs>();
  for (const node of g.nodes.toReversed()) {
    const [y, ...others] = node.outputs;
    const rows = y ? wanted.get(y.name) : undefined;
    const picked = pickedBy(g, node);
    const through = rows && rows !== 'all' && !others.some((o) => o && wanted.has(o.name)) ? needsOf(node, rows) : null;
    if (through) needs.set(node, through);
    for (const [i, x] of node.inputs.entries()) want(x, through ? through[i]! : i === 0 ? picked : null);
  }
  if (![...needs.keys()].some((node) => COSTLY.test(node.op))) return;

  const cut = new Map<string, Value>();
  const take = (value: Value, rows: Rows): Value => {
    const key = `${value.name} ${rows.from} ${rows.to} ${rows.inner}`;
    const made = cut.get(value.name) ?? cut.get(key) ?? slice(g, value, rows);
    if (!cut.has(value.name)) cut.set(key, made);
    return made;
  };
  for (const node of g.nodes.splice(0)) {
    const y = node.outputs[0]!;
    const through = needs.get(node);
    const picked = pickedBy(g, node);
    if (through) {
      const inputs = node.inputs.map((x, i) => (x && through[i] ? take(x, through[i]) : x));
      cut.set(y.name, fewer(g, node, inputs, wanted.get(y.name) as Rows));
    } else if (picked && cut.has(node.inputs[0]!.name)) {
      const shape = g.ints(y.shape);
      g.nodes.push({ ...node, op: 'Reshape', inputs: [take(node.inputs[0]!, picked), shape], attrs: {} });
    } else g.nodes.push(node);
  }
}

const isSame = (a: Rows | 'all', b: Rows) =>
  a !== 'all' && a.size === b.size && a.inner === b.inner && a.from === b.from && a.to === b.to;

/** The node's rows where it does nothing but pick neighbouring ones along one axis. */
function pickedBy(g: Graph, { op, inputs, attrs, outputs }: Node): Rows | null {
  const [x, ...rest] = inputs;
  if (outputs[0] && x && sizeOf(outputs[0].shape) === sizeOf(x.shape)) return null;
  if ((op !== 'Gather' && op !== 'Slice') || !x || !rest.every((v) => v && g.constants.has(v.name))) return null;
  const numbers = rest.map((v) => Array.from(g.constants.get(v!.name)!.data as ArrayLike<number | bigint>, Number));
  if (op === 'Gather') {
    const axis = axisOf(intAttr(attrs, 'axis', 0), x.shape.length);
    const [index, ...more] = numbers[0]!;
    if (index === undefined || more.length > 0) return null;
    const from = axisOf(index, x.shape[axis]!);
    return { ...around(x.shape, axis), from, to: from + 1 };
  }
  const [starts, , axes = [0], steps = [1]] = numbers;
  if (starts!.length !== 1 || steps[0] !== 1) return null;
  const axis = axisOf(axes[0]!, x.shape.length);
  const from = Math.min(axisOf(starts![0]!, x.shape[axis]!), x.shape[axis]!);
  return { ...around(x.shape, axis), from, to: from + outputs[0]!.shape[axis]! };
}

const around = (shape: Shape, axis: number) => ({
  outer: sizeOf(shape.slice(0, axis)),
  size: shape[axis]!,
  inner: sizeOf(shape.slice(axis + 1)),
});

/** The axis that is made of the rows, or of several stretches of them; -1 where they lie across axes. */
function axisWith(shape: Shape, { outer, size, inner }: Rows): number {
  return shape.findIndex((_, i) => {
    const at = around(shape, i);
    return at.size >= size && at.size % size === 0 && outer % at.outer === 0 && inner % at.inner === 0;
  });
}

/** The axis that is made of the rows and nothing else. */
const axisOfRows = (shape: Shape, { outer, size }: Rows) =>
  shape.findIndex((d, i) => d === size && sizeOf(shape.slice(0, i)) === outer);

function shapeOfRows(shape: Shape, rows: Rows): number[] {
  const at = axisWith(shape, rows);
  return shape.map((d, i) => (i === at ? (d / rows.size) * (rows.to - rows.from) : d));
}

function slice(g: Graph, value: Value, rows: Rows): Value {
  const { outer, size, inner, from, to } = rows;
  const axis = axisOfRows(value.shape, rows);
  if (axis >= 0) return g.slice(value, axis, from, to);
  return g.reshape(g.slice(g.reshape(value, [outer, size, inner]), 1, from, to), shapeOfRows(value.shape, rows));
}

const ELEMENTWISE =
  /^(Add|Sub|Mul|Div|Neg|Pow|Sqrt|Exp|Log|Reciprocal|Abs|Min|Max|Clip|Relu|LeakyRelu|Sigmoid|Tanh|Erf|Gelu|QuickGelu|HardSwish|HardSigmoid|Where|Cast|Identity|Softplus|Elu|Not|Equal|Less|Greater)$/;
const SAME_ORDER = /^(Reshape|Squeeze|Unsqueeze|Flatten)$/;

/** null: the node works across rows, or it cannot be told. */
function needsOf(node: Node, rows: Rows): Needs | null {
  const { op, attrs, inputs } = node;
  const { shape } = node.outputs[0]!;
  if (axisWith(shape, rows) < 0) return null;
  const first = (needed: Rows): Needs => inputs.map((_, i) => (i === 0 ? needed : null));
  const x = inputs[0];
  if (!x || !ops[fullName(node)]) return null;
  if (ELEMENTWISE.test(op)) return broadcastNeeds(shape, inputs, rows);
  if (SAME_ORDER.test(op)) return axisWith(x.shape, rows) < 0 ? null : first(rows);
  if (op === 'Transpose') {
    const axis = axisOfRows(shape, rows);
    const from = intsAttr(attrs, 'perm')?.[axis];
    return from === undefined ? null : first({ ...rows, ...around(x.shape, from) });
  }
  if (op === 'LayerNormalization' || op === 'Softmax' || op === 'LogSoftmax') {
    const axis = axisOf(intAttr(attrs, 'axis', -1), shape.length);
    return rows.inner % sizeOf(shape.slice(axis)) === 0 ? first(rows) : null;
  }
  if (op === 'Gemm') {
    const bias = inputs[2];
    const isOneRow = !bias || bias.shape.length < 2 || bias.shape[0] === 1;
    const needed = isOneRow && intAttr(attrs, 'transA', 0) === 0 ? ofLeft(x, shape, rows) : null;
    return needed && first(needed);
  }
  if (op === 'MatMul' && x.shape.length > 1 && inputs[1]!.shape.length > 1) {
    const isOneMatrix = inputs[1]!.shape.length === 2;
    if (!isOneMatrix && axisOfRows(shape, rows) !== shape.length - 2) return null;
    const needed = isOneMatrix ? ofLeft(x, shape, rows) : { ...rows, ...around(x.shape, x.shape.length - 2) };
    return needed && first(needed);
  }
  return null;
}

/** The left matrix's rows for those of a product, whose rows are as many numbers long as it has columns. */
function ofLeft(left: Value, product: Shape, rows: Rows): Rows | null {
  const inner = rows.inner / product.at(-1)!;
  return Number.isInteger(inner) ? { ...rows, inner: inner * left.shape.at(-1)! } : null;
}

function broadcastNeeds(shape: Shape, inputs: readonly (Value | null)[], rows: Rows): Needs | null {
  const axis = axisWith(shape, rows);
  const isWhole = axisOfRows(shape, rows) >= 0;
  const needs: Needs = [];
  for (const x of inputs) {
    const at = axis - shape.length + (x?.shape.length ?? 0);
    if (!x || at < 0 || x.shape[at] === 1) needs.push(null);
    else if (sizeOf(x.shape) === sizeOf(shape)) needs.push(rows);
    else if (isWhole) needs.push({ ...rows, ...around(x.shape, at) });
    else return null;
  }
  return needs;
}

/** The node again with fewer rows in its inputs. */
function fewer(g: Graph, node: Node, inputs: readonly (Value | null)[], rows: Rows): Value {
  if (SAME_ORDER.test(node.op)) return g.reshape(inputs[0]!, shapeOfRows(node.outputs[0]!.shape, rows));
  return g.emit(fullName(node), inputs, node.attrs);
}

const fullName = ({ domain, op }: Node) => (domain ? `${domain}.${op}` : op);
