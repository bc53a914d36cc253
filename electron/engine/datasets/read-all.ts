// Sends what a walk or a list finds through the reading threads, keeping them busy while rows are written.
import { availableParallelism } from 'node:os';
import type { Split } from '../../../shared/contract.ts';
import type { ImportTask } from '../workers/import-worker.ts';
import { workerPool } from '../workers/pool.ts';
import type { Reading } from './read-file.ts';

/** One file of a dataset before it was read. `fault`: why it is not to be read at all. */
export type Found = { path: string; label: string | null; split: Split | null; fault: string | null };
export type Taken = { found: Found; reading: Reading };

export type ReadOptions = {
  root: string;
  /** Names come from a list, which may spell letters otherwise than the disk. */
  respell: boolean;
  signal?: AbortSignal | undefined;
  /** Size and time of a file that is known, so that it is not read again. */
  known(path: string): { size: number; mtime: number } | null;
  /** Gets each batch when it is read, not in the order of `found`. What it throws ends the reading. */
  take(batch: Taken[]): void | Promise<void>;
};

/** Files a thread takes at a time: their rows are written in a few milliseconds. */
export const BATCH = 256;

/** One core is left to the rest of the lab; beyond four, disks do not keep up. */
const readers = () => Math.max(1, Math.min(4, availableParallelism() - 1));

export async function readAll(found: AsyncIterable<Found[]>, options: ReadOptions): Promise<void> {
  const threads = readers();
  const pool = workerPool('import-worker', threads);
  const underWay = new Set<Promise<void>>();
  let failure: { error: unknown } | null = null;
  try {
    for await (const batch of found) {
      if (failure) break;
      options.signal?.throwIfAborted();
      const work = readBatch(pool, batch, options)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => underWay.delete(work));
      underWay.add(work);
      if (underWay.size > threads + 1) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    // The cast: TypeScript does not see assignments made in callbacks.
    const ended = failure as { error: unknown } | null;
    if (ended) throw ended.error;
  } finally {
    await Promise.allSettled(underWay);
    await pool.destroy();
  }
}

async function readBatch(pool: ReturnType<typeof workerPool>, batch: Found[], options: ReadOptions): Promise<void> {
  const wanted = batch.filter((found) => found.fault === null);
  const task: ImportTask = {
    root: options.root,
    respell: options.respell,
    files: wanted.map(({ path }) => {
      const known = options.known(path);
      return { path, size: known?.size ?? -1, mtime: known?.mtime ?? -1 };
    }),
  };
  const readings: Reading[] = wanted.length > 0 ? await pool.run(task, { name: 'readFiles' }) : [];
  options.signal?.throwIfAborted();
  let next = 0;
  await options.take(
    batch.map((found) => ({ found, reading: found.fault === null ? readings[next++]! : faulty(found) })),
  );
}

/** A file that is not to be read. */
export const faulty = ({ path, fault }: Found): Reading => ({
  path,
  found: path,
  kind: 'fault',
  hash: '',
  size: 0,
  mtime: 0,
  width: 0,
  height: 0,
  format: '',
  reason: fault,
  code: null,
});
