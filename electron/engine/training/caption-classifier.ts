// Both towers of an image-text model as one training plan. Classes are told apart by the features of their captions, so that there
// is no head: FLYP (Goyal et al., arXiv 2212.00638) trains the images of a batch against their captions, as the model was
// pretrained; CLIP-LoRA (Zanella & Ben Ayed, arXiv 2405.18541) trains each image against the captions of all classes.
import {
  batchOf,
  type Classifier,
  type ClassifierSpec,
  frozenBytes,
  leadingTo,
  packedBytes,
  parameterCount,
  pooled,
  TARGETS,
} from './classifier.ts';
import type { Graph, Value } from './graph.ts';
import { joinGraph } from './join.ts';
import { type Adapter, type Noise, noiseFeeds } from './lora.ts';
import { contrastive, cosines, crossEntropy, type Loss } from './losses.ts';
import { planTraining, type TrainedTensor } from './plan.ts';
import { type Prepared, prepare } from './prepare.ts';
import { TrainingError } from './rule.ts';
import { sizeOf } from './shape.ts';
import { markTrainable } from './trainable.ts';
import type { Feeds, Trainer } from './trainer.ts';

/** Captions of classes: those of class c are rows from + c · templates up to the next class's. */
export type CaptionSet = { from: number; classes: number; templates: number };
export type CaptionSetName = 'own' | 'control';

export type CaptionSpec = {
  /**
   * What a step's images [B] are told apart by: 'batch', the captions [B] of the batch, contrasted both ways with a trained scale;
   * 'classes', one caption [C] of each class, by cross-entropy with the model's own scale.
   */
  against: 'batch' | 'classes';
  /** The text tower's file, which may be the vision tower's too. */
  file: string;
  /** The output that is a caption's feature. */
  output: string;
  /** Ids and mask [rows, length] of all captions: every row is as long as the longest, or as the model's context. */
  ids: BigInt64Array;
  mask: BigInt64Array;
  length: number;
  /** The run's classes, and those of a control set where there is one. */
  sets: { own: CaptionSet; control: CaptionSet | null };
};

/** What a trained run needs to feed and read the text tower. */
export type Captions = Omit<CaptionSpec, 'file' | 'output'> & {
  /** The graph's inputs and what each is. */
  inputs: { name: string; part: string; dtype: Value['dtype'] }[];
  /** The graph's output, [rows, dim]. */
  feature: string;
  /** Captions that pass the graph at once: B of the batch, or C of all classes. */
  rows: number;
  /** What cosines are multiplied with; null: what `LOG_SCALE` has become. */
  scale: number | null;
};

/** The logarithm of what cosines are multiplied with: a tensor of shape [] that is trained. */
export const LOG_SCALE = 'lab.logScale';
/** Cosines are multiplied with 100 at most, as CLIP was trained (Radford et al. 2021, section 2.5). */
const MOST_LOG_SCALE = Math.log(100);

/** Before the names of a text tower that has a file of its own. */
export const TEXT_PREFIX = 'lab.text/';

