// A vision model with a linear head as one training plan: features of length 1 times the head's rows, times a scale.
import { totalmem } from 'node:os';
import type { Blocks } from './blocks.ts';
import type { CaptionSpec, Captions } from './caption-classifier.ts';
import type { Graph, Value } from './graph.ts';
import type { Adapter, Noise } from './lora.ts';
import { crossEntropy } from './losses.ts';
import { planTraining, type TrainedTensor, type TrainingPlan } from './plan.ts';
import { type Prepared, prepare } from './prepare.ts';
import { TrainingError } from './rule.ts';
import { sizeOf } from './shape.ts';
import { type Mode, markTrainable } from './trainable.ts';

export type Head = {
  /** [classes, dim]. */
  weight: Float32Array;
  /** [classes], added before the scale. */
  bias: Float32Array;
  classes: number;
  /** What the products are multiplied with: logits = scale · (unit(x) weightᵀ + bias). */
  scale: number;
};

export type ClassifierSpec = {
  file: string;
  /** Shapes of all inputs of the file, the batch fixed. */
  inputs: Readonly<Record<string, readonly number[]>>;
  pixels: string;
  /** The output (or a value inside) that is the feature, and how rows are made of it. */
  feature: { tensor: string; pool: 'row' | 'tokens' | 'mean' };
  /** The logits over the model's own classes, to be given beside: they show what it still knows. They are not trained. */
  own: string | null;
  head: Head;
  /** Given: both towers are trained, against captions instead of a head (caption-classifier.ts). */
  captions?: CaptionSpec | null;
  mode: Mode;
  seed: number;
  /** Part of the learning rate that a block has of the next block's; the head's rate as part of the run's. */
  blockRate: number;
  headRate: number;
  /** Whether the backward pass works values of the forward pass out again. */
  recompute?: boolean;
};

export type Classifier = {
  plan: TrainingPlan;
  blocks: Blocks;
  adapters: Adapter[];
  noises: Noise[];
  pixels: string;
  targets: string;
  /** Null: the classes are captions, and logits are made of their features. */
  logits: string | null;
  feature: string;
  own: string | null;
  captions: Captions | null;
  /** Sizes of the tensor behind the feature, for one image. */
  featureShape: readonly number[];
  classes: number;
  dim: number;
  batch: number;
  /** Numbers that are trained, and all there are. */
  trained: number;
  parameters: number;
  /** Bytes of the values of the forward pass that the backward pass reads, and of the largest value of all. */
  activationBytes: number;
  widestBytes: number;
  frozenBytes: number;
  /** Bytes of what the frozen first blocks make of one image; 0 where training begins with the pixels. */
  prefixBytes: number;
};

/** Frozen weights are laid out twice more where they are no more than this part of the machine's memory. */
export const packedBytes = (): number => totalmem() / 16;

export const HEAD_WEIGHT = 'lab.head.weight';
export const HEAD_BIAS = 'lab.head.bias';
export const TARGETS = 'lab.targets';

