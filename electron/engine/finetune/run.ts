// One run of fine-tuning from drawn items to a trained model in its thread: the loop of epochs, validation, checkpoints. It knows
// no job and no table, so that a comparison's rows and a run of its own go through the same steps.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { LabError } from '../../../shared/contract.ts';
import type { FinetuneEpoch, FinetuneMethodId, FinetuneReport, ResolvedSettings } from '../../../shared/finetune.ts';
import type { Log } from '../context.ts';
import type { ImagePool } from '../images/pool.ts';
import { channelsLast, type FeatureOutput, type ModelFolder } from '../models/folder.ts';
import type { CaptionSetName, CaptionSpec } from '../training/caption-classifier.ts';
import type { ClassifierSpec, Head } from '../training/classifier.ts';
import type { RowKeys } from '../training/prefix-cache.ts';
import { createBatches } from './batches.ts';
import { againstCaptions, captionOfEach } from './captions.ts';
import { filesOf, judge, plainForward, type Rows, remember, type Tested } from './judge.ts';
import { againstOf, modeOf, rateAt } from './recipes.ts';
import { type MicroBatch, type PlanInfo, startTrainThread, type TrainThread } from './thread.ts';

export type RunInput = {
  /** `hash`: of the model's file. */
  model: { name: string; folder: ModelFolder; output: FeatureOutput; hash: string };
  method: FinetuneMethodId;
  settings: ResolvedSettings;
  classes: string[];
  /** Absolute paths, SHA-256 and class indices of all items; the next two hold indices into them. */
  files: string[];
  hashes: string[];
  labels: Int32Array;
  train: Int32Array;
  validation: Int32Array;
  head: Head;
  /** What is trained against instead of a head, where the text tower is trained too; null (or left out) elsewhere. */
  captions?: CaptionSpec | null;
  /** The output with the model's own classes, where a control set is told apart by them. */
  own: string | null;
  seed: number;
  threads: number;
  device: string;
  /** Where checkpoints and the best weights lie. */
  folder: string;
};

export type RunHooks = {
  signal: AbortSignal;
  /** True once the user asked to stop and keep the best. */
  stopping(): boolean;
  log: Log;
  /** Told before anything large is allocated: throws where the run shall not begin. */
  planned?(plan: PlanInfo): void;
  progress(step: number, steps: number, note: string): void;
  metric(name: string, step: number, value: number): void;
  epoch(epochs: FinetuneEpoch[]): void;
  /** A file that could not be decoded, or is not the image any more that it was; once each. */
  failure(file: string, reason: string): void;
  /** Asked when files begin to fail: throws `offline` where the dataset's folder cannot be reached. */
  reachable(): Promise<void>;
};

export type Trained = {
  thread: TrainThread;
  plan: PlanInfo;
  epochs: FinetuneEpoch[];
  best: number;
  ended: FinetuneReport['ended'];
  /** Of training, over all sittings. */
  seconds: number;
  peakBytes: number;
  /** The file with the best epoch's trained tensors. */
  bestFile: string;
  /** Class logits and features of items, with the weights as they are in the thread: the best ones. */
  predict(items: Int32Array, tested?: Tested): Promise<Rows>;
  predictFiles(files: string[], tested?: Tested): Promise<Rows>;
  /** Features of class captions with the weights as they are in the thread; null where the text tower is not trained. */
  classFeatures: ((set: CaptionSetName) => Promise<Float32Array>) | null;
};

/** What a checkpoint says beside its tensors. */
type Progress = {
  epoch: number;
  batch: number;
  step: number;
  lossSum: number;
  epochs: FinetuneEpoch[];
  best: { epoch: number; accuracy: number; loss: number } | null;
  ended: FinetuneReport['ended'] | null;
  failures: [file: string, reason: string][];
  seconds: number;
};

const CHECKPOINT = 'checkpoint.safetensors';
const BEST = 'best.safetensors';
/** Besides the one at the end of each epoch. */
const checkpointEveryMs = () => Number(process.env.LAB_CHECKPOINT_SECONDS ?? 60) * 1000;

