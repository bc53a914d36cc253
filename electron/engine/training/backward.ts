// Reverse mode over a graph: walk the nodes backwards, ask each op's rule, add up what comes together.
import type { Graph, Node, Value } from './graph.ts';
import { type OpRule, TrainingError } from './rule.ts';
import { sizeOf } from './shape.ts';

/**
 * Emits the nodes of dL/dv for every wanted value, L being a scalar of the graph. A wanted value that L does not depend on gets
 * zeros. Throws `TrainingError` naming op and node when a gradient must pass an op that has no rule.
 */
export function backward(
  g: Graph,
  rules: Readonly<Record<string, OpRule>>,
  loss: Value,
  wanted: readonly Value[],
): Map<string, Value> {
  if (sizeOf(loss.shape) !== 1) throw new Error(`The loss ${loss.name} is not a single number: [${loss.shape}].`);
  return pullBack(g, rules, new Map([[loss.name, g.full(loss.shape, 1)]]), wanted);
}

/** The same from given gradients of any values. */
export function pullBack(
  g: Graph,
  rules: Readonly<Record<string, OpRule>>,
  seeds: ReadonlyMap<string, Value>,
  wanted: readonly Value[],
): Map<string, Value> {
  const forward = [...g.nodes];
  const leads = new Set(wanted.map((value) => value.name));
  for (const node of forward) {
    if (node.inputs.some((x) => x && leads.has(x.name)))
      for (const y of node.outputs) if (y && isFloat(y)) leads.add(y.name);
  }
  const arriving = new Map<string, Value[]>([...seeds].map(([name, value]) => [name, [value]]));
  const total = (name: string): Value | null => {
    const parts = arriving.get(name);
    if (!parts) return null;
    // the runtime's Sum works on one thread, and slower than two Adds
    const sum = parts.reduce((a, b) => g.add(a, b));
    arriving.set(name, [sum]);
    return sum;
  };

  for (const node of forward.reverse()) {
    if (!node.outputs.some((y) => y && leads.has(y.name) && arriving.has(y.name))) continue;
    const all = node.outputs.map((y) => (y && leads.has(y.name) ? total(y.name) : null));
    const gradients = gradientsOf(g, rules, node, all);
    node.inputs.forEach((x, i) => {
      const dx = gradients[i];
      if (!x || !dx || !leads.has(x.name)) return;
      const parts = arriving.get(x.name) ?? [];
      parts.push(unbroadcast(g, dx, x));
      arriving.set(x.name, parts);
    });
  }
  return new Map(wanted.map((value) => [value.name, total(value.name) ?? g.full(value.shape, 0)]));
}

const isFloat = (value: Value) => value.dtype === 'float32' || value.dtype === 'float64';

function gradientsOf(
  g: Graph,
  rules: Readonly<Record<string, OpRule>>,
  node: Node,
  all: readonly (Value | null)[],
): readonly (Value | null)[] {
  const rule = rules[node.domain === '' ? node.op : `${node.domain}.${node.op}`];
  const what = `${node.domain ? `${node.domain}.` : ''}${node.op} (node ${node.name || node.outputs[0]?.name})`;
  if (!rule) throw new TrainingError(`The lab has no gradient for ${what}. ${INSTEAD}`);
  if (rule.vjp === 'none') return node.inputs.map(() => null);
  const dy = all[0] ?? (all.find((d) => d) as Value);
  try {
    // rules write their own numbers in single precision
    if (dy.dtype === 'float64' && node.op !== 'Cast') throw new TrainingError('it works in double precision');
    return rule.vjp(g, node, dy, all);
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error;
    throw new TrainingError(
      `The lab has no gradient for this form of ${what}: ${error.message.replace(/\.$/, '')}. ${INSTEAD}`,
    );
  }
}

const INSTEAD = 'Train only what comes after it (the last blocks), or the head on frozen features.';

/** A gradient is summed down to the shape of the value it belongs to: the one place where broadcasting is undone. */
export function unbroadcast(g: Graph, dx: Value, x: Value): Value {
  const extra = dx.shape.length - x.shape.length;
  const axes = [...dx.shape.keys()].filter((i) => i < extra || (x.shape[i - extra] === 1 && dx.shape[i] !== 1));
  const isBias = axes.length === extra && x.shape.length === 1 && sizeOf(dx.shape) >= LARGE;
  const summed = axes.length === 0 ? dx : isBias ? sumOfRows(g, dx) : g.reshape(g.sum(dx, axes, false), x.shape);
  if (String(summed.shape) !== String(x.shape))
    throw new Error(`The gradient of ${x.name} has the shape [${summed.shape}], not [${x.shape}].`);
  return summed;
}

/** Numbers from which on rows are better added up by a product. */
const LARGE = 65_536;

/** [.., n] -> [n] as a product with ones, which all threads share: half the time of a sum. */
function sumOfRows(g: Graph, x: Value): Value {
  const n = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / n;
  return g.reshape(g.gemm(g.full([1, rows], 1), g.reshape(x, [rows, n])), [n]);
}

/** The nodes that the outputs need, in order; everything else is left out, constants too. */
export function prune(g: Graph): void {
  const needed = new Set(g.outputs.map((value) => value.name));
  const kept: Node[] = [];
  for (const node of [...g.nodes].reverse()) {
    if (!node.outputs.some((y) => y && needed.has(y.name))) continue;
    kept.push(node);
    for (const x of node.inputs) if (x) needed.add(x.name);
  }
  g.nodes.splice(0, g.nodes.length, ...kept.reverse());
  for (const name of g.constants.keys()) if (!needed.has(name)) g.constants.delete(name);
}
