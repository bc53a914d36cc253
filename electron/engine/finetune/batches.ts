// The images of a run as batches of model input: shuffled by seed and epoch, augmented, the next one made while the model runs.
import { freemem } from 'node:os';
import { LabError } from '../../../shared/contract.ts';
import type { Augmentation } from '../../../shared/finetune.ts';
import { randomOf, shuffle } from '../../../shared/protocol.ts';
import { type Base, baseOf } from '../images/augment.ts';
import type { ImagePool } from '../images/pool.ts';
import type { Rgb } from '../images/resize.ts';
import type { Failure, Preprocessing } from '../images/spec.ts';

export type BatchesOptions = {
  images: ImagePool;
  /** Absolute paths of the training images. */
  files: readonly string[];
  /** SHA-256 of each, hex: a file with another content by now is a failure. */
  hashes?: readonly string[] | undefined;
  /** Class index of each. */
  labels: ArrayLike<number>;
  spec: Preprocessing;
  augment: Augmentation;
  seed: number;
  batch: number;
  signal?: AbortSignal | undefined;
  /**
   * Hashes of images whose pixels are not needed as long as they are not augmented: batches of nothing else are not decoded. Given
   * (empty, too), batches say their rows' hashes.
   */
  known?: ReadonlySet<string> | undefined;
  /** Bytes of decoded images kept, so that later epochs decode nothing (1 GiB, or a quarter of what is free). */
  budget?: number;
};

/** Its memory is used again: it holds until the next batch is asked for. */
export type Batch = {
  /** Index into `files` of each row. */
  items: Int32Array;
  /** Class index of each row; 0 in batches of `plain`. */
  labels: Int32Array;
  /** [batch, 3, height, width] in shared memory, red first. */
  pixels: Float32Array;
  /**
   * 1, or 0 for a row beyond the last file: it repeats an item from the start of the same epoch, a real image with its label, so that
   * it may be trained on. In batches of `plain` such rows are empty, and so are those of files that cannot be decoded.
   */
  counts: Float32Array;
  /** The hashes of rows that are not augmented, null for an empty one; undefined where they are not asked for. */
  keys: (string | null)[] | undefined;
  /** Files met in this batch that cannot be decoded, each once a run (in `plain` each time); `index` is into `files`. */
  failures: Failure[];
};

export type Batches = {
  /** Batches of one epoch. */
  steps: number;
  /**
   * Epoch `n` from batch `from` on, the same bytes as when it is run from its start. A file that cannot be decoded is replaced by
   * the next one of the epoch's order that can. Throws `bad-request` when none can.
   */
  epoch(n: number, from?: number): AsyncIterable<Batch>;
  /** Other files (or these) in their order, not augmented: for validation, test and control. `items` and failures index them. */
  plain(files: readonly string[], hashes?: readonly string[]): AsyncIterable<Batch>;
};

type Row = { item: number; file: string; hash: string | undefined };
/** Makes the batch of step `k` in `pixels`. */
type Make = (k: number, pixels: Float32Array) => Promise<Batch>;

const GIB = 2 ** 30;

