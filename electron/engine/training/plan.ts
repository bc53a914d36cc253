// The graphs a run needs: one that gives the loss and every gradient, the forward part alone for validation, and what comes
// before both where the first blocks are frozen.
import { prune, pullBack } from './backward.ts';
import { fuse } from './fuse.ts';
import { createGraph, type Graph, type Node, type Value } from './graph.ts';
import type { Loss } from './losses.ts';
import { writeGraph } from './onnx/write.ts';
import { ops } from './ops/index.ts';
import { splitPrefix } from './prefix.ts';
import { recompute, type Stretch, stretchesOf } from './recompute.ts';
import { pickRowsFirst } from './rows.ts';
import { sizeOf } from './shape.ts';
import { turnInProducts } from './turns.ts';
import { widen } from './widen.ts';

/** A tensor that is trained: an input of the graph. */
export type TrainedTensor = {
  name: string;
  shape: readonly number[];
  /** Where it starts. */
  data: Float32Array;
  /** False: weight decay leaves it alone. */
  decay: boolean;
  /** Its share of the run's learning rate (1). */
  rate?: number;
  /** Above this its numbers are cut off after each update. */
  most?: number;
};

/** A graph to be run. */
export type GraphFile = {
  /** ONNX bytes, without the large frozen weights. */
  bytes: Uint8Array;
  /** What it is fed besides the trained tensors, with shapes and types. */
  data: Value[];
  outputs: Value[];
  /** The frozen weights that it holds, and those it is fed. */
  holds: string[];
  fed: Value[];
};

export type TrainingPlan = {
  /** Data and tensors in; loss, `outputs` and gradients out. */
  training: GraphFile;
  /** Data (without the loss's own) and tensors in, `outputs` out. */
  forward: GraphFile;
  /** What comes before everything trained: from data to what the two graphs above take instead. Null: nothing costly does. */
  prefix: GraphFile | null;
  /** A forward part of its own with other data in and other values out, such as a text tower beside a vision tower. */
  aside: GraphFile | null;
  /** The inputs that are not trained: what a step must be fed. */
  data: Value[];
  tensors: TrainedTensor[];
  /** The shapes of those that are trained wider than they are (`widen`). */
  narrow: ReadonlyMap<string, readonly number[]>;
  /** Large weights that are not trained. */
  frozen: ReadonlyMap<string, Float32Array>;
  loss: string;
  /** Trained tensor -> the output that is its gradient. */
  gradients: ReadonlyMap<string, string>;
  /** Further outputs, such as the logits. */
  outputs: Value[];
  /** Bytes of the values of the forward pass that are there at once for the backward pass, and of the largest value of all. */
  activationBytes: number;
  widestBytes: number;
};

export type PlanOptions = {
  /** Given by a third graph. */
  aside?: readonly Value[];
  /** Inputs that are no data: they change from step to step, as dropout's noise does. */
  noises?: readonly string[];
  /**
   * Bytes of frozen weights up to which the training graph holds them: the runtime then lays them out once, forwards and
   * backwards, instead of in every step (LoRA on ViT-B/32: 7 % faster, twice their size more memory).
   */
  packed?: number;
  /** The backward pass works values of the forward pass out again instead of keeping them. */
  recompute?: boolean;
  /** Hidden layers may be made wider for speed (true). */
  wide?: boolean;
  /** Frozen weights whose numbers the caller still reads afterwards. */
  keep?: ReadonlySet<string>;
};

/**
 * Differentiates. `g` holds the forward pass; `makeLoss` adds the loss to it and its own inputs (targets). `outputs` are given
 * by both graphs. Values inside a block that the loss reads must be among them: others may be rescaled (`fuse`) or computed in
 * part (`pickRowsFirst`).
 */
export function planTraining(
  g: Graph,
  own: readonly TrainedTensor[],
  outputs: readonly Value[],
  makeLoss: (g: Graph) => Loss,
  { aside = [], noises = [], packed = 0, recompute: again = false, wide = true, keep }: PlanOptions = {},
): TrainingPlan {
  g.outputs = [...outputs, ...aside];
  const { tensors, narrow } = wide ? widen(g, own, keep) : { tensors: [...own], narrow: new Map() };
  const changing = new Set([...tensors.map((t) => t.name), ...noises]);
  const frozen = new Map(large(g));
  const file = (graph: Graph, holds: boolean): GraphFile => {
    turnInProducts(graph);
    prune(graph);
    const own = [...graph.constants.keys()].filter((name) => frozen.has(name));
    const fed = holds ? [] : feed(graph, own);
    return {
      bytes: writeGraph(graph, new Set(own)),
      data: graph.inputs.filter(({ name }) => !frozen.has(name) && !tensors.some((t) => t.name === name)),
      outputs: [...graph.outputs],
      holds: holds ? own : [],
      fed,
    };
  };
  pickRowsFirst(g);
  fuse(g);
  prune(g);
  g.outputs = [...aside];
  const other = aside.length > 0 ? file(pruned(g), false) : null;
  g.outputs = [...outputs];
  const widestBytes = Math.max(...g.nodes.flatMap((node) => node.outputs.map((y) => (y ? bytesOf(y) : 0))));
  const data = g.inputs.map((value) => value.name).filter((name) => !changing.has(name));
  const { prefix } = other ? { prefix: null } : splitPrefix(g, changing, data);
  const forward = file(pruned(g), false);
  const before = new Set(g.nodes);
  const stretches = again ? stretchesOf(g, changing) : [];
  const { value: loss, seeds } = makeLoss(g);
  const wanted = g.inputs.filter((value) => tensors.some((t) => t.name === value.name));
  const grads = pullBack(g, ops, seeds, [...wanted, ...stretches.map(({ to }) => to)]);
  // a gradient needs an output of its own, even where two tensors share one
  const taken = new Set([loss.name, ...outputs.map((o) => o.name), ...g.inputs.map((i) => i.name)]);
  const gradients = new Map<string, string>();
  const given: Value[] = [];
  for (const { name } of tensors) {
    const grad = grads.get(name);
    if (!grad) throw new Error(`${name} is no input of the graph.`);
    const own = taken.has(grad.name) || g.constants.has(grad.name) ? g.emit('Identity', [grad]) : grad;
    taken.add(own.name);
    gradients.set(name, own.name);
    given.push(own);
  }
  g.outputs = [loss, ...outputs, ...given];
  prune(g);
  const activationBytes = atOnce(heldBytes(g, before), stretches);
  recompute(g, stretches, grads, changing);
  const used = new Set(g.nodes.flatMap((node) => node.inputs.map((x) => x?.name)));
  g.inputs = g.inputs.filter((value) => used.has(value.name) || tensors.some((t) => t.name === value.name));
  const bytes = [...g.constants.keys()].reduce((sum, name) => sum + (frozen.get(name)?.byteLength ?? 0), 0);
  const training = file(g, bytes <= packed);
  const start = prefix && file(pruned(prefix), true);
  return {
    training,
    forward,
    prefix: start,
    aside: other,
    data: start
      ? [...start.data, ...training.data.filter((value) => !start.outputs.some((y) => y.name === value.name))]
      : training.data,
    tensors,
    narrow,
    frozen,
    loss: loss.name,
    gradients,
    outputs: [...outputs],
    activationBytes,
    widestBytes,
  };
}

