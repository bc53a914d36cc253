// What flows where in a forward graph: which values are weights under way, which are activations, and in what order.
import type { Graph, Node, Value } from './graph.ts';
import type { Prepared } from './prepare.ts';

export type Flow = {
  /** Values computed from weights and constants alone: a transposed matrix, an expanded class token. */
  fixed: ReadonlySet<string>;
  /** Values computed from data and at least one weight; masks and position ids are neither. */
  activations: ReadonlySet<string>;
  /** The node that gives a value. */
  maker: ReadonlyMap<string, Node>;
  /** The nodes that take a value. */
  takers: ReadonlyMap<string, readonly Node[]>;
  /** Weight -> the first node (its index) where it meets data; weights that meet none are absent. */
  meets: ReadonlyMap<string, number>;
  /** Value computed from weights alone -> the weights in it. */
  weightsOf(value: Value | null): readonly string[];
};

/** The nodes that the graph's outputs need. */
function neededNodes(graph: Graph): Set<Node> {
  const needed = new Set(graph.outputs.map((value) => value.name));
  const nodes = new Set<Node>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((y) => y && needed.has(y.name))) continue;
    nodes.add(node);
    for (const x of node.inputs) if (x) needed.add(x.name);
  }
  return nodes;
}

/** `names`: the weights, inputs of the graph. What no output needs takes no part. */
export function flowOf(graph: Graph, names: Iterable<string>): Flow {
  const weights = new Map<string, readonly string[]>([...names].map((name) => [name, [name]]));
  const fixed = new Set<string>([...weights.keys(), ...graph.constants.keys()]);
  const activations = new Set<string>();
  const maker = new Map<string, Node>();
  const takers = new Map<string, Node[]>();
  const meets = new Map<string, number>();
  const weightsOf = (value: Value | null) => (value && weights.get(value.name)) || [];

  const needed = neededNodes(graph);
  graph.nodes.forEach((node, index) => {
    if (!needed.has(node)) return;
    const inputs = node.inputs.filter((x) => x !== null);
    const within = [...new Set(inputs.flatMap(weightsOf))];
    const isFixed = inputs.every((x) => fixed.has(x.name));
    const isActivation = !isFixed && (within.length > 0 || inputs.some((x) => activations.has(x.name)));
    for (const x of new Set(inputs)) takers.set(x.name, [...(takers.get(x.name) ?? []), node]);
    if (!isFixed) for (const name of within) if (!meets.has(name)) meets.set(name, index);
    for (const y of node.outputs) {
      if (!y) continue;
      maker.set(y.name, node);
      if (isFixed) fixed.add(y.name);
      if (isFixed && within.length > 0) weights.set(y.name, within);
      if (isActivation) activations.add(y.name);
    }
  });
  return { fixed, activations, maker, takers, meets, weightsOf };
}

export const flowOfPrepared = ({ graph, parameters }: Prepared): Flow =>
  flowOf(
    graph,
    parameters.map((p) => p.name),
  );

/** Ops that hold a layer's matrix or kernel. */
export const isLinear = (node: Node): boolean => /^(MatMul|Gemm|Conv|ConvTranspose|Einsum)$/.test(node.op);
