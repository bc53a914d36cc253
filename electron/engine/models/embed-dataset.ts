// Features of a dataset's items: from the cache where they are there, else through the model, batch by batch, each
// batch written at once, so that an interruption loses at most the batches under way.
import { existsSync } from 'node:fs';
import { setImmediate as breath } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { LabError } from '../../../shared/contract.ts';
import type { Engine, Log } from '../context.ts';
import { ensureOnline } from '../datasets/roots.ts';
import type { Embedder } from './embedder.ts';

export type EmbedItem = {
  id: number /** SHA-256 of the content, hex. */;
  hash: string /** Absolute path. */;
  file: string;
};

export type EmbedHooks = {
  signal?: AbortSignal;
  progress(done: number, total: number, note?: string): void;
  log: Log;
};

export type Embedded = {
  /** [items.length, dim], not normalised; rows that are not valid are zero. */
  features: Float32Array;
  /** 1 where the row is a feature. */
  valid: Uint8Array;
  failures: { id: number; reason: string }[];
  /** Contents that went through the model now; the rest came from the cache. */
  embedded: number;
  /** Time spent on those. */
  embedMs: number;
};

/** Batches under way besides those in the model: they are decoded meanwhile. */
const AHEAD = 2;
/** Rows read from the cache between two breaths of the event loop. */
const READ_STEP = 250;

/**
 * One feature row per item. Equal contents go through the model once. An item that fails is listed and the rest goes on.
 * Throws `offline` when the dataset's folder is gone, `no-space` when the cache's disk is full; what was done stays done.
 */
export async function embedItems(
  engine: Pick<Engine, 'db' | 'cache' | 'push'>,
  embedder: Embedder,
  items: EmbedItem[],
  hooks: EmbedHooks,
): Promise<Embedded> {
  const features = new Float32Array(items.length * embedder.dim);
  const valid = new Uint8Array(items.length);
  const rowsOf = await fillFromCache(engine.cache, embedder, items, features, valid);
  const waiting = [...rowsOf.values()].map((rows) => items[rows[0]!]!);
  const failures = new Map<string, string>();
  const write = writer(engine.cache, embedder);
  let done = items.length - [...rowsOf.values()].reduce((sum, rows) => sum + rows.length, 0);
  let embedded = 0;
  hooks.progress(done, items.length);
  const start = performance.now();

  async function embedBatch(batch: EmbedItem[]): Promise<void> {
    hooks.signal?.throwIfAborted();
    // a feature is kept under its content's hash, so a file that is not that content any more must not be embedded as it
    const result = await embedder.images(
      batch.map((item) => item.file),
      hooks.signal,
      batch.map((item) => item.hash),
    );
    const failed = new Map(result.failures.map((failure) => [failure.index, failure.reason]));
    if (failed.size > 0)
      await checkStillThere(
        engine,
        batch.filter((_, i) => failed.has(i)),
      );
    const good = batch.flatMap((item, i) =>
      failed.has(i)
        ? []
        : [{ hash: item.hash, row: result.features.subarray(i * embedder.dim, (i + 1) * embedder.dim) }],
    );
    write(good);
    for (const { hash, row } of good) for (const at of rowsOf.get(hash)!) setRow(features, valid, at, row);
    for (const [i, reason] of failed) failures.set(batch[i]!.hash, reason);
    embedded += good.length;
    for (const item of batch) done += rowsOf.get(item.hash)!.length;
    hooks.progress(done, items.length);
  }

  await inOrder(waiting, embedder, embedder.lanes + AHEAD, embedBatch);
  const listed = [...failures].flatMap(([hash, reason]) =>
    rowsOf.get(hash)!.map((at) => ({ id: items[at]!.id, reason })),
  );
  if (listed.length > 0)
    hooks.log(
      'warn',
      `${listed.length} of ${items.length} images could not be embedded; the first: ${listed[0]!.reason}`,
    );
  return { features, valid, failures: listed, embedded, embedMs: embedded > 0 ? performance.now() - start : 0 };
}

