// The blocks of a model whose file names nothing: cut where a single activation is all that goes on, grouped by what lies
// between the cuts (a residual, an attention, a convolution without activation).
import type { Block, Blocks } from './blocks.ts';
import { type Flow, isLinear } from './blocks-flow.ts';
import type { Graph, Node } from './graph.ts';
import type { Prepared } from './prepare.ts';
import { sizeOf } from './shape.ts';

/** The nodes between two cuts. */
type Section = {
  from: number;
  to: number;
  weighted: boolean;
  residual: boolean;
  attention: boolean;
  linearEnd: boolean;
};

export function blocksByStructure({ graph, parameters }: Prepared, flow: Flow): Blocks {
  const sections = sectionsOf(graph, flow);
  const blockOf = isTransformer(sections, graph) ? byAttention(sections) : byConvolution(sections, graph, flow);
  const count = Math.max(-1, ...blockOf.filter((b) => typeof b === 'number')) + 1;
  const of = new Map<string, Block>();
  for (const { name } of parameters) {
    const at = flow.meets.get(name);
    const section = at === undefined ? -1 : sections.findIndex((s) => at <= s.to);
    of.set(name, section < 0 ? 'stem' : blockOf[section]!);
  }
  return { count, of, names: Array.from({ length: count }, (_, i) => `block ${i}`) };
}

/** One attention after residuals of convolutions is a pooling of their places (CLIP's ResNets), not a block. */
function isTransformer(sections: readonly Section[], graph: Graph): boolean {
  const attentions = sections.filter((s) => s.attention).length;
  const holdsConv = (s: Section) => graph.nodes.slice(s.from, s.to + 1).some((node) => node.op === 'Conv');
  return attentions > 1 || (attentions === 1 && !sections.some((s) => s.residual && holdsConv(s)));
}

/** Cuts after every node past which only one activation is still wanted. */
function sectionsOf(graph: Graph, flow: Flow): Section[] {
  const { nodes } = graph;
  const lastUse = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const x of node.inputs) if (x && flow.activations.has(x.name)) lastUse.set(x.name, index);
  });
  const live = new Set<string>();
  const sections: Section[] = [];
  let from = 0;
  nodes.forEach((node, index) => {
    for (const y of node.outputs) if (y && lastUse.has(y.name)) live.add(y.name);
    for (const x of node.inputs) if (x && lastUse.get(x.name) === index) live.delete(x.name);
    if (live.size > 1 || index < from || !node.outputs.some((y) => y && flow.activations.has(y.name))) return;
    if (live.size === 0 && index < nodes.length - 1) return;
    sections.push(section(nodes, flow, from, index));
    from = index + 1;
  });
  if (from < nodes.length) sections.push(section(nodes, flow, from, nodes.length - 1));
  return sections;
}

function section(nodes: readonly Node[], flow: Flow, from: number, to: number): Section {
  const inside = nodes.slice(from, to + 1);
  const isActivation = (node: Node, i: number) => flow.activations.has(node.inputs[i]?.name ?? '');
  const holdsMatrix = (node: Node) => isLinear(node) && node.inputs.some((x) => flow.weightsOf(x).length > 0);
  return {
    from,
    to,
    weighted: inside.some(holdsMatrix),
    residual: inside.some((node) => node.op === 'Add' && isActivation(node, 0) && isActivation(node, 1)),
    attention: inside.some(
      (node, i) =>
        node.op === 'Softmax' &&
        inside.slice(i).some((n) => n.op === 'MatMul' && isActivation(n, 0) && isActivation(n, 1)),
    ),
    linearEnd: holdsMatrix(nodes[to]!) || nodes[to]!.op === 'BatchNormalization',
  };
}

/** Transformers: a block begins at each attention; a norm after a residual belongs to it; after the last residual is the head. */
function byAttention(sections: readonly Section[]): Block[] {
  const last = sections.findLastIndex((s) => s.residual || s.attention);
  let block = -1;
  return sections.map((s, i): Block => {
    if (s.attention) block++;
    if (i > last) return 'head';
    return block < 0 ? 'stem' : block;
  });
}

/**
 * Convolutional networks. A residual is a block. Elsewhere a block ends with a convolution that no activation follows (the
 * linear bottleneck of MobileNetV2) or where a residual begins; in networks with neither, every convolution is a block. The
 * first convolution is the stem, what follows the last one the head.
 */
function byConvolution(sections: readonly Section[], graph: Graph, flow: Flow): Block[] {
  // a 1x1 convolution of one pixel is a linear layer after the pooling
  const isConv = (node: Node) =>
    /^Conv/.test(node.op) &&
    flow.weightsOf(node.inputs[1] ?? null).length > 0 &&
    sizeOf(node.outputs[0]!.shape.slice(2)) > 1;
  const holdsConv = sections.map((s) => graph.nodes.slice(s.from, s.to + 1).some(isConv));
  const first = holdsConv.indexOf(true);
  const last = holdsConv.lastIndexOf(true);
  if (first < 0) return byLayer(sections);
  const next = (i: number) => sections.findIndex((s, j) => j > i && s.weighted);
  const ends = (i: number) => {
    const then = next(i);
    // nothing but the cut itself between this convolution and the next
    return sections[i]!.linearEnd && then === i + 1 && i !== first;
  };
  const plain = !sections.some((s, i) => s.residual || (holdsConv[i] && ends(i)));
  let block = 0;
  let open = false;
  return sections.map((s, i): Block => {
    if (i <= first) return 'stem';
    if (i > last) return holdsConv[i] || !s.weighted ? Math.max(0, block - (open ? 0 : 1)) : 'head';
    if (!holdsConv[i]) return open ? block : block > 0 ? block - 1 : 'stem';
    if (open && s.residual) block++;
    const own = block;
    open = !(s.residual || plain || ends(i));
    if (!open) block++;
    return own;
  });
}

/** Anything else: every weighted layer but the last is a block. */
function byLayer(sections: readonly Section[]): Block[] {
  const last = sections.findLastIndex((s) => s.weighted);
  let block = -1;
  return sections.map((s, i): Block => {
    if (s.weighted) block++;
    return i >= last ? 'head' : Math.max(0, block);
  });
}
