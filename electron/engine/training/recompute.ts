// Activation recomputation (Chen et al. 2016, arXiv 1604.06174): the backward pass works most values of the forward pass out once
// more, from a few that are kept, instead of reading all of them. Memory for a third more time.
import type { Graph, Node, Value } from './graph.ts';
import { sizeOf } from './shape.ts';

/** Stretches of the forward pass between two kept values. */
const STRETCHES = 12;

/** Nodes from one kept value to the next; `to` is what the last of them gives. */
export type Stretch = { nodes: Node[]; to: Value };

/**
 * Cuts what depends on `trained` into stretches of about the same size, each ending where a single value leads on. What comes after
 * the last is no stretch: it is needed at once. None where the graph never narrows to one value.
 */
export function stretchesOf(g: Graph, trained: ReadonlySet<string>): Stretch[] {
  const changing = new Set(trained);
  const nodes = g.nodes.filter((node) => {
    const changes = node.inputs.some((x) => x && changing.has(x.name));
    if (changes) for (const y of node.outputs) if (y) changing.add(y.name);
    return changes;
  });
  const lastUse = new Map<string, number>(g.outputs.map((y) => [y.name, nodes.length]));
  for (const [i, node] of nodes.entries())
    for (const x of node.inputs) if (x) lastUse.set(x.name, Math.max(i, lastUse.get(x.name) ?? 0));
  const bytes = nodes.map((node) => node.outputs.reduce((sum, y) => sum + (y ? sizeOf(y.shape) : 0), 0));
  const enough = bytes.reduce((a, b) => a + b, 0) / STRETCHES;
  const live = new Map<string, Value>();
  const found: Stretch[] = [];
  let from = 0;
  let size = 0;
  for (const [i, node] of nodes.entries()) {
    for (const y of node.outputs) if (y && (lastUse.get(y.name) ?? -1) > i) live.set(y.name, y);
    for (const name of live.keys()) if (lastUse.get(name)! <= i) live.delete(name);
    size += bytes[i]!;
    const [to, ...more] = live.values();
    if (!to || more.length > 0 || size < enough || lastUse.get(to.name)! >= nodes.length) continue;
    found.push({ nodes: nodes.slice(from, i + 1), to });
    from = i + 1;
    size = 0;
  }
  return found;
}

/**
 * Puts each stretch's nodes once more before the first node of the backward pass that reads inside it. `gradients`: of the
 * stretches' ends; the repeated nodes wait for them, as the runtime would else run them early.
 */
export function recompute(
  g: Graph,
  stretches: readonly Stretch[],
  gradients: ReadonlyMap<string, Value>,
  trained: ReadonlySet<string>,
): void {
  const kept = new Set(stretches.map(({ to }) => to.name));
  const home = new Map<string, Stretch>();
  for (const stretch of stretches)
    for (const node of stretch.nodes)
      for (const y of node.outputs) if (y && !kept.has(y.name)) home.set(y.name, stretch);
  const forward = new Set(stretches.flatMap(({ nodes }) => nodes));
  const isInside = (x: Value | null): x is Value => x !== null && home.has(x.name);
  const all = g.nodes.splice(0);
  const wanted = new Set(
    all
      .filter((node) => !forward.has(node))
      .flatMap((n) => n.inputs.filter(isInside))
      .map((x) => x.name),
  );
  const again = new Map<string, Value>();
  const done = new Set<Stretch>();
  // a forward node after the last stretch reads kept values alone, so that whoever reads inside one is backward
  for (const node of all) {
    if (!forward.has(node))
      for (const x of node.inputs) {
        const stretch = x && home.get(x.name);
        if (!stretch || done.has(stretch)) continue;
        done.add(stretch);
        repeat(g, stretch, wanted, gradients.get(stretch.to.name)!, trained, again);
      }
    const inputs = forward.has(node) ? node.inputs : node.inputs.map((x) => (x && again.get(x.name)) ?? x);
    g.nodes.push(inputs.some((x, i) => x !== node.inputs[i]) ? { ...node, inputs } : node);
  }
}

function repeat(
  g: Graph,
  { nodes }: Stretch,
  wanted: ReadonlySet<string>,
  gradient: Value,
  trained: ReadonlySet<string>,
  again: Map<string, Value>,
): void {
  const needed = new Set(wanted);
  const chosen: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((y) => y && needed.has(y.name))) continue;
    chosen.unshift(node);
    for (const x of node.inputs) if (x) needed.add(x.name);
  }
  const made = new Set(chosen.flatMap((node) => node.outputs.map((y) => y?.name)));
  // zero, but not known before the gradient is
  const first = g.slice(g.reshape(gradient, [sizeOf(gradient.shape)]), 0, 0, 1);
  const zero = g.reshape(g.mul(first, g.scalar(0)), []);
  const own = new Map<string, Value>();
  const late = (x: Value): Value => {
    const there = own.get(x.name);
    if (there) return there;
    // weights are there anyway
    const isFree = made.has(x.name) || x.dtype !== 'float32' || g.constants.has(x.name) || trained.has(x.name);
    const waits = isFree ? x : g.add(x, zero);
    own.set(x.name, waits);
    return waits;
  };
  for (const node of chosen) {
    const inputs = node.inputs.map((x) => x && late(x));
    const outputs = node.outputs.map((y) => y && { ...y, name: g.claim(g.fresh(`${y.name}.again`)) });
    for (const [i, y] of node.outputs.entries()) {
      if (!y) continue;
      own.set(y.name, outputs[i]!);
      if (wanted.has(y.name)) again.set(y.name, outputs[i]!);
    }
    g.nodes.push({ ...node, name: g.fresh(`${node.name}.again`), inputs, outputs });
  }
}