export function createBatches(options: BatchesOptions): Batches {
  const { images, files, hashes, spec, batch, signal } = options;
  const size = 3 * spec.height * spec.width;
  const kept = keeper(options.budget ?? Math.min(GIB, freemem() / 4));
  const spare: Float32Array[] = [];
  const bad = new Set<number>();
  const steps = Math.ceil(files.length / batch);

  const areKnown = (keys: readonly (string | null)[] | undefined) =>
    keys?.some((key) => key !== null) && keys.every((key) => key === null || options.known?.has(key));

  /** Decodes (or takes from what was kept) rows of a batch. */
  async function views(rows: readonly Row[], level: Augmentation, epoch: number, memory: Float32Array) {
    const base = baseOf(level);
    const answer = await images.augment(
      rows.map((row) => row.file),
      spec,
      {
        view: { level, seed: options.seed, epoch },
        base,
        rows: rows.map(({ item, file }) => ({ item, base: kept.get(base, file) })),
        keep: kept.room(),
        memory,
        signal,
        hashes: rows.every((row) => row.hash !== undefined) ? rows.map((row) => row.hash!) : undefined,
      },
    );
    for (const { index, base: rgb } of answer.kept) kept.put(base, rows[index]!.file, rgb);
    return answer.failures;
  }

  /** The first item from place `p` of the order on that is not known to be bad. */
  function itemAt(order: Int32Array, p: number): number {
    for (let step = 0; step < order.length; step++) {
      const item = order[(p + step) % order.length]!;
      if (!bad.has(item)) return item;
    }
    throw new LabError(
      'bad-request',
      `None of the ${files.length} training images can be decoded, such as ${files[0]}. Scan the dataset again.`,
    );
  }

  async function trainingBatch(n: number, order: Int32Array, k: number, pixels: Float32Array): Promise<Batch> {
    const failures: Failure[] = [];
    const items = Int32Array.from({ length: batch }, (_, r) => itemAt(order, k * batch + r));
    const keysOf = () =>
      options.known && options.augment === 'none' && hashes ? Array.from(items, (item) => hashes[item]!) : undefined;
    let missing = areKnown(keysOf()) ? [] : Array.from(items.keys());
    while (missing.length > 0) {
      const rows = missing.map((r) => ({ item: items[r]!, file: files[items[r]!]!, hash: hashes?.[items[r]!] }));
      const whole = missing.length === batch;
      const memory = whole ? pixels : sharedFloats(rows.length * size);
      const failed = await views(rows, options.augment, n, memory);
      if (!whole)
        for (const [i, r] of missing.entries()) pixels.set(memory.subarray(i * size, (i + 1) * size), r * size);
      for (const { index, reason } of failed) {
        const item = rows[index]!.item;
        if (!bad.has(item)) failures.push({ index: item, reason });
        bad.add(item);
      }
      missing = failed.map(({ index }) => missing[index]!);
      for (const r of missing) items[r] = itemAt(order, k * batch + r);
    }
    const labels = items.map((item) => options.labels[item]!);
    const counts = Float32Array.from(items, (_, r) => (k * batch + r < order.length ? 1 : 0));
    return { items, labels, pixels, counts, keys: keysOf(), failures };
  }

  async function plainBatch(rows: readonly Row[], k: number, pixels: Float32Array): Promise<Batch> {
    const part = rows.slice(k * batch, (k + 1) * batch);
    const hashesOf = Array.from({ length: batch }, (_, r) => part[r]?.hash ?? null);
    const failed = areKnown(hashesOf) ? [] : await views(part, 'none', 0, pixels);
    pixels.fill(0, part.length * size);
    const empty = new Set(failed.map(({ index }) => index));
    return {
      items: Int32Array.from({ length: batch }, (_, r) => part[r]?.item ?? 0),
      labels: new Int32Array(batch),
      pixels,
      counts: Float32Array.from({ length: batch }, (_, r) => (r < part.length && !empty.has(r) ? 1 : 0)),
      keys: options.known && hashesOf.map((hash, r) => (empty.has(r) ? null : hash)),
      failures: failed.map(({ index, reason }) => ({ index: part[index]!.item, reason })),
    };
  }

  /** One batch ahead. What is under way when the reader stops is waited for, as it writes to memory that is used again. */
  async function* ahead(from: number, count: number, make: Make): AsyncGenerator<Batch> {
    const begin = (k: number) => {
      const pixels = spare.pop() ?? sharedFloats(batch * size);
      const made = make(k, pixels).finally(() => held.add(pixels));
      made.catch(() => {}); // met when its turn comes
      return made;
    };
    const held = new Set<Float32Array>();
    let next = from < count ? begin(from) : null;
    try {
      for (let k = from; k < count; k++) {
        signal?.throwIfAborted();
        const ready = await next!;
        next = k + 1 < count ? begin(k + 1) : null;
        yield ready;
        held.delete(ready.pixels);
        spare.push(ready.pixels);
      }
    } finally {
      await next?.catch(() => {});
      spare.push(...held);
    }
  }

  return {
    steps,
    epoch(n, from = 0) {
      const order = shuffle(Int32Array.from(files.keys()), randomOf(options.seed, n));
      return ahead(from, steps, (k, pixels) => trainingBatch(n, order, k, pixels));
    },
    plain(others, theirHashes) {
      const rows = others.map((file, item) => ({ item, file, hash: theirHashes?.[item] }));
      return ahead(0, Math.ceil(rows.length / batch), (k, pixels) => plainBatch(rows, k, pixels));
    },
  };
}

/** Decoded images by kind and file, until they come to `budget` bytes; from then on no more are kept. */
function keeper(budget: number) {
  const kept = new Map<string, Rgb>();
  let bytes = 0;
  let full = budget <= 0;
  const key = (base: Base, file: string) => `${base} ${file}`;
  return {
    room: () => !full,
    get: (base: Base, file: string): Rgb | null => kept.get(key(base, file)) ?? null,
    put(base: Base, file: string, rgb: Rgb) {
      full ||= bytes + rgb.data.length > budget;
      if (full || kept.has(key(base, file))) return;
      kept.set(key(base, file), rgb);
      bytes += rgb.data.length;
    },
  };
}

const sharedFloats = (count: number) => new Float32Array(new SharedArrayBuffer(count * 4));
