// Which block of a model each parameter belongs to: by the names that exports carry, else by the shape of the graph.
import { type Flow, flowOfPrepared } from './blocks-flow.ts';
import { blocksByStructure } from './blocks-structure.ts';
import type { Graph } from './graph.ts';
import type { Parameter, Prepared } from './prepare.ts';

/** 0 .. count-1 from the input on; 'stem' before the first block, 'head' after the last (final norm, projection, classes). */
export type Block = number | 'stem' | 'head';
export type Blocks = {
  count: number;
  of: ReadonlyMap<string, Block>;
  /** Of the blocks, as the file calls them where it does: `encoder.layers.3`. */
  names: readonly string[];
};

/** Containers whose numbered members are a model's blocks; in `layer1.0` and `stages.2.layers.1` the inner number counts too. */
const CONTAINER =
  /(?:^|\.)(?:layers|layer|blocks|block|resblocks|h|stages|stage|levels|features|denseblock)[._]?(\d+)(?=\.|$)/;
const INNER = /^\.(?:(?:layers|layer|blocks|block|denselayer)[._]?)?(\d+)(?=\.|$)/;
/** A Sequential's numbered members are single layers, not blocks. */
const FLAT = /features/;

type Named = { tower: string; key: string; at: number };

/** Every parameter of the model has an answer; one that its outputs do not need is 'stem'. */
export function blocksOf(prepared: Prepared): Blocks {
  const flow = flowOfPrepared(prepared);
  return blocksByName(prepared, flow) ?? blocksByStructure(prepared, flow);
}

/** Null where fewer than two blocks have names. */
function blocksByName({ graph, parameters }: Prepared, flow: Flow): Blocks | null {
  const found = new Map<string, Named>();
  for (const p of parameters) {
    const at = flow.meets.get(p.name);
    const named = at === undefined ? null : nameOf(p, at);
    if (named) found.set(p.name, named);
  }
  for (const p of parameters) {
    const at = flow.meets.get(p.name);
    if (at === undefined || found.has(p.name)) continue;
    const named = found.get(biasAfter(graph, flow, at) ?? '');
    if (named) found.set(p.name, { ...named, at });
  }
  const towers = new Map<string, Span[]>();
  for (const tower of new Set([...found.values()].map((n) => n.tower)))
    towers.set(tower, spansOf([...found.values()].filter((n) => n.tower === tower)));
  const longest = [...towers.values()].reduce((a, b) => (b.length > a.length ? b : a), []);
  if (longest.length < 2) return null;
  const of = new Map<string, Block>();
  for (const p of parameters) {
    const at = flow.meets.get(p.name);
    const spans = towers.get(towerOf(p)) ?? longest;
    of.set(p.name, at === undefined ? 'stem' : blockAt(spans, found.get(p.name), at, longest.length - spans.length));
  }
  return { count: longest.length, of, names: longest.map((span) => span.key) };
}

/** The bias that is added to what a node gives: an unnamed matrix belongs where its bias does. */
function biasAfter(graph: Graph, flow: Flow, index: number): string | undefined {
  let node = graph.nodes[index]!;
  for (let step = 0; step < 3; step++) {
    const takers = flow.takers.get(node.outputs[0]?.name ?? '') ?? [];
    const [next] = takers;
    if (takers.length !== 1 || !next) return undefined;
    if (next.op === 'Add') return next.inputs.flatMap(flow.weightsOf)[0];
    if (next.op !== 'Reshape') return undefined;
    node = next;
  }
  return undefined;
}

/** A block: where in the graph its named parameters are used. */
type Span = { key: string; from: number; to: number };

function spansOf(named: readonly Named[]): Span[] {
  const spans = new Map<string, Span>();
  for (const { key, at } of named) {
    const span = spans.get(key) ?? { key, from: at, to: at };
    spans.set(key, { key, from: Math.min(span.from, at), to: Math.max(span.to, at) });
  }
  return [...spans.values()].sort((a, b) => a.from - b.from);
}

/** Towers of unequal depth end together: the last block of each is the model's last. */
function blockAt(spans: readonly Span[], named: Named | undefined, at: number, shift: number): Block {
  const own = named ? spans.findIndex((span) => span.key === named.key) : -1;
  if (own >= 0) return own + shift;
  if (at < spans[0]!.from) return 'stem';
  // an unnamed matrix between two blocks is the next one's first
  const next = spans.findIndex((span) => at <= span.to);
  return next < 0 ? 'head' : next + shift;
}

/** A node's path names each container before its member, as in `/blocks/blocks.1/blocks.1.0/conv/Conv`: once is enough. */
const dotted = (name: string) =>
  name
    .replaceAll(/(?<=^|\/)([^/]+)\/(?=\1\.)/g, '')
    .replaceAll('/', '.')
    .replace(/^\./, '');
/** The parameter's own name says more than those of the nodes; matrices such as onnx::MatMul_250 have only these. */
const labelsOf = (p: Parameter) => [p.name, ...p.uses.map((use) => use.node)].map(dotted);

const towerOf = (p: Parameter): string =>
  labelsOf(p)
    .map((label) => /(?:^|[._])(vision|visual|image|text|textual)(?=[._]|$)/.exec(label)?.[1] ?? '')
    .map((word) => (word.startsWith('text') ? 'text' : word ? 'vision' : ''))
    .find((tower) => tower !== '') ?? '';

function nameOf(p: Parameter, at: number): Named | null {
  for (const label of labelsOf(p)) {
    const outer = CONTAINER.exec(label);
    if (!outer) continue;
    const rest = label.slice(outer.index + outer[0].length);
    const inner = FLAT.test(outer[0]) ? null : INNER.exec(rest);
    const key = (outer[0] + (inner?.[0] ?? '')).replace(/^\./, '');
    return { tower: towerOf(p), key, at };
  }
  return null;
}
