// Attention's keys are turned round before their product with the queries. The runtime's products can do that themselves, but it
// first joins the turn with the one that puts the heads in front, to one that moves single numbers and takes three times as
// long as both should (1 to 2 % of a step of a ViT-B/32).
import { LARGE } from './fuse.ts';
import type { Graph, Node, Value } from './graph.ts';
import { intsAttr } from './rule.ts';
import { sizeOf } from './shape.ts';

/** Rewrites in place, at the end: what is no longer needed is left for `prune`. The outputs keep their names. */
export function turnInProducts(g: Graph): void {
  const maker = new Map<string, Node>();
  const takers = new Map<string, Node[]>();
  for (const node of g.nodes) {
    for (const y of node.outputs) if (y) maker.set(y.name, node);
    for (const x of node.inputs) if (x) takers.set(x.name, [...(takers.get(x.name) ?? []), node]);
  }
  const made = new Map<string, Value>();
  const gone = new Set<Node>();
  for (const node of g.nodes.splice(0)) {
    if (gone.has(node)) continue;
    const turns = isBatched(node) ? node.inputs.map((x) => turned(x!, maker)) : [];
    if (!turns.some((turn) => turn)) {
      g.nodes.push(node);
      continue;
    }
    const batch = sizeOf(node.inputs[0]!.shape.slice(0, -2));
    const flat = (x: Value) => g.reshape(x, [batch, ...x.shape.slice(-2)]);
    // the reshape between both turns keeps the runtime from joining them; factors stay beside the product, which takes them up
    const operands = node.inputs.map((x, i) => {
      const turn = turns[i];
      const scaled = turn ? null : factorOf(g, maker.get(x!.name));
      if (!turn) return scaled ? g.mul(flat(scaled.x), scaled.factor) : flat(x!);
      const key = `${turn.of.name} ${turn.perm}`;
      const heads = made.get(key) ?? g.transpose(turn.of, turn.perm);
      made.set(key, heads);
      return g.swapLast(flat(heads));
    });
    const product = g.matmul(operands[0]!, operands[1]!);
    const y = node.outputs[0]!;
    const [next, ...others] = takers.get(y.name) ?? [];
    const isOutput = g.outputs.some((value) => value.name === y.name);
    const after = next && others.length === 0 && !isOutput ? factorOf(g, next) : null;
    if (after) gone.add(next!);
    g.reshape(after ? g.mul(product, after.factor) : product, y.shape);
    g.nodes.at(-1)!.outputs = after ? next!.outputs : [y];
  }
}

/** A large product of as many matrices on the left as on the right. */
const isBatched = ({ op, inputs: [a, b] }: Node): boolean =>
  op === 'MatMul' &&
  a!.shape.length > 3 &&
  sizeOf(a!.shape) + sizeOf(b!.shape) >= LARGE &&
  String(a!.shape.slice(0, -2)) === String(b!.shape.slice(0, -2));

/** Of a node that multiplies with one constant number: what it multiplies, and the number. */
function factorOf(g: Graph, node: Node | undefined): { x: Value; factor: Value } | null {
  if (node?.op !== 'Mul') return null;
  const [a, b] = node.inputs as [Value, Value];
  const isNumber = (value: Value) => g.constants.has(value.name) && sizeOf(value.shape) === 1;
  if (isNumber(b) && a.shape.length > 1) return { x: a, factor: b };
  return isNumber(a) && b.shape.length > 1 ? { x: b, factor: a } : null;
}

/** Where a value is its source with the last axis before another: the source, and the same with the last axis last. */
function turned(x: Value, maker: ReadonlyMap<string, Node>): { of: Value; perm: number[] } | null {
  let of = x;
  let perm = [...x.shape.keys()];
  for (let node = maker.get(of.name); node?.op === 'Transpose'; node = maker.get(of.name)) {
    const inner = intsAttr(node.attrs, 'perm') ?? [...of.shape.keys()].reverse();
    perm = perm.map((axis) => inner[axis]!);
    of = node.inputs[0]!;
  }
  const rank = perm.length;
  if (of === x || perm[rank - 2] !== rank - 1) return null;
  return { of, perm: [...perm.slice(0, -2), perm[rank - 1]!, rank - 1] };
}
