// One run of fine-tuning from drawn items to a trained model in its thread: the loop of epochs, validation, checkpoints. It knows
// no job and no table, so that a comparison's rows and a run of its own go through the same steps.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { LabError } from '../../../shared/contract.ts';
import type { FinetuneEpoch, FinetuneMethodId, FinetuneReport, ResolvedSettings } from '../../../shared/finetune.ts';
import { accuracyOf, argmax, logLossOf } from '../../../shared/metrics.ts';
import type { Log } from '../context.ts';
import type { ImagePool } from '../images/pool.ts';
import { channelsLast, type FeatureOutput, type ModelFolder } from '../models/folder.ts';
import { softmaxRows } from '../numeric/matrix.ts';
import type { ClassifierSpec, Head } from '../training/classifier.ts';
import { createBatches } from './batches.ts';
import { modeOf, rateAt } from './recipes.ts';
import { type PlanInfo, startTrainThread, type TrainThread } from './thread.ts';

export type RunInput = {
  model: { name: string; folder: ModelFolder; output: FeatureOutput };
  method: FinetuneMethodId;
  settings: ResolvedSettings;
  classes: string[];
  /** Absolute paths and class indices of all items; the next three hold indices into them. */
  files: string[];
  labels: Int32Array;
  train: Int32Array;
  validation: Int32Array;
  head: Head;
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
  progress(step: number, steps: number, note: string): void;
  metric(name: string, step: number, value: number): void;
  epoch(epochs: FinetuneEpoch[]): void;
  /** A training file that could not be decoded, once. */
  failure(file: string, reason: string): void;
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
  predict(items: Int32Array): Promise<{ logits: Float32Array; features: Float32Array }>;
  predictFiles(
    files: string[],
  ): Promise<{ logits: Float32Array; features: Float32Array; failures: Map<number, string> }>;
};

/** What a checkpoint says beside its tensors. */
type Progress = {
  epoch: number;
  batch: number;
  step: number;
  lossSum: number;
  epochs: FinetuneEpoch[];
  best: { epoch: number; accuracy: number; loss: number } | null;
  seconds: number;
};

const CHECKPOINT = 'checkpoint.safetensors';
const BEST = 'best.safetensors';
const CHECKPOINT_EVERY_MS = 60_000;

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
    mode: modeOf(input.method, input.settings),
    seed: input.seed,
    blockRate: input.settings.blockRate,
    headRate: input.settings.headLr / input.settings.lr,
  };
}

export const trainerOptions = (input: Pick<RunInput, 'settings' | 'threads' | 'device'>) => ({
  optimizer: { kind: 'adamw' as const, weightDecay: input.settings.weightDecay },
  threads: input.threads,
  device: input.device,
  average: input.settings.ema,
  parts: input.settings.batch / input.settings.microBatch,
});

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
  const { settings, classes, labels, files, train: items, validation, seed } = input;
  hooks.progress(0, 0, 'differentiating the model');
  const plan = await thread.ask({ kind: 'plan', spec: classifierSpec(input) });
  hooks.signal.throwIfAborted();
  hooks.progress(0, 0, 'opening the model');
  await thread.ask({ kind: 'start', options: trainerOptions(input) });
  const { microBatch, batch } = settings;
  const batches = createBatches({
    images,
    files: Array.from(items, (i) => files[i]!),
    labels: items.map((i) => labels[i]!),
    spec: input.model.folder.vision!.preprocessing,
    augment: settings.augment,
    seed,
    batch,
    signal: hooks.signal,
  });
  const plain = plainForward(thread, images, input, hooks.signal);
  const live = settings.ema > 0 ? 'average' : 'weights';
  const perEpoch = Math.ceil(items.length / batch);
  const steps = settings.epochs * perEpoch;
  const checkpoint = path.join(input.folder, CHECKPOINT);
  const bestFile = path.join(input.folder, BEST);
  const at = await resumed(thread, checkpoint);
  if (at.step > 0) hooks.log('info', `Goes on after step ${at.step} of ${steps}.`);
  const begun = Date.now();
  const before = at.seconds;
  let saved = Date.now();
  let peakBytes = 0;
  let ended: FinetuneReport['ended'] = 'all epochs';
  const save = () => {
    at.seconds = before + (Date.now() - begun) / 1000;
    saved = Date.now();
    return thread.ask({ kind: 'checkpoint', file: checkpoint, metadata: { progress: JSON.stringify(at) } });
  };

  while (at.epoch < settings.epochs) {
    const epochStart = performance.now();
    let seen = 0;
    for await (const next of batches.epoch(at.epoch, at.batch)) {
      hooks.signal.throwIfAborted();
      for (const { index, reason } of next.failures) hooks.failure(files[items[index]!]!, reason);
      const targets = targetsOf(next.labels, classes.length, settings.smoothing);
      const lr = rateAt(at.step, steps, settings);
      const size = next.pixels.length / batch;
      const parts = Array.from({ length: batch / microBatch }, (_, k) => ({
        pixels: next.pixels.subarray(k * microBatch * size, (k + 1) * microBatch * size),
        targets: targets.subarray(k * microBatch * classes.length, (k + 1) * microBatch * classes.length),
      }));
      const result = await thread.ask({ kind: 'step', batches: parts, lr, clip: settings.clip });
      at.step++;
      at.batch++;
      at.lossSum += result.loss;
      seen += batch;
      hooks.metric('loss', at.step, result.loss);
      hooks.metric('lr', at.step, lr);
      hooks.metric('imagesPerSecond', at.step, (1000 * seen) / (performance.now() - epochStart));
      hooks.progress(at.step, steps, `epoch ${at.epoch + 1} of ${settings.epochs}`);
      if (Date.now() - saved > CHECKPOINT_EVERY_MS) await save();
      if (hooks.stopping()) break;
    }
    const judged = await judge((wanted) => plain(wanted, live), validation, input);
    const seconds = (performance.now() - epochStart) / 1000;
    const row: FinetuneEpoch = {
      epoch: at.epoch + 1,
      step: at.step,
      trainLoss: at.lossSum / Math.max(1, at.batch),
      valAccuracy: judged?.accuracy ?? null,
      valLoss: judged?.loss ?? null,
      lr: rateAt(at.step - 1, steps, settings),
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
    hooks.epoch(at.epochs);
    peakBytes = Math.max(peakBytes, process.resourceUsage().maxRSS * 1024);
    await save();
    if (hooks.stopping()) ended = 'stopped by you';
    else if (settings.patience > 0 && judged && at.epoch - at.best!.epoch >= settings.patience)
      ended = 'no better for a while';
    if (ended !== 'all epochs') break;
  }

  await thread.ask({ kind: 'blend', file: bestFile, alpha: 1 });
  rmSync(checkpoint, { force: true });
  return {
    thread,
    plan,
    epochs: at.epochs,
    best: at.best!.epoch,
    ended,
    seconds: before + (Date.now() - begun) / 1000,
    peakBytes: Math.max(peakBytes, process.resourceUsage().maxRSS * 1024),
    bestFile,
    predict: (wanted) =>
      plain(
        Array.from(wanted, (i) => files[i]!),
        'weights',
      ),
    predictFiles: (wanted) => plain(wanted, 'weights'),
  };
}

