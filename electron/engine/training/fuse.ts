// Rewrites of a forward graph that make its gradient cheaper: fewer passes over large values, fewer values kept for the way back.
import type { Graph, Node, Value } from './graph.ts';
import { isPatchwise, patchRows, type Window, windowOf } from './ops/convolution.ts';
import { float, floatAttr, intAttr } from './rule.ts';
import { range, sizeOf } from './shape.ts';

/** Rewrites in place; the outputs keep their names. What is no longer needed is left for `prune`. */
export function fuse(g: Graph): void {
  const uses = new Map<string, Node[]>();
  const maker = new Map<string, Node>();
  for (const node of g.nodes) {
    for (const x of node.inputs) if (x) uses.set(x.name, [...(uses.get(x.name) ?? []), node]);
    for (const y of node.outputs) if (y) maker.set(y.name, node);
  }
  const ends = new Set(g.outputs.map((value) => value.name));
  const around: Around = {
    maker: (value) => maker.get(value.name),
    /** The one node that takes a value, or none where there are several or it is an output. */
    taker: (value) => {
      const all = uses.get(value.name) ?? [];
      return all.length === 1 && !ends.has(value.name) ? all[0] : undefined;
    },
  };
  for (const node of [...g.nodes]) fuseGate(g, node, around, uses);
  multiplyPatches(g, around);
  biasAfter(g);
}

/** Pixels in a patch's row from which on copying patches together costs little. */
const PATCH = 8;

/**
 * A vision transformer's patch embedding as one product: its convolution takes twice as long. Exports lay the result out as
 * tokens next, which the product's rows are already.
 */
function multiplyPatches(g: Graph, around: Around): void {
  const gone = new Set<Node>();
  for (const node of g.nodes.splice(0)) {
    if (gone.has(node)) continue;
    const window = patchesOf(node);
    if (!window) {
      g.nodes.push(node);
      continue;
    }
    const [x, w, bias] = node.inputs;
    const y = node.outputs[0]!;
    const weights = g.reshape(w!, [w!.shape[0]!, sizeOf(w!.shape.slice(1))]);
    const rows = g.gemm(patchRows(g, x!, window), weights, { transB: true, ...(bias ? { bias } : {}) });
    const flat = around.taker(y);
    const tokens =
      flat?.op === 'Reshape' && flat.outputs[0]!.shape.length === 3 ? around.taker(flat.outputs[0]!) : null;
    if (flat && tokens?.op === 'Transpose' && String(tokens.attrs.perm) === '0,2,1') {
      gone.add(flat).add(tokens);
      g.reshape(rows, tokens.outputs[0]!.shape);
      g.nodes.at(-1)!.outputs = tokens.outputs;
      continue;
    }
    const d = window.kernel.length;
    const image = g.reshape(rows, [x!.shape[0]!, ...window.out, w!.shape[0]!]);
    g.transpose(image, [0, d + 1, ...range(d).map((i) => i + 1)]);
    g.nodes.at(-1)!.outputs = [y];
  }
}

/** The window of a convolution that multiplies large patches side by side. */
function patchesOf({ op, inputs: [x, w], attrs }: Node): Window | null {
  if (op !== 'Conv' || intAttr(attrs, 'group', 1) !== 1) return null;
  const [size, kernel] = [x!.shape.slice(2), w!.shape.slice(2)];
  const window = windowOf(size, kernel, attrs);
  const isLarge = x!.shape[0]! * sizeOf(window.out) * w!.shape[0]! >= LARGE;
  return isLarge && kernel.at(-1)! >= PATCH && isPatchwise(size, window) ? window : null;
}

/** Numbers of a product from which on rewriting pays: its bias is better added afterwards, patches better copied together. */
export const LARGE = 65_536;

/**
 * The runtime writes a bias into every row on one thread and then multiplies on top of that; added in place by all threads
 * afterwards it costs half (where the weights are frozen: 2 to 3 % of a step of a ViT-B/32).
 */
