// What a run's model says of images as they are: class logits and features of files, and how right it is on the validation items.
import { accuracyOf, argmax, logLossOf } from '../../../shared/metrics.ts';
import type { ImagePool } from '../images/pool.ts';
import { gatherRows, softmaxRows } from '../numeric/matrix.ts';
import type { RowKeys } from '../training/prefix-cache.ts';
import { createBatches } from './batches.ts';
import type { RunInput } from './run.ts';
import type { TrainThread } from './thread.ts';

/** Rows of images in the order they were asked for; those of files that failed are of an empty image. */
export type Rows = {
  logits: Float32Array;
  features: Float32Array;
  /** Logits over the model's own classes, where they were asked for. */
  own: Float32Array | null;
  /** By place in the list. */
  failures: Map<number, string>;
};

export const filesOf = ({ files, hashes }: Pick<RunInput, 'files' | 'hashes'>, items: Int32Array) => ({
  files: Array.from(items, (i) => files[i]!),
  hashes: Array.from(items, (i) => hashes[i]!),
});

export type Wanted = { files: string[]; hashes?: string[] };
/** Told after each batch how many images it was. */
export type Tested = (images: number) => void;
export type Forward = (wanted: Wanted, weights: 'weights' | 'average', tested?: Tested) => Promise<Rows>;

/** Notes the images whose pixels the thread needs no more. */
export function remember(known: Set<string> | undefined, keys: RowKeys | undefined, kept: boolean): void {
  if (known && kept) for (const key of keys ?? []) if (key !== null) known.add(key);
}

/** Runs files without augmentation. */
export function plainForward(
  thread: TrainThread,
  images: ImagePool,
  input: RunInput,
  signal: AbortSignal,
  known: Set<string> | undefined,
): Forward {
  const spec = input.model.folder.vision!.preprocessing;
  const { microBatch: batch } = input.settings;
  const all = { images, files: [], labels: [], spec, augment: 'none' as const, seed: 0, batch, signal, known };
  const batches = createBatches(all);
  return async ({ files, hashes }, weights, tested) => {
    const failures = new Map<number, string>();
    let logits: Float32Array | null = null;
    let features: Float32Array | null = null;
    let own: Float32Array | null = null;
    let from = 0;
    for await (const { pixels, keys, failures: failed } of batches.plain(files, hashes)) {
      for (const { index, reason } of failed) failures.set(index, reason);
      const out = await thread.ask({ kind: 'forward', pixels, weights, keys });
      remember(known, keys, out.kept);
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
      tested?.(rows);
    }
    return { logits: logits ?? new Float32Array(0), features: features ?? new Float32Array(0), own, failures };
  };
}

/** Accuracy and loss of items; those that cannot be read do not count. */
export async function judge(
  forward: (wanted: Wanted) => Promise<Rows>,
  items: Int32Array,
  input: RunInput,
  failed: (file: string, reason: string) => Promise<void>,
): Promise<{ accuracy: number; loss: number } | null> {
  if (items.length === 0) return null;
  const { logits, failures } = await forward(filesOf(input, items));
  for (const [i, reason] of failures) await failed(input.files[items[i]!]!, reason);
  const classes = input.classes.length;
  const good = Int32Array.from(items.keys()).filter((i) => !failures.has(i));
  if (good.length === 0) return null;
  const truth = good.map((i) => input.labels[items[i]!]!);
  const probabilities = softmaxRows(Float64Array.from(gatherRows(logits, classes, good)), classes);
  const said = truth.map((_, i) => argmax(probabilities, i, classes));
  return { accuracy: accuracyOf(said, truth), loss: logLossOf(probabilities, truth, classes) };
}