/** What is in the cache now, without running the model: rows as in `embedItems`, and how many items are not there. */
export async function cachedFeatures(
  engine: Pick<Engine, 'cache'>,
  embedder: Embedder,
  items: EmbedItem[],
): Promise<{ features: Float32Array; valid: Uint8Array; missing: number }> {
  const features = new Float32Array(items.length * embedder.dim);
  const valid = new Uint8Array(items.length);
  const absent = await fillFromCache(engine.cache, embedder, items, features, valid);
  const missing = [...absent.values()].reduce((sum, rows) => sum + rows.length, 0);
  return { features, valid, missing };
}

/** The items that have no feature yet. */
export async function notCached(
  engine: Pick<Engine, 'cache'>,
  embedder: Embedder,
  items: EmbedItem[],
): Promise<EmbedItem[]> {
  const has = engine.cache.prepare('SELECT 1 FROM feature WHERE model = ? AND hash = ?').pluck();
  const missing: EmbedItem[] = [];
  for (const [at, item] of items.entries()) {
    if (at % READ_STEP === READ_STEP - 1) await breath();
    if (has.get(embedder.key, item.hash) === undefined) missing.push(item);
  }
  return missing;
}

const setRow = (features: Float32Array, valid: Uint8Array, at: number, row: Float32Array) => {
  features.set(row, at * row.length);
  valid[at] = 1;
};

/** Returns the contents that are missing, with the rows that want them. */
async function fillFromCache(
  cache: Database,
  embedder: Embedder,
  items: EmbedItem[],
  features: Float32Array,
  valid: Uint8Array,
): Promise<Map<string, number[]>> {
  const read = reader(cache, embedder);
  const missing = new Map<string, number[]>();
  for (let at = 0; at < items.length; at++) {
    if (at % READ_STEP === READ_STEP - 1) await breath();
    const { hash } = items[at]!;
    const rows = missing.get(hash);
    const row = rows ? null : read(hash);
    if (row) setRow(features, valid, at, row);
    else if (rows) rows.push(at);
    else missing.set(hash, [at]);
  }
  return missing;
}

function reader(cache: Database, embedder: Embedder): (hash: string) => Float32Array | null {
  const select = cache.prepare('SELECT vector FROM feature WHERE model = ? AND hash = ?').pluck();
  return (hash) => {
    const blob = select.get(embedder.key, hash) as Buffer | undefined;
    // a row of another length is not this model's, whatever its key says
    if (!blob || blob.byteLength !== embedder.dim * 4) return null;
    return new Float32Array(blob.buffer.slice(blob.byteOffset, blob.byteOffset + blob.byteLength) as ArrayBuffer);
  };
}

function writer(cache: Database, embedder: Embedder): (rows: { hash: string; row: Float32Array }[]) => void {
  const insert = cache.prepare('INSERT OR REPLACE INTO feature (model, hash, vector) VALUES (?, ?, ?)');
  const all = cache.transaction((rows: { hash: string; row: Float32Array }[]) => {
    for (const { hash, row } of rows)
      insert.run(embedder.key, hash, Buffer.from(row.buffer, row.byteOffset, row.byteLength));
  });
  return (rows) => {
    try {
      all(rows);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'SQLITE_FULL' || code === 'ENOSPC')
        throw new LabError(
          'no-space',
          `The disk of ${cache.name} is full. Free some space and resume; what was embedded so far is kept.`,
          { cause: error },
        );
      throw error;
    }
  };
}

/** A missing file is a failure; a missing folder pauses the job. */
async function checkStillThere(engine: Pick<Engine, 'db' | 'push'>, failed: EmbedItem[]): Promise<void> {
  const gone = failed.find((item) => !existsSync(item.file));
  if (!gone) return;
  const datasetId = engine.db.prepare('SELECT dataset_id FROM item WHERE id = ?').pluck().get(gone.id) as
    | number
    | undefined;
  if (datasetId !== undefined) await ensureOnline(engine, datasetId);
}

/**
 * Runs `work` on slices of `list`, `lanes` at a time; the first error ends it once what runs has ended. Towards the end the slices
 * get smaller, so that no lane has much to do when the others are done.
 */
async function inOrder<T>(
  list: T[],
  { batch, least }: Pick<Embedder, 'batch' | 'least'>,
  lanes: number,
  work: (slice: T[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (next < list.length && !failed) {
      const share = Math.ceil((list.length - next) / lanes);
      const slice = list.slice(next, next + Math.min(batch, Math.max(least, share)));
      next += slice.length;
      try {
        await work(slice);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