/** Reads both towers and differentiates. `spec.head` gives the classes and the scale to begin with. Throws `TrainingError`. */
export async function buildCaptionClassifier(spec: ClassifierSpec): Promise<Classifier> {
  const { captions } = spec;
  if (!captions) throw new Error('There are no captions to train against.');
  const batch = batchOf(spec);
  const isContrast = captions.against === 'batch';
  const rows = isContrast ? batch : captions.sets.own.classes;
  const textShapes = Object.fromEntries(PARTS.map((name) => [name, [rows, captions.length]]));
  const { g, image, text, tensors, blocks, adapters, noises, parameters, prefix } =
    captions.file === spec.file ? await oneFile(spec, textShapes) : await twoFiles(spec, textShapes);
  const feature = pooled(g, image, spec.feature.pool);
  const caption = pooled(g, text, 'row');
  const dim = feature.shape[1]!;
  if (caption.shape[1] !== dim)
    throw new TrainingError(
      `Images have ${dim} numbers and captions ${caption.shape[1]}: ${spec.feature.tensor} and ${captions.output} are not in one space. Choose the model's projected output, such as image_embeds.`,
    );
  const { scale } = spec.head;
  const all = isContrast ? [...tensors, logScale(scale)] : tensors;
  const loss = (graph: Graph): Loss => {
    const targets = graph.input(TARGETS, [batch, rows]);
    if (isContrast) return contrastive(graph, feature, caption, graph.input(LOG_SCALE, []), targets);
    return crossEntropy(graph, graph.scale(cosines(graph, feature, caption), scale), targets);
  };
  const inputs = g.inputs.flatMap((value) => {
    const part = value.name.startsWith(prefix) ? value.name.slice(prefix.length) : '';
    return PARTS.includes(part) ? [{ name: value.name, part, dtype: value.dtype }] : [];
  });
  const plan = planTraining(g, all, [feature], loss, {
    aside: [caption],
    noises: noises.map(({ name }) => name),
    recompute: spec.recompute ?? false,
    packed: packedBytes(),
    keep: new Set(adapters.map(({ of }) => of)),
  });
  const { file: _file, output: _output, ...rest } = captions;
  return {
    plan,
    blocks,
    adapters,
    noises,
    pixels: spec.pixels,
    targets: TARGETS,
    logits: null,
    feature: feature.name,
    own: null,
    captions: { ...rest, inputs, feature: caption.name, rows, scale: isContrast ? null : scale },
    featureShape: image.shape.slice(1),
    classes: spec.head.classes,
    dim,
    batch,
    trained: all.reduce((sum, t) => sum + sizeOf(t.shape), 0),
    parameters: parameters.reduce((sum, p) => sum + parameterCount(p), isContrast ? 1 : 0),
    activationBytes: plan.activationBytes,
    widestBytes: plan.widestBytes,
    frozenBytes: parameters.reduce((sum, p) => sum + frozenBytes(p, new Set(all.map((t) => t.name))), 0),
    prefixBytes: 0,
  };
}

const logScale = (scale: number): TrainedTensor => ({
  name: LOG_SCALE,
  shape: [],
  data: Float32Array.of(Math.log(scale)),
  decay: false,
  most: MOST_LOG_SCALE,
});

/** What of a tower is trained. */
type Marked = { tensors: TrainedTensor[]; adapters: Adapter[]; noises: Noise[] };

type Towers = Marked & {
  g: Graph;
  image: Value;
  text: Value;
  blocks: Classifier['blocks'];
  parameters: Prepared[];
  prefix: string;
};

async function oneFile(spec: ClassifierSpec, text: Record<string, number[]>): Promise<Towers> {
  const prepared = await prepare(spec.file, {
    inputs: { ...spec.inputs, ...text },
    outputs: [spec.feature.tensor, spec.captions!.output],
  });
  const both = marked(prepared, spec);
  const [image, caption] = prepared.graph.outputs as [Value, Value];
  return { g: prepared.graph, image, text: caption, ...both, parameters: [prepared], prefix: '' };
}

async function twoFiles(spec: ClassifierSpec, text: Record<string, number[]>): Promise<Towers> {
  const captions = spec.captions!;
  const vision = await prepare(spec.file, { inputs: spec.inputs, outputs: [spec.feature.tensor] });
  const own = marked(vision, spec);
  const { words, other } = await textTower(captions, text, spec);
  const g = vision.graph;
  const inText = joinGraph(g, words.graph, TEXT_PREFIX);
  return {
    g,
    image: g.outputs[0]!,
    text: inText(words.graph.outputs[0]!),
    tensors: [...own.tensors, ...other.tensors.map((t) => ({ ...t, name: TEXT_PREFIX + t.name }))],
    adapters: [
      ...own.adapters,
      ...other.adapters.map(({ of, a, b, ...adapter }) => ({
        ...adapter,
        of: TEXT_PREFIX + of,
        a: TEXT_PREFIX + a,
        b: TEXT_PREFIX + b,
      })),
    ],
    noises: [...own.noises, ...other.noises.map((noise) => ({ ...noise, name: TEXT_PREFIX + noise.name }))],
    blocks: own.blocks,
    parameters: [vision, words],
    prefix: TEXT_PREFIX,
  };
}

async function textTower({ file, output }: CaptionSpec, inputs: Record<string, number[]>, spec: ClassifierSpec) {
  try {
    const words = await prepare(file, { inputs, outputs: [output] });
    return { words, other: marked(words, spec) };
  } catch (error) {
    if (!(error instanceof TrainingError) || spec.mode.kind !== 'lora') throw error;
    throw new TrainingError(`The text side of the model: ${error.message} Or choose the vision encoder alone.`);
  }
}