/** Reads and differentiates; nothing is run but the runtime's own simplification. Throws `TrainingError`. */
export async function buildClassifier(spec: ClassifierSpec): Promise<Classifier> {
  const prepared = await prepare(spec.file, {
    inputs: spec.inputs,
    outputs: spec.own ? [spec.feature.tensor, spec.own] : [spec.feature.tensor],
  });
  const { graph: g } = prepared;
  const batch = batchOf(spec);
  if (!g.inputs.some((value) => value.name === spec.pixels))
    throw new TrainingError(`${spec.file} has no input ${spec.pixels}.`);
  const marked = markTrainable(prepared, spec.mode, { seed: spec.seed });
  const { classes } = spec.head;
  const [output, own = null] = g.outputs as [Value, Value?];
  const leads = leadingTo(g, [output]);
  for (const { name, shape, data } of marked.parameters)
    if (!leads.has(name)) g.constants.set(name, { value: { name, shape, dtype: 'float32' }, data });
  g.inputs = g.inputs.filter((value) => !g.constants.has(value.name));
  const feature = pooled(g, output, spec.feature.pool);
  const dim = feature.shape[1]!;
  if (spec.head.weight.length !== classes * dim)
    throw new Error(`The head has ${spec.head.weight.length} numbers for ${classes} classes of ${dim} dimensions.`);
  const weight = g.input(HEAD_WEIGHT, [classes, dim]);
  const bias = g.input(HEAD_BIAS, [classes]);
  const length = g.emit('Sqrt', [g.add(g.sum(g.mul(feature, feature), [1]), g.scalar(1e-12))]);
  const logits = g.scale(g.gemm(g.div(feature, length), weight, { transB: true, bias }), spec.head.scale);
  const { count } = marked.blocks;
  const depth = (block: number | 'stem' | 'head') => (block === 'head' ? 0 : block === 'stem' ? count : count - block);
  const tensors: TrainedTensor[] = [
    ...marked.parameters
      .filter((p) => leads.has(p.name))
      .map((p) => ({ ...p, rate: spec.blockRate ** depth(p.block) })),
    { name: HEAD_WEIGHT, shape: [classes, dim], data: spec.head.weight.slice(), decay: false, rate: spec.headRate },
    { name: HEAD_BIAS, shape: [classes], data: spec.head.bias.slice(), decay: false, rate: spec.headRate },
  ];
  const plan = planTraining(
    g,
    tensors,
    own ? [logits, feature, own] : [logits, feature],
    (graph) => crossEntropy(graph, logits, graph.input(TARGETS, [batch, classes])),
    {
      noises: marked.noise ? [marked.noise.name] : [],
      packed: packedBytes(),
      recompute: spec.recompute ?? false,
      keep: new Set(marked.adapters.map(({ of }) => of)),
    },
  );
  const trained = tensors.reduce((sum, t) => sum + sizeOf(t.shape), 0);
  return {
    plan,
    blocks: marked.blocks,
    adapters: marked.adapters.filter(({ a }) => leads.has(a)),
    noises: marked.noise ? [marked.noise] : [],
    pixels: spec.pixels,
    targets: TARGETS,
    logits: logits.name,
    feature: feature.name,
    own: own?.name ?? null,
    captions: null,
    featureShape: output.shape.slice(1),
    classes,
    dim,
    batch,
    trained,
    parameters: parameterCount(prepared) + classes * (dim + 1),
    activationBytes: plan.activationBytes,
    widestBytes: plan.widestBytes,
    frozenBytes: frozenBytes(prepared, new Set(tensors.map((t) => t.name))),
    prefixBytes: (plan.prefix?.outputs ?? []).reduce((sum, { shape }) => sum + (4 * sizeOf(shape)) / batch, 0),
  };
}

/** Images that pass the graph at once. */
export const batchOf = ({ inputs, pixels }: ClassifierSpec): number => inputs[pixels]?.[0] ?? 1;

/** Names of everything some values are computed from, and theirs. */
export function leadingTo(g: Graph, values: readonly Value[]): Set<string> {
  const found = new Set(values.map((value) => value.name));
  for (const node of g.nodes.toReversed())
    if (node.outputs.some((y) => y && found.has(y.name))) for (const x of node.inputs) if (x) found.add(x.name);
  return found;
}

export const parameterCount = ({ parameters }: Prepared) => parameters.reduce((sum, p) => sum + sizeOf(p.shape), 0);
export const frozenBytes = ({ parameters }: Prepared, trained: ReadonlySet<string>) =>
  parameters.filter((p) => !trained.has(p.name)).reduce((sum, p) => sum + 4 * sizeOf(p.shape), 0);

/** One row per image, as models/pooling.ts makes them for frozen features. */
export function pooled(g: Graph, value: Value, pool: ClassifierSpec['feature']['pool']): Value {
  const [batch, ...rest] = value.shape as [number, ...number[]];
  if (rest.length === 1) return value;
  if (rest.length === 3) return g.reshape(g.mean(value, [2, 3]), [batch, rest[0]!]);
  if (rest.length !== 2)
    throw new TrainingError(`The output ${value.name} [${value.shape}] has no row per image to put a head on.`);
  const [tokens, dim] = rest as [number, number];
  const hasClassToken = !Number.isInteger(Math.sqrt(tokens));
  const row = pool === 'mean' || !hasClassToken ? g.mean(value, [1]) : g.slice(value, 1, 0, 1);
  return g.reshape(row, [batch, dim]);
}
