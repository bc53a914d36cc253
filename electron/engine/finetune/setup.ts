// What a run of fine-tuning begins with: the items its seed draws, their frozen features, the head, and the settings spelt out.
import { availableParallelism } from 'node:os';
import { LabError } from '../../../shared/contract.ts';
import type { FinetuneMethodId, FinetuneParams, ResolvedSettings } from '../../../shared/finetune.ts';
import { type DrawnRow, drawSeed, planDraw, SPLIT_CODE, TEST, UNUSED } from '../../../shared/protocol.ts';
import { DEFAULT_TEMPLATES, wordsFor } from '../../../shared/templates.ts';
import type { Engine, Log } from '../context.ts';
import { type Drawn, drawItems, withoutUnreadable } from '../datasets/drawn.ts';
import { ensureOnline } from '../datasets/roots.ts';
import { fitProbe } from '../methods/linear-probe.ts';
import type { Sample } from '../methods/method.ts';
import { DEFAULT_SCALE } from '../methods/zero-shot.ts';
import { embedItems } from '../models/embed-dataset.ts';
import type { Embedder } from '../models/embedder.ts';
import { type FeatureOutput, fixedBatch, type ModelFolder } from '../models/folder.ts';
import { classTextFeatures } from '../models/text-features.ts';
import type { LogisticFit } from '../numeric/logistic.ts';
import { gatherRows, normaliseRows } from '../numeric/matrix.ts';
import type { Head } from '../training/classifier.ts';
import { NEED, withoutCaptions } from './captions.ts';
import { type Family, resolveSettings } from './recipes.ts';
import type { RunInput } from './run.ts';

export type Backbone = {
  name: string;
  folder: ModelFolder;
  output: FeatureOutput;
  embedder: Embedder;
};

/** What can be known without training; shared by the runs of a comparison. */
export type Ground = Drawn & {
  backbone: Backbone;
  /** Class index of each item; -1: not used. */
  labels: Int32Array;
  split: Uint8Array;
  /** Unit-length rows [items, dim]. */
  features: Float32Array;
  /** Unit-length text features [classes, dim]; null without a text side. */
  text: Float32Array | null;
  scale: number;
  templates: string[];
  names: string[];
};

/** A softmax of the probe's own scale is so sure of the training items that their gradients vanish. */
const MOST_PROBE_SCALE = 30;

export async function openBackbone(
  engine: Engine,
  model: FinetuneParams['model'],
  options: { device?: string | undefined; threads?: number | undefined },
): Promise<Backbone> {
  const { info, folder } = await engine.models.folder(model.id);
  const embedder = await engine.models.embedder(model.id, {
    ...(model.output ? { output: model.output } : {}),
    ...(options.device ? { device: options.device } : {}),
    ...(options.threads ? { threads: options.threads } : {}),
  });
  const output = folder.vision?.outputs.find((one) => one.id === embedder.output);
  if (!folder.vision || !output)
    throw new LabError('unsupported', `${info.name} takes no images, so there is nothing to fine-tune on them.`);
  return { name: info.name, folder, output, embedder };
}

const ATTENTION = ['Softmax', 'Attention', 'MultiHeadAttention'];

/** By what the graph does, as configs often do not say: a vision transformer convolves once, a convolution network may attend a few times. */
const familyOf = ({ vision }: ModelFolder): Family => {
  const ops = vision?.header.ops ?? {};
  const attentions = ATTENTION.reduce((sum, op) => sum + (ops[op] ?? 0), 0);
  return (ops.Conv ?? 0) > 2 * attentions + 1 ? 'convolution' : 'transformer';
};

/** What classes are called in captions, and the templates. */
export const wordsOf = (
  { classNames, templates }: Pick<FinetuneParams, 'classNames' | 'templates'>,
  classes: readonly string[],
): { names: string[]; templates: string[] } => ({
  names: classes.map((name) => wordsFor(classNames, name)),
  templates: templates.length > 0 ? templates : [...DEFAULT_TEMPLATES],
});

type Hooks = { signal: AbortSignal; log: Log; progress(done: number, total: number, note: string): void };

/** Embeds what is not in the cache yet. Items that cannot be read are listed in `excluded` and used by nobody. */
export async function layGround(
  engine: Engine,
  params: Pick<FinetuneParams, 'datasetId' | 'keepLeaks' | 'model' | 'templates' | 'classNames' | 'device' | 'threads'>,
  hooks: Hooks,
): Promise<Ground> {
  await ensureOnline(engine, params.datasetId);
  const drawn = drawItems(engine, params);
  const backbone = await openBackbone(engine, params.model, params);
  const { embedder } = backbone;
  const embedded = await embedItems(engine, embedder, drawn.items, {
    signal: hooks.signal,
    log: hooks.log,
    progress: (done, total) => hooks.progress(done, total, `embedding with ${embedder.name}`),
  });
  const failed = new Map(embedded.failures.map(({ id, reason }) => [id, reason]));
  const { held: _held, ...ground } = withoutUnreadable(drawn, failed);
  if (ground.classes.length < 2)
    throw new LabError(
      'bad-request',
      `Only ${ground.classes[0] ?? 'no class'} has images that can be read: ${drawn.classes.length} classes were there. See the problems under Data.`,
    );
  normaliseRows(embedded.features, embedder.dim);
  const { names, templates } = wordsOf(params, ground.classes);
  const text = embedder.text ? await classTextFeatures(embedder, names, templates, hooks.signal) : null;
  return {
    ...ground,
    backbone,
    labels: Int32Array.from(ground.items, (item) => item.label),
    split: Uint8Array.from(ground.items, (item) =>
      failed.has(item.id) || !item.split ? UNUSED : SPLIT_CODE[item.split],
    ),
    features: embedded.features,
    text,
    scale: embedder.scale ?? DEFAULT_SCALE,
    templates,
    names,
  };
}

