// Cuts a forward graph in two: what depends on no trained value, to be run once and its results kept, and the rest.
import { createGraph, type Graph, type Node, type Value } from './graph.ts';
import { smallestCut } from './min-cut.ts';
import { ops } from './ops/index.ts';
import { sizeOf } from './shape.ts';

export type Split = {
  /** From data to `boundary`; null where nothing worth keeping comes before the trained part. */
  prefix: Graph | null;
  /** The graph itself, with the boundary as inputs. */
  rest: Graph;
  /** What the prefix gives and the rest takes. */
  boundary: Value[];
};

/** Never run a second time; everything else may be, where that keeps the boundary small. */
const COSTLY = /^(MatMul|Gemm|Conv|ConvTranspose|Einsum|Resize|Attention|MultiHeadAttention|FusedMatMul)$/;

/**
 * `trained`: the graph's inputs whose values change between steps (trained tensors and dropout's noise); `data`: the inputs that
 * belong to an example. Changes `graph` into the rest. Of all boundaries that leave the rest no costly node (but the matrices
 * beside the first adapters) the smallest is taken: where the trained part needs x and norm(x), x is kept and its norm taken
 * again.
 */
export function splitPrefix(graph: Graph, trained: Iterable<string>, data: readonly string[]): Split {
  const changing = new Set(trained);
  const frozen = new Map<string, Node>();
  const perExample = new Set(data);
  for (const node of graph.nodes) {
    const changes = node.inputs.some((x) => x && changing.has(x.name));
    // constants at work (an expanded class token) are no business of the cut: whoever needs them has them
    const isData = !changes && node.inputs.some((x) => x && perExample.has(x.name));
    for (const y of node.outputs) {
      if (!y) continue;
      if (changes) changing.add(y.name);
      if (!isData) continue;
      perExample.add(y.name);
      frozen.set(y.name, node);
    }
  }
  const kept = new Set(keptValues(graph, frozen, changing, new Set(data)));
  const again = requiredBy(graph, (node) => node.outputs.some((y) => y && changing.has(y.name)), kept);
  if (kept.size === 0 || !reachesCostly(frozen, kept)) return { prefix: null, rest: graph, boundary: [] };
  const boundary = graph.nodes.flatMap((n) => n.outputs.filter((y): y is Value => y !== null && kept.has(y.name)));
  const prefix = prefixGraph(graph, boundary);
  graph.nodes.splice(0, graph.nodes.length, ...again);
  const used = new Set([...again.flatMap((n) => n.inputs.map((x) => x?.name)), ...graph.outputs.map((y) => y.name)]);
  graph.inputs = [...boundary, ...graph.inputs.filter((x) => used.has(x.name) || !data.includes(x.name))];
  return { prefix, rest: graph, boundary };
}

/** The values that cut the trained part off from everything costly, of the least size in all. */
function keptValues(
  graph: Graph,
  frozen: ReadonlyMap<string, Node>,
  changing: ReadonlySet<string>,
  data: ReadonlySet<string>,
): string[] {
  const wanted = new Set<string>(graph.outputs.map((y) => y.name).filter((name) => frozen.has(name)));
  for (const node of graph.nodes)
    if (node.outputs.some((y) => y && changing.has(y.name)))
      for (const x of node.inputs) if (x && frozen.has(x.name)) wanted.add(x.name);
  const rootOf = (name: string): string => {
    const node = frozen.get(name);
    return node?.op === 'Reshape' ? rootOf(node.inputs[0]!.name) : name;
  };
  const roots = new Set([...wanted].map(rootOf));
  // beside an adapter: its input is wanted anyway, and smaller than what each frozen matrix makes of it
  const isBesideTrained = (name: string, node: Node) =>
    wanted.has(name) && node.inputs.some((x) => x && perData(x) && roots.has(rootOf(x.name)));
  const perData = (x: Value) => frozen.has(x.name) || data.has(x.name);
  const sizes = new Map<string, number>();
  const sources: string[] = [];
  const edges: [string, string][] = [];
  const visit = (name: string, size: number) => {
    if (sizes.has(name)) return;
    // the caller has the data anyway
    sizes.set(name, data.has(name) ? 0 : size);
    const node = frozen.get(name);
    if (!node || (COSTLY.test(node.op) && !isBesideTrained(name, node))) {
      sources.push(name);
      return;
    }
    for (const x of node.inputs) {
      if (!x || !perData(x)) continue;
      edges.push([x.name, name]);
      visit(x.name, sizeOf(x.shape));
    }
  };
  for (const name of wanted) visit(name, sizeOf(frozen.get(name)!.outputs.find((y) => y?.name === name)!.shape));
  return smallestCut(sizes, edges, sources, [...wanted]).filter((name) => !data.has(name));
}

/** Whether anything costly has to run to make the values. */
function reachesCostly(frozen: ReadonlyMap<string, Node>, names: ReadonlySet<string>): boolean {
  const queue = [...names];
  const seen = new Set<Node>();
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const node = frozen.get(name);
    if (!node || seen.has(node)) continue;
    if (COSTLY.test(node.op)) return true;
    seen.add(node);
    for (const x of node.inputs) if (x) queue.push(x.name);
  }
  return false;
}

/** The nodes that `isWanted` and all they need back to what is kept, in order. */
function requiredBy(graph: Graph, isWanted: (node: Node) => boolean, kept: ReadonlySet<string>): Node[] {
  const needed = new Set(graph.outputs.map((y) => y.name).filter((name) => !kept.has(name)));
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!isWanted(node) && !node.outputs.some((y) => y && needed.has(y.name))) continue;
    nodes.push(node);
    for (const x of node.inputs) if (x && !kept.has(x.name)) needed.add(x.name);
  }
  return nodes.reverse();
}

function prefixGraph(graph: Graph, boundary: readonly Value[]): Graph {
  const prefix = createGraph(ops, graph.opset);
  prefix.outputs = [...boundary];
  const nodes = requiredBy({ ...graph, outputs: prefix.outputs }, () => false, new Set());
  prefix.nodes.push(...nodes.map((node) => ({ ...node, outputs: [...node.outputs] })));
  const needed = new Set(nodes.flatMap((node) => node.inputs.map((x) => x?.name)));
  for (const value of graph.inputs) if (needed.has(value.name)) prefix.input(value.name, value.shape, value.dtype);
  for (const [name, constant] of graph.constants) if (needed.has(name)) prefix.constants.set(name, constant);
  return prefix;
}
