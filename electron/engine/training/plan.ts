// The two graphs a run needs: one that gives the loss and every gradient, and the forward part alone for validation.
import { prune, pullBack } from './backward.ts';
import { fuse } from './fuse.ts';
import type { Graph, Node, Value } from './graph.ts';
import type { Loss } from './losses.ts';
import { writeGraph } from './onnx/write.ts';
import { ops } from './ops/index.ts';
import { pickRowsFirst } from './rows.ts';

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
};

export type TrainingPlan = {
  /** ONNX bytes: data and tensors in, loss, `outputs` and gradients out. */
  training: Uint8Array;
  /** ONNX bytes: data (without the loss's own) and tensors in, `outputs` out. */
  forward: Uint8Array;
  /** The inputs that are not trained: what a step must be fed, with shapes and types. */
  data: Value[];
  forwardData: Value[];
  tensors: TrainedTensor[];
  /** Weights that are not trained. They are inputs of both graphs: inside the file the runtime would hold them several times. */
  frozen: { value: Value; data: Float32Array }[];
  loss: string;
  /** Trained tensor -> the output that is its gradient. */
  gradients: ReadonlyMap<string, string>;
  /** Further outputs, such as the logits. */
  outputs: Value[];
  /** A forward part of its own with other data in and other values out, such as a text tower beside a vision tower. */
  aside: ForwardGraph | null;
};

export type ForwardGraph = { graph: Uint8Array; data: Value[]; outputs: Value[] };

/**
 * Differentiates. `g` holds the forward pass; `makeLoss` adds the loss to it and its own inputs (targets). `outputs` are given
 * by both graphs, those of `aside` by a third one. Values inside a block that the loss reads must be among them: others may be
 * rescaled (`fuse`).
 */
export function planTraining(
  g: Graph,
  tensors: readonly TrainedTensor[],
  outputs: readonly Value[],
  makeLoss: (g: Graph) => Loss,
  aside: readonly Value[] = [],
): TrainingPlan {
  const trained = new Set(tensors.map((t) => t.name));
  const isData = (value: Value) => !trained.has(value.name) && !isFrozen.has(value.name);
  const frozen = takeOut(g);
  const isFrozen = new Set(frozen.map(({ value }) => value.name));
  g.outputs = [...outputs, ...aside];
  pickRowsFirst(g);
  fuse(g);
  g.outputs = [...aside];
  const other = aside.length > 0 ? pruned(g) : null;
  g.outputs = [...outputs];
  const forward = pruned(g);
  const { value: loss, seeds } = makeLoss(g);
  const wanted = g.inputs.filter((value) => trained.has(value.name));
  const grads = pullBack(g, ops, seeds, wanted);
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
  const used = new Set(g.nodes.flatMap((node) => node.inputs.map((x) => x?.name)));
  g.inputs = g.inputs.filter((value) => used.has(value.name) || trained.has(value.name));
  return {
    training: writeGraph(g),
    forward: forward.bytes,
    data: g.inputs.filter(isData),
    forwardData: forward.inputs.filter(isData),
    tensors: [...tensors],
    frozen,
    loss: loss.name,
    gradients,
    outputs: [...outputs],
    aside: other && { graph: other.bytes, data: other.inputs.filter(isData), outputs: [...aside] },
  };
}

/** Numbers above which a constant of the model is handed in as an input. */
const LARGE = 4096;

/** Makes inputs of the large constants; those of a small model stay where the runtime can fold them. */
function takeOut(g: Graph): TrainingPlan['frozen'] {
  const large = [...g.constants.values()].filter(
    (c): c is { value: Value; data: Float32Array } => c.data instanceof Float32Array && c.data.length > LARGE,
  );
  for (const { value } of large) {
    g.constants.delete(value.name);
    g.inputs.push(value);
  }
  return large;
}

/** The bytes of what the graph's outputs need, leaving the graph as it is. */
function pruned(g: Graph): { bytes: Uint8Array; inputs: Value[] } {
  const copy: Graph = {
    ...g,
    nodes: g.nodes.map((node): Node => ({ ...node, outputs: [...node.outputs] })),
    constants: new Map(g.constants),
    inputs: [...g.inputs],
  };
  prune(copy);
  const used = new Set(copy.nodes.flatMap((node) => node.inputs.map((x) => x?.name)));
  copy.inputs = copy.inputs.filter((value) => used.has(value.name));
  return { bytes: writeGraph(copy), inputs: copy.inputs };
}