/**
 * Gives the memory of a plan's weights back at once, for when a trainer has its own: collected, they would outlive the first
 * steps. What graphs are fed from stays, and the frozen weights named in `except`.
 */
export function giveBack(plan: TrainingPlan, except: Iterable<string>): void {
  const fed = [plan.training, plan.forward, plan.aside].flatMap((file) => file?.fed.map((value) => value.name) ?? []);
  const stay = new Set([...fed, ...except]);
  const gone = [...plan.frozen].filter(([name]) => !stay.has(name)).map(([, data]) => data);
  for (const { buffer } of [...gone, ...plan.tensors.map(({ data }) => data)]) (buffer as ArrayBuffer).transfer(0);
}

const bytesOf = (value: Value) => sizeOf(value.shape) * 4;

/** Bytes of what the nodes that differentiation added read of those before; a reshaped value is the same memory. */
function heldBytes(g: Graph, before: ReadonlySet<Node>): Map<string, number> {
  const made = new Map<string, { bytes: number; of: string }>();
  for (const { op, inputs, outputs } of before)
    for (const y of outputs) {
      if (!y) continue;
      const source = op === 'Reshape' || op === 'Identity' ? inputs[0]!.name : y.name;
      made.set(y.name, { bytes: bytesOf(y), of: made.get(source)?.of ?? source });
    }
  const held = new Map<string, number>();
  for (const node of g.nodes) {
    if (before.has(node)) continue;
    for (const x of node.inputs) {
      const value = x && made.get(x.name);
      if (value) held.set(value.of, value.bytes);
    }
  }
  return held;
}

/** Of those, what is there at once: all, or the ends of stretches with one stretch's values or those after the last. */
function atOnce(held: ReadonlyMap<string, number>, stretches: readonly Stretch[]): number {
  const place = new Map<string, number>();
  for (const [i, { nodes, to }] of stretches.entries())
    for (const node of nodes) for (const y of node.outputs) if (y && y.name !== to.name) place.set(y.name, i);
  const ends = new Set(stretches.map(({ to }) => to.name));
  const parts = new Array<number>(stretches.length + 1).fill(0);
  let kept = 0;
  for (const [name, bytes] of held)
    if (ends.has(name)) kept += bytes;
    else parts[place.get(name) ?? stretches.length]! += bytes;
  return kept + Math.max(...parts);
}

/** Numbers above which a constant lies beside the graph; those of a small model stay where they are. */
const LARGE = 4096;

function* large(g: Graph): Generator<[string, Float32Array]> {
  for (const [name, { data }] of g.constants)
    if (data instanceof Float32Array && data.length > LARGE) yield [name, data];
}

/** Makes inputs of constants. */
function feed(g: Graph, names: readonly string[]): Value[] {
  const values = names.map((name) => g.constants.get(name)!.value);
  for (const name of names) g.constants.delete(name);
  g.inputs.push(...values);
  return values;
}

/** A copy with only what its outputs need, that nodes can be added to. */
function pruned(g: Graph): Graph {
  const copy = createGraph(ops, g.opset);
  copy.nodes.push(...g.nodes.map((node): Node => ({ ...node, outputs: [...node.outputs] })));
  for (const [name, constant] of g.constants) copy.constants.set(name, constant);
  copy.inputs = [...g.inputs];
  copy.outputs = [...g.outputs];
  const made = g.nodes.flatMap((node) => node.outputs.flatMap((y) => (y ? [y.name] : [])));
  for (const name of new Set([...made, ...g.constants.keys(), ...g.inputs.map((x) => x.name)])) copy.claim(name);
  prune(copy);
  const used = new Set([
    ...copy.nodes.flatMap((node) => node.inputs.map((x) => x?.name)),
    ...copy.outputs.map((y) => y.name),
  ]);
  copy.inputs = copy.inputs.filter((value) => used.has(value.name));
  return copy;
}