/** The tensors of a tower that its feature depends on; the others become constants. */
function marked(prepared: Prepared, spec: ClassifierSpec): Marked & Pick<Towers, 'blocks'> {
  const { graph: g } = prepared;
  const { parameters, blocks, adapters, noise } = markTrainable(prepared, spec.mode, { seed: spec.seed });
  const leads = leadingTo(g, g.outputs);
  for (const { name, shape, data } of parameters)
    if (!leads.has(name)) g.constants.set(name, { value: { name, shape, dtype: 'float32' }, data });
  g.inputs = g.inputs.filter((value) => leads.has(value.name) && !g.constants.has(value.name));
  const depth = (block: number | 'stem' | 'head') =>
    block === 'head' ? 0 : block === 'stem' ? blocks.count : blocks.count - block;
  return {
    tensors: parameters.filter((p) => leads.has(p.name)).map((p) => ({ ...p, rate: spec.blockRate ** depth(p.block) })),
    adapters: adapters.filter(({ a }) => leads.has(a)),
    noises: noise ? [noise] : [],
    blocks,
  };
}

/** Inputs that exports of text towers have. */
const PARTS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'];
/** The text tower's inputs for captions by their rows. */
export function captionFeeds(captions: Captions, rows: ArrayLike<number>): Feeds {
  const { length, ids, mask } = captions;
  const pick = (from: BigInt64Array) => {
    const out = new BigInt64Array(rows.length * length);
    for (let i = 0; i < rows.length; i++)
      out.set(from.subarray(rows[i]! * length, (rows[i]! + 1) * length), i * length);
    return out;
  };
  const of = (part: string): BigInt64Array => {
    if (part === 'input_ids') return pick(ids);
    if (part === 'attention_mask') return pick(mask);
    const position = part === 'position_ids';
    return BigInt64Array.from({ length: rows.length * length }, (_, i) => BigInt(position ? i % length : 0));
  };
  return Object.fromEntries(
    captions.inputs.map(({ name, part, dtype }) => [
      name,
      dtype === 'int32' ? Int32Array.from(of(part), Number) : of(part),
    ]),
  );
}

/**
 * Unit-length class features [classes, dim] with the weights as they are: as models/text-features.ts makes them, the mean over the
 * templates of the captions' unit-length features, brought to length 1.
 */
export async function classFeatures(
  { captions, noises, dim }: Classifier,
  trainer: Trainer,
  set: CaptionSetName,
  weights: 'weights' | 'average',
): Promise<Float32Array> {
  const wanted = captions?.sets[set];
  if (!captions || !wanted) throw new Error(`The run has no captions of the ${set} classes.`);
  const { from, classes, templates } = wanted;
  const { rows: batch } = captions;
  const noise = noiseFeeds(noises);
  const out = new Float32Array(classes * dim);
  const count = classes * templates;
  for (let start = 0; start < count; start += batch) {
    // the graph takes its whole number of rows: the last one again where there are fewer
    const rows = Array.from({ length: batch }, (_, i) => from + Math.min(start + i, count - 1));
    const made = (await trainer.forwardAside({ ...captionFeeds(captions, rows), ...noise }, weights))[
      captions.feature
    ]!;
    for (let i = 0; i < batch && start + i < count; i++) {
      const row = unit(made.slice(i * dim, (i + 1) * dim));
      const at = Math.floor((start + i) / templates) * dim;
      for (let j = 0; j < dim; j++) out[at + j]! += row[j]! / templates;
    }
  }
  for (let c = 0; c < classes; c++) unit(out.subarray(c * dim, (c + 1) * dim));
  return out;
}

/** scale · cosine of each row of `features` [n, dim] with each class [classes, dim] of unit length. */
export function zeroShotLogits(features: Float32Array, text: Float32Array, dim: number, scale: number): Float32Array {
  const n = features.length / dim;
  const classes = text.length / dim;
  const out = new Float32Array(n * classes);
  for (let i = 0; i < n; i++) {
    const row = unit(features.slice(i * dim, (i + 1) * dim));
    for (let c = 0; c < classes; c++) {
      let product = 0;
      for (let j = 0; j < dim; j++) product += row[j]! * text[c * dim + j]!;
      out[i * classes + c] = scale * product;
    }
  }
  return out;
}

/** In place; a row of zeros stays as it is. */
function unit(row: Float32Array): Float32Array {
  let sum = 0;
  for (const value of row) sum += value * value;
  const length = Math.sqrt(sum) || 1;
  for (let i = 0; i < row.length; i++) row[i]! /= length;
  return row;
}
