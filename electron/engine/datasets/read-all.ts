// Sends what a walk or a list finds through the reading threads, keeping them busy while rows are written.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Split } from '../../../shared/contract.ts';
import type { ImportAnswer, ImportTask } from '../workers/import-worker.ts';
import { workerFile } from '../workers/pool.ts';
import { nothingRead, type Reading } from './read-file.ts';

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
  /** Gets files as they are read, not in the order of `found`. What it throws ends the reading. */
  take(batch: Taken[]): Promise<void>;
};

/** Files a thread takes at a time: their rows are written in about ten milliseconds. */
export const BATCH = 512;

/** One core is left to the rest of the lab; beyond four, disks do not keep up. */
const threadCount = () => Math.max(1, Math.min(4, availableParallelism() - 1));

export async function readAll(found: AsyncIterable<Found[]>, options: ReadOptions): Promise<void> {
  const readers = startReaders(threadCount());
  const underWay = new Set<Promise<void>>();
  let failure: { error: unknown } | null = null;
  const stop = () => void readers.close(options.signal?.reason);
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    for await (const batch of found) {
      if (failure) break;
      options.signal?.throwIfAborted();
      const work = readBatch(readers, batch, options)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => underWay.delete(work));
      underWay.add(work);
      if (underWay.size > readers.count + 1) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    // The cast: TypeScript does not see assignments made in callbacks.
    const ended = failure as { error: unknown } | null;
    if (ended) throw ended.error;
  } finally {
    options.signal?.removeEventListener('abort', stop);
    await readers.close(new Error('the reading has ended'));
  }
}

async function readBatch(readers: Readers, batch: Found[], options: ReadOptions): Promise<void> {
  const faulted = batch.filter((found) => found.fault !== null);
  if (faulted.length > 0) await options.take(faulted.map((found) => ({ found, reading: faulty(found) })));
  const wanted = faulted.length > 0 ? batch.filter((found) => found.fault === null) : batch;
  if (wanted.length === 0) return;
  let next = 0;
  await readers.read(taskOf(wanted, options), async (readings) => {
    options.signal?.throwIfAborted();
    await options.take(readings.map((reading) => ({ found: wanted[next++]!, reading })));
  });
}

function taskOf(wanted: Found[], { root, respell, known }: ReadOptions): ImportTask {
  const sizes = new Float64Array(wanted.length).fill(-1);
  const mtimes = new Float64Array(wanted.length).fill(-1);
  for (const [i, found] of wanted.entries()) {
    const row = known(found.path);
    if (!row) continue;
    sizes[i] = row.size;
    mtimes[i] = row.mtime;
  }
  return { root, respell, paths: wanted.map((found) => found.path), sizes, mtimes };
}

type Readers = {
  count: number;
  /** Reads the files of a task; `take` gets them in parts, in their order. */
  read(task: ImportTask, take: Waiter['take']): Promise<void>;
  /** Ends the threads; what is under way is rejected with `reason`. */
  close(reason: unknown): Promise<unknown>;
};
type Reader = { worker: Worker; waiters: Waiter[] };
type Waiter = { take(part: Reading[]): Promise<void>; resolve(): void; reject(reason: unknown): void };

/** Plain threads: reading a batch takes about as long as a pool spends on one task's bookkeeping. */
function startReaders(count: number): Readers {
  const readers = Array.from({ length: count }, startReader);
  const refuse = ({ waiters }: Reader, reason: unknown) => {
    for (const waiter of waiters.splice(0)) waiter.reject(reason);
  };
  for (const reader of readers) reader.worker.on('error', (error) => refuse(reader, error));
  return {
    count,
    read: (task, take) =>
      new Promise((resolve, reject) => {
        const idlest = readers.reduce((a, b) => (b.waiters.length < a.waiters.length ? b : a));
        idlest.waiters.push({ take, resolve, reject });
        idlest.worker.postMessage(task);
      }),
    close(reason) {
      for (const reader of readers) refuse(reader, reason);
      return Promise.all(readers.map(({ worker }) => worker.terminate()));
    },
  };
}

/** A reader answers its tasks one after the other, so the first waiter is the one meant. */
function startReader(): Reader {
  const worker = new Worker(new URL(workerFile('import-worker')));
  const waiters: Waiter[] = [];
  const answer = async ({ part, last }: ImportAnswer) => {
    const waiter = waiters[0];
    if (!waiter) return;
    try {
      await waiter.take(part);
    } catch (error) {
      waiter.reject(error);
      waiter.take = async () => {};
    }
    if (!last || waiters[0] !== waiter) return;
    waiters.shift();
    waiter.resolve();
  };
  let answered = Promise.resolve();
  worker.on('message', (message: ImportAnswer) => {
    answered = answered.then(() => answer(message));
  });
  return { worker, waiters };
}

/** A file that is not to be read. */
export const faulty = ({ path, fault }: Found): Reading => ({ ...nothingRead(path), reason: fault });