/** Indices of the items that are tested. */
export const testOf = ({ labels, split }: Pick<Ground, 'labels' | 'split'>): Int32Array =>
  Int32Array.from(labels.keys()).filter((i) => split[i] === TEST && labels[i]! >= 0);

/** What a draw is made from. */
export type Drawable = Pick<Ground, 'classes' | 'labels' | 'split'>;

/** The items of one seed at one shot count (DESIGN.md 5). Throws `bad-request` naming the class that is too small. */
export function drawRow(ground: Drawable, shots: number | 'all', seed: number): DrawnRow {
  const plan = planDraw({ classes: ground.classes, labels: ground.labels, split: ground.split, shots: [shots] });
  const row = plan.shots.length > 0 ? drawSeed(plan, seed)[0] : undefined;
  if (!row) throw new LabError('bad-request', plan.omitted[0]?.reason ?? 'No training item is left.');
  return row;
}

export const sampleOf = ({ features, labels, backbone }: Ground, items: Int32Array): Sample => ({
  x: gatherRows(features, backbone.embedder.dim, items),
  labels: items.map((i) => labels[i]!),
});

/** The linear probe on a row's items: where a head may begin, and what a run is measured against. */
export const probeOf = (ground: Ground, row: DrawnRow): LogisticFit =>
  fitProbe({
    train: sampleOf(ground, row.train),
    validation: sampleOf(ground, row.validation),
    dim: ground.backbone.embedder.dim,
    classes: ground.classes.length,
  });

/** The text features where there are any, else (and for LP-FT) the probe, brought to rows of about length 1. */
export function initialHead(
  ground: Ground,
  method: FinetuneMethodId,
  probeFor: () => LogisticFit,
): { head: Head; from: 'zero-shot' | 'probe' } {
  const classes = ground.classes.length;
  if (method === 'flyp' && !ground.text) throw withoutCaptions(ground.backbone, NEED.batch);
  if (ground.text && method !== 'lp-ft')
    return {
      from: 'zero-shot',
      head: { weight: ground.text.slice(), bias: new Float32Array(classes), classes, scale: ground.scale },
    };
  const probe = probeFor();
  const length = Math.sqrt(probe.weights.reduce((sum, w) => sum + w * w, 0) / classes) || 1;
  return {
    from: 'probe',
    head: {
      weight: Float32Array.from(probe.weights, (w) => w / length),
      bias: Float32Array.from(probe.bias, (b) => b / length),
      classes,
      scale: Math.min(length, MOST_PROBE_SCALE),
    },
  };
}

/** `output`: the feature, where it is not the model's own. `items`: how many the run trains on. */
export const settingsFor = (
  {
    backbone: { folder, output },
    classes,
  }: { backbone: { folder: ModelFolder; output: { id: string } | undefined }; classes: readonly unknown[] },
  { method, settings }: Pick<FinetuneParams, 'method' | 'settings'>,
  items: number,
): ResolvedSettings =>
  resolveSettings(method, settings, {
    family: familyOf(folder),
    items,
    classes: classes.length,
    fixed: fixedBatch(folder.vision?.pixels),
    captions: folder.text !== null && folder.text.shared === (output ?? folder.vision?.outputs[0])?.id,
  });

const threadsOf = (engine: Engine, asked: number | undefined): number =>
  asked || engine.settings().threads || availableParallelism();

type Asked = Pick<RunInput, 'method' | 'settings' | 'head' | 'captions' | 'own' | 'seed' | 'folder'>;

/** A run's input from what it stands on and what was drawn; threads and device as asked, else as set. */
export const runInput = async (
  engine: Engine,
  { backbone, classes, items, labels }: Pick<Ground, 'backbone' | 'classes' | 'items' | 'labels'>,
  { train, validation }: DrawnRow,
  { device, threads }: Pick<FinetuneParams, 'device' | 'threads'>,
  asked: Asked,
): Promise<RunInput> => ({
  model: { ...backbone, hash: backbone.embedder.hash },
  classes,
  files: items.map((item) => item.file),
  hashes: items.map((item) => item.hash),
  labels,
  train,
  validation,
  threads: threadsOf(engine, threads),
  device: await engine.models.device(device),
  ...asked,
});