/** Throws `unsupported` for inputs the training graph cannot be fed. */
export function classifierSpec(input: RunInput): ClassifierSpec {
  const { folder, output, name } = input.model;
  const vision = folder.vision;
  if (!vision) throw new LabError('unsupported', `${name} takes no images, so there is nothing to fine-tune on them.`);
  const { pixels, preprocessing } = vision;
  if (channelsLast(pixels) || pixels.type === 'uint8')
    throw new LabError(
      'unsupported',
      `${name} takes its pixels in an unusual order (${pixels.type} [${pixels.shape}]), which the lab embeds but does not train. Use its PyTorch-style export.`,
    );
  const { microBatch } = input.settings;
  const shapes: Record<string, number[]> = {};
  for (const value of vision.header.inputs)
    shapes[value.name] =
      value === pixels
        ? [microBatch, 3, preprocessing.height, preprocessing.width]
        : value.shape.map((d, i) => (typeof d === 'number' ? d : i === 0 ? 1 : 8));
  return {
    file: vision.file,
    inputs: shapes,
    pixels: pixels.name,
    feature: { tensor: output.tensor, pool: output.pool },
    own: input.own,
    head: input.head,
    captions: againstOf(input.method, input.settings) ? (input.captions ?? null) : null,
    mode: modeOf(input.method, input.settings),
    seed: input.seed,
    blockRate: input.settings.blockRate,
    headRate: (input.settings.headLr ?? input.settings.lr) / input.settings.lr,
    recompute: input.settings.recompute ?? false,
  };
}

export const trainerOptions = (input: Pick<RunInput, 'settings' | 'threads' | 'device'>) => ({
  optimizer: { kind: 'adamw' as const, weightDecay: input.settings.weightDecay },
  threads: input.threads,
  device: input.device,
  average: input.settings.ema,
  parts: input.settings.batch / input.settings.microBatch,
});

/** For when the run's result is stored: from then on it need not go on. */
export function forgetCheckpoint(folder: string): void {
  for (const name of [CHECKPOINT, BEST]) rmSync(path.join(folder, name), { force: true });
}

/** Bytes of what frozen blocks made of images, at most; less where a quarter of what is free is less. */
const KEPT = 2 * 2 ** 30;

/** Whether all images that are shown as they are, epoch after epoch, can be kept as the frozen blocks see them. */
export function keepsPrefix(
  { prefixBytes }: PlanInfo,
  input: Pick<RunInput, 'settings' | 'train' | 'validation'>,
): boolean {
  const images = input.validation.length + (input.settings.augment === 'none' ? input.train.length : 0);
  return prefixBytes > 0 && prefixBytes * images <= Math.min(KEPT, process.availableMemory() / 4);
}

/** Rows of one-hot targets, smoothed. */
export function targetsOf(labels: Int32Array, classes: number, smoothing: number): Float32Array {
  const out = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (const [i, label] of labels.entries()) out[i * classes + label]! += 1 - smoothing;
  return out;
}

/**
 * Trains, and leaves the thread open with the best weights in it. Goes on from the folder's checkpoint where there is one: to the
 * same numbers, as every random choice depends on (seed, epoch, item) or (seed, step) alone.
 */
export async function train(input: RunInput, images: ImagePool, hooks: RunHooks): Promise<Trained> {
  mkdirSync(input.folder, { recursive: true });
  const thread = startTrainThread();
  try {
    return await trainIn(thread, input, images, hooks);
  } catch (error) {
    await thread.close();
    throw error;
  }
}