function biasAfter(g: Graph): void {
  for (const node of g.nodes.splice(0)) {
    const [a, b, c] = node.inputs;
    const y = node.outputs[0]!;
    if (node.op !== 'Gemm' || !c || c.shape.length > 1 || sizeOf(y.shape) < LARGE) {
      g.nodes.push(node);
      continue;
    }
    const product = { ...y, name: g.claim(g.fresh(`${y.name}.product`)) };
    const { beta: _, ...attrs } = node.attrs;
    g.nodes.push({ ...node, inputs: [a!, b!], outputs: [product], attrs });
    g.add(product, g.scale(c, floatAttr(node.attrs, 'beta', 1)));
    g.nodes.at(-1)!.outputs = [y];
  }
}

type Around = { maker(value: Value): Node | undefined; taker(value: Value): Node | undefined };

/** x · sigmoid(k x), as exports write SiLU and CLIP's GELU, becomes QuickGelu. */
function fuseGate(g: Graph, node: Node, around: Around, uses: ReadonlyMap<string, Node[]>): void {
  if (node.op !== 'Mul' || node.domain !== '') return;
  const [a, b] = node.inputs as [Value, Value];
  for (const [x, gate] of [
    [a, b],
    [b, a],
  ] as const) {
    const sigmoid = around.maker(gate);
    if (sigmoid?.op !== 'Sigmoid') continue;
    const inner = sigmoid.inputs[0]!;
    const k = inner.name === x.name ? 1 : factorOf(g, around.maker(inner), x);
    if (k === null) continue;
    const others = (uses.get(x.name) ?? []).filter((n) => n !== node && n !== sigmoid && n !== around.maker(inner));
    const alpha = others.length === 0 && k !== 1 && moveFactor(around, x, node.outputs[0]!, k) ? 1 : k;
    const fused = { ...node, op: 'QuickGelu', domain: 'com.microsoft', inputs: [x], attrs: { alpha: float(alpha) } };
    g.nodes.splice(g.nodes.indexOf(node), 1, fused);
    return;
  }
}

/** k where the node is x times the constant k. */
function factorOf(g: Graph, node: Node | undefined, x: Value): number | null {
  if (node?.op !== 'Mul') return null;
  const other = node.inputs.find((value) => value?.name !== x.name);
  const constant = other && g.constants.get(other.name);
  const isProduct = node.inputs.some((value) => value?.name === x.name);
  return isProduct && constant && sizeOf(constant.value.shape) === 1 ? Number(constant.data[0]) : null;
}

/**
 * x sigmoid(k x) is u sigmoid(u) / k with u = k x: where x comes out of one Gemm and y goes into one Gemm, they multiply with
 * k and 1/k for nothing.
 */
function moveFactor(around: Around, x: Value, y: Value, k: number): boolean {
  const before = throughReshapes(around.maker(x), (node) => {
    const from = node.inputs[0]!;
    return around.taker(from) === node ? around.maker(from) : undefined;
  });
  const after = throughReshapes(around.taker(y), (node) => around.taker(node.outputs[0]!));
  const plain = (node: Node) => floatAttr(node.attrs, 'alpha', 1) === 1 && floatAttr(node.attrs, 'beta', 1) === 1;
  if (before?.op !== 'Gemm' || after?.op !== 'Gemm' || before === after || !plain(before) || !plain(after))
    return false;
  (before as { attrs: Node['attrs'] }).attrs = { ...before.attrs, alpha: float(k), beta: float(k) };
  (after as { attrs: Node['attrs'] }).attrs = { ...after.attrs, alpha: float(1 / k) };
  return true;
}

function throughReshapes(node: Node | undefined, next: (node: Node) => Node | undefined): Node | undefined {
  let at = node;
  while (at?.op === 'Reshape') at = next(at);
  return at;
}
