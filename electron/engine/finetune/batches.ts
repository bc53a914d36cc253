// The images of a run as batches of model input: shuffled by seed and epoch, augmented, the next ones made while the model runs.
import type { Augmentation } from '../../../shared/finetune.ts';
import type { ImagePool } from '../images/pool.ts';
import type { Failure } from '../images/spec.ts';
import type { ModelInput } from '../models/preprocessing.ts';

export type BatchesOptions = {
  images: ImagePool;
  /** Absolute paths of the training images. */
  files: readonly string[];
  /** SHA-256 of each, hex: a file with another content by now is a failure. */
  hashes?: readonly string[] | undefined;
  /** Class index of each. */
  labels: ArrayLike<number>;
  spec: ModelInput;
  augment: Augmentation;
  seed: number;
  batch: number;
  signal?: AbortSignal | undefined;
  /** Bytes of decoded images kept, so that later epochs decode nothing (1 GiB). */
  budget?: number;
};

/** `pixels` and `items` hold until the next batch is asked for: their memory is used again. */
export type Batch = {
  /** Index into `files` of each row. */
  items: Int32Array;
  /** Class index of each row. */
  labels: Int32Array;
  /** [batch, 3, height, width] in shared memory, as the model takes it (blue first where it wants that). */
  pixels: Float32Array;
  /**
   * 1, or 0 for a row that only fills the last batch of an epoch up (it repeats an item from the start of the same epoch; of
   * `plain`: a row beyond the last file, or a file that could not be decoded: zeros).
   */
  counts: Float32Array;
  /** Files met in this batch that cannot be decoded, each reported once a run; `index` is into `files`. */
  failures: Failure[];
};

export type Batches = {
  /** Batches of one epoch. */
  steps: number;
  /**
   * Epoch `n` from batch `from` on, the same bytes as when it is run from its start. A file that cannot be decoded is replaced by
   * the next one of the epoch's order. Throws `bad-request` when no file can be decoded.
   */
  epoch(n: number, from?: number): AsyncIterable<Batch>;
  /** Other files (or these) in their order, not augmented: for validation, test and control. `items` and failures index `files`. */
  plain(files: readonly string[], hashes?: readonly string[]): AsyncIterable<Batch>;
};