async function trainIn(thread: TrainThread, input: RunInput, images: ImagePool, hooks: RunHooks): Promise<Trained> {
  const { settings, validation } = input;
  hooks.progress(0, 0, 'differentiating the model');
  const plan = await thread.ask({ kind: 'plan', spec: classifierSpec(input) });
  hooks.planned?.(plan);
  if ((settings.blocks ?? 0) > plan.blocks)
    hooks.log('warn', `The model has ${plan.blocks} blocks, not ${settings.blocks}: all of them are trained.`);
  hooks.signal.throwIfAborted();
  hooks.progress(0, 0, 'opening the model');
  await thread.ask({ kind: 'start', options: trainerOptions(input) });
  const known = keepsPrefix(plan, input) ? new Set<string>() : undefined;
  const plain = plainForward(thread, images, input, hooks.signal, known);
  const live = settings.ema > 0 ? 'average' : 'weights';
  const steps = settings.epochs * Math.ceil(input.train.length / settings.batch);
  const checkpoint = path.join(input.folder, CHECKPOINT);
  const bestFile = path.join(input.folder, BEST);
  const key = keyOf(input);
  const at = await resumed(thread, checkpoint, key, hooks.log);
  if (at.step > 0) hooks.log('info', `Goes on after step ${at.step} of ${steps}.`);
  for (const [file, reason] of at.failures) hooks.failure(file, reason);
  const begun = Date.now();
  const before = at.seconds;
  let saved = Date.now();
  let peakBytes = 0;
  const save = () => {
    at.seconds = before + (Date.now() - begun) / 1000;
    saved = Date.now();
    return thread.ask({ kind: 'checkpoint', file: checkpoint, metadata: { key, progress: JSON.stringify(at) } });
  };
  const failed = async (file: string, reason: string) => {
    await hooks.reachable();
    if (at.failures.some(([known]) => known === file)) return;
    at.failures.push([file, reason]);
    hooks.failure(file, reason);
  };
  const epochOf = stepper(thread, input, images, hooks, {
    at,
    steps,
    known,
    failed,
    stepped: async () => {
      if (Date.now() - saved > checkpointEveryMs()) await save();
    },
  });

  while (!at.ended) {
    const epochStart = performance.now();
    const seen = await epochOf();
    const seconds = (performance.now() - epochStart) / 1000;
    const judged = await judge((wanted) => plain(wanted, live), validation, input, failed);
    const row: FinetuneEpoch = {
      epoch: at.epoch + 1,
      step: at.step,
      trainLoss: at.lossSum / Math.max(1, at.batch),
      valAccuracy: judged?.accuracy ?? null,
      valLoss: judged?.loss ?? null,
      lr: rateAt(at.step - 1, steps, settings, input.method),
      imagesPerSecond: seen / seconds,
    };
    at.epochs.push(row);
    hooks.metric('trainLoss', at.step, row.trainLoss);
    if (judged) {
      hooks.metric('valAccuracy', at.step, judged.accuracy);
      hooks.metric('valLoss', at.step, judged.loss);
    }
    if (isBetter(judged, at.best)) {
      at.best = { epoch: row.epoch, accuracy: judged?.accuracy ?? 0, loss: judged?.loss ?? 0 };
      await thread.ask({ kind: 'keep', file: bestFile, weights: live });
    }
    at.epoch++;
    at.batch = 0;
    at.lossSum = 0;
    if (hooks.stopping() && at.step < steps) at.ended = 'stopped by you';
    else if (at.epoch >= settings.epochs) at.ended = 'all epochs';
    else if (settings.patience > 0 && judged && at.epoch - at.best!.epoch >= settings.patience)
      at.ended = 'no better for a while';
    hooks.epoch(at.epochs);
    peakBytes = Math.max(peakBytes, process.resourceUsage().maxRSS * 1024);
    await save();
  }

  await thread.ask({ kind: 'blend', file: bestFile, alpha: 1 });
  return {
    thread,
    plan,
    epochs: at.epochs,
    best: at.best!.epoch,
    ended: at.ended,
    seconds: at.seconds,
    peakBytes: Math.max(peakBytes, process.resourceUsage().maxRSS * 1024),
    bestFile,
    predict: (wanted, tested) => plain(filesOf(input, wanted), 'weights', tested),
    predictFiles: (files, tested) => plain({ files }, 'weights', tested),
    classFeatures: input.captions ? (set) => thread.ask({ kind: 'classes', set }) : null,
  };
}

type Stepping = {
  at: Progress;
  steps: number;
  known: Set<string> | undefined;
  failed(file: string, reason: string): Promise<void>;
  stepped(): Promise<void>;
};