async function resumed(thread: TrainThread, checkpoint: string): Promise<Progress> {
  if (!existsSync(checkpoint)) return { epoch: 0, batch: 0, step: 0, lossSum: 0, epochs: [], best: null, seconds: 0 };
  const { progress } = await thread.ask({ kind: 'resume', file: checkpoint });
  return JSON.parse(progress!) as Progress;
}

/** Without validation items the last epoch is the best. */
function isBetter(now: { accuracy: number; loss: number } | null, best: Progress['best']): boolean {
  if (!now || !best) return true;
  return now.accuracy > best.accuracy || (now.accuracy === best.accuracy && now.loss < best.loss);
}

type Rows = {
  logits: Float32Array;
  features: Float32Array;
  own: Float32Array | null;
  failures: Map<number, string>;
};
type Forward = (files: string[], weights: 'weights' | 'average') => Promise<Rows>;

/** Runs files without augmentation; rows of those that cannot be decoded are of an empty image, and listed. */
function plainForward(thread: TrainThread, images: ImagePool, input: RunInput, signal: AbortSignal): Forward {
  const spec = input.model.folder.vision!.preprocessing;
  const { microBatch: batch } = input.settings;
  const batches = createBatches({ images, files: [], labels: [], spec, augment: 'none', seed: 0, batch, signal });
  return async (files, weights) => {
    const failures = new Map<number, string>();
    let logits: Float32Array | null = null;
    let features: Float32Array | null = null;
    let own: Float32Array | null = null;
    let from = 0;
    for await (const { pixels, failures: failed } of batches.plain(files)) {
      for (const { index, reason } of failed) failures.set(index, reason);
      const out = await thread.ask({ kind: 'forward', pixels, weights });
      const [c, d] = [out.logits.length / batch, out.features.length / batch];
      logits ??= new Float32Array(files.length * c);
      features ??= new Float32Array(files.length * d);
      const rows = Math.min(batch, files.length - from);
      if (out.own) {
        const o = out.own.length / batch;
        own ??= new Float32Array(files.length * o);
        own.set(out.own.subarray(0, rows * o), from * o);
      }
      logits.set(out.logits.subarray(0, rows * c), from * c);
      features.set(out.features.subarray(0, rows * d), from * d);
      from += rows;
    }
    return { logits: logits ?? new Float32Array(0), features: features ?? new Float32Array(0), own, failures };
  };
}

async function judge(
  forward: (files: string[]) => Promise<Rows>,
  items: Int32Array,
  { files, labels, classes }: Pick<RunInput, 'files' | 'labels' | 'classes'>,
): Promise<{ accuracy: number; loss: number } | null> {
  if (items.length === 0) return null;
  const { logits } = await forward(Array.from(items, (i) => files[i]!));
  const truth = items.map((i) => labels[i]!);
  const probabilities = softmaxRows(Float64Array.from(logits), classes.length);
  const said = truth.map((_, i) => argmax(probabilities, i, classes.length));
  return { accuracy: accuracyOf(said, truth), loss: logLossOf(probabilities, truth, classes.length) };
}