/** Runs the steps of the epoch that `at` is in, from where it is; returns how many images that were. */
function stepper(
  thread: TrainThread,
  input: RunInput,
  images: ImagePool,
  hooks: RunHooks,
  { at, steps, known, failed, stepped }: Stepping,
): () => Promise<number> {
  const { settings, labels, train: items, seed } = input;
  const { batch } = settings;
  const batches = createBatches({
    images,
    ...filesOf(input, items),
    labels: items.map((i) => labels[i]!),
    spec: input.model.folder.vision!.preprocessing,
    augment: settings.augment,
    seed,
    batch,
    signal: hooks.signal,
    known,
  });
  return async () => {
    const started = performance.now();
    let seen = 0;
    try {
      for await (const next of batches.epoch(at.epoch, at.batch)) {
        hooks.signal.throwIfAborted();
        for (const { index, reason } of next.failures) await failed(input.files[items[index]!]!, reason);
        const lr = rateAt(at.step, steps, settings, input.method);
        const parts = microBatches(input, next, at.step);
        const result = await thread.ask({ kind: 'step', batches: parts, lr, clip: settings.clip });
        remember(known, next.keys, result.kept);
        at.step++;
        at.batch++;
        at.lossSum += result.loss;
        seen += batch;
        hooks.metric('loss', at.step, result.loss);
        hooks.metric('lr', at.step, lr);
        hooks.metric('imagesPerSecond', at.step, (1000 * seen) / (performance.now() - started));
        hooks.progress(at.step, steps, `epoch ${at.epoch + 1} of ${settings.epochs}`);
        await stepped();
        if (hooks.stopping()) break;
      }
    } catch (error) {
      // a drive that was unplugged leaves no image to train on
      if (error instanceof LabError && error.code === 'bad-request') await hooks.reachable();
      throw error;
    }
    return seen;
  };
}

/** A batch as the micro-batches of one step, with what they are trained against. The pixels are views. */
export function microBatches(
  { settings, classes, captions, seed }: Pick<RunInput, 'settings' | 'classes' | 'captions' | 'seed'>,
  { pixels, labels, keys }: { pixels: Float32Array; labels: Int32Array; keys?: RowKeys | undefined },
  step: number,
): MicroBatch[] {
  const { smoothing, batch, microBatch } = settings;
  if (captions?.against === 'batch')
    return [{ pixels, ...againstCaptions(captions, labels, { seed, step, smoothing }) }];
  const each = captions ? { captions: captionOfEach(captions, seed, step) } : {};
  const targets = targetsOf(labels, classes.length, smoothing);
  const parts = batch / microBatch;
  const part = (all: Float32Array, k: number) => all.subarray((all.length / parts) * k, (all.length / parts) * (k + 1));
  return Array.from({ length: parts }, (_, k) => ({
    pixels: part(pixels, k),
    targets: part(targets, k),
    ...each,
    keys: keys?.slice(k * microBatch, (k + 1) * microBatch),
  }));
}

/** Of everything that decides a run's numbers, but for the machine. */
function keyOf(input: RunInput): string {
  const { model, method, settings, classes, hashes, labels, train: items, validation, seed, captions } = input;
  const of = (chosen: Int32Array) => Array.from(chosen, (i) => [hashes[i], labels[i]]);
  const words = captions ? [String(captions.ids), captions.sets] : null;
  const facts = [model.hash, model.output.id, method, settings, classes, seed, of(items), of(validation), words];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

/** Where the folder's checkpoint left off; the start without one, or where it belongs to other data or is damaged. */
async function resumed(thread: TrainThread, checkpoint: string, key: string, log: Log): Promise<Progress> {
  const start: Progress = {
    epoch: 0,
    batch: 0,
    step: 0,
    lossSum: 0,
    epochs: [],
    best: null,
    ended: null,
    failures: [],
    seconds: 0,
  };
  if (!existsSync(checkpoint)) return start;
  try {
    const metadata = await thread.ask({ kind: 'resume', file: checkpoint, key });
    const progress = JSON.parse(metadata.progress!) as Progress;
    if (metadata.key !== key)
      log('warn', 'The images, the model or the settings have changed since the run was cut off. It begins again.');
    else return progress;
  } catch (error) {
    log('warn', `The checkpoint cannot be read, so the run begins again: ${(error as Error).message}`);
  }
  rmSync(checkpoint, { force: true });
  return start;
}

/** Without validation items the last epoch is the best. */
function isBetter(now: { accuracy: number; loss: number } | null, best: Progress['best']): boolean {
  if (!now || !best) return true;
  return now.accuracy > best.accuracy || (now.accuracy === best.accuracy && now.loss < best.loss);
}
