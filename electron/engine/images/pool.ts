// Image work on worker threads: batches for the models, full decodes, thumbnails, and what a browser can show.
import { randomUUID } from 'node:crypto';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { workerPool } from '../workers/pool.ts';
import type { Base, View } from './augment.ts';
import type { Chunk } from './each.ts';
import { HOG_DIM } from './hog.ts';
import type { Rgb } from './resize.ts';
import type { Failure, Preprocessing } from './spec.ts';

export type ImagePool = {
  /**
   * Model input, [files.length, 3, height, width]; a file that failed is left as zeros and listed. `memory`: shared, of at least
   * that size, to use again; fresh memory costs a page fault every 4 KB, and garbage collections.
   */
  preprocess(
    files: string[],
    spec: Preprocessing,
    options?: BatchOptions & { memory?: Float32Array | undefined },
  ): Promise<{ pixels: Float32Array; failures: Failure[] }>;
  /** The same of one view of each image, for training. Bases that are at hand are used instead of their files. */
  augment(
    files: string[],
    spec: Preprocessing,
    options: AugmentOptions,
  ): Promise<{ pixels: Float32Array; failures: Failure[]; kept: Kept[] }>;
  /** The built-in features, [files.length, HOG_DIM]; a file that failed is left as zeros and listed. */
  hog(files: string[], options?: BatchOptions): Promise<{ features: Float32Array; failures: Failure[] }>;
  /** Decodes every pixel and says which files cannot be. */
  verify(files: string[], signal?: AbortSignal): Promise<Failure[]>;
  /** Path of the cached WebP of the content `hash`, longest edge 256, upright; made at most once. Throws a plain reason. */
  thumbnail(file: string, hash: string): Promise<string>;
  /** What a browser is sent: the file as it is (body null), or an upright re-encoding of it. Throws a plain reason. */
  displayable(file: string, format: string): Promise<{ body: Uint8Array | null; type: string }>;
  /** Ends the threads; what is under way rejects. */
  close(): Promise<void>;
};

/** `hashes`: SHA-256 of each file, hex; one that has another content by now fails. */
export type BatchOptions = { signal?: AbortSignal | undefined; hashes?: string[] | undefined };

/** Row by row: the item whose stream is drawn from, and its image as it was kept before. */
export type AugmentRow = { item: number; base: Rgb | null };
export type AugmentOptions = BatchOptions & {
  view: Omit<View, 'item'>;
  base: Base;
  rows: AugmentRow[];
  /** Answer with the bases that had to be made, in shared memory. */
  keep: boolean;
  memory?: Float32Array | undefined;
};
export type Kept = { index: number; base: Rgb };

/** What workers/image-worker.ts is sent. `out` is shared memory for the whole batch; file i of `files` fills row `first + i`. */
export type ImageTask =
  | ({ kind: 'preprocess'; spec: Preprocessing; out: Float32Array } & Chunk)
  | ({ kind: 'augment'; spec: Preprocessing; out: Float32Array } & Pick<
      AugmentOptions,
      'view' | 'base' | 'rows' | 'keep'
    > &
      Chunk)
  | ({ kind: 'hog'; out: Float32Array } & Chunk)
  | ({ kind: 'verify' } & Chunk)
  | { kind: 'thumbnail'; file: string; target: string; temporary: string }
  | { kind: 'displayable'; file: string; format: string };

/** What it answers, by kind. */
export type ImageAnswer = {
  preprocess: Failure[];
  augment: { failures: Failure[]; kept: Kept[] };
  hog: Failure[];
  verify: Failure[];
  thumbnail: null;
  displayable: { body: Uint8Array | null; type: string };
};

type Threads = ReturnType<typeof workerPool>;
type BatchTask = Extract<ImageTask, { first: number }>;

const run = <K extends ImageTask['kind']>(
  threads: Threads,
  task: Extract<ImageTask, { kind: K }>,
): Promise<ImageAnswer[K]> => threads.run(task);

/** Files a worker takes at a time: small enough that all threads stay busy and a cancel is quick, large enough to hide the messages. */
const chunkSize = (files: number, threads: number) => Math.max(4, Math.min(16, Math.ceil(files / (threads * 4))));

/** Runs `work` on chunks of `files`, with just enough of them under way to keep every thread busy. Aborting ends it between chunks. */
async function inChunks(
  files: string[],
  threads: number,
  { signal, hashes }: BatchOptions,
  work: (chunk: Chunk) => Promise<Failure[]>,
): Promise<Failure[]> {
  const size = chunkSize(files.length, threads);
  const failures: Failure[] = [];
  let next = 0;
  const lane = async () => {
    while (next < files.length) {
      signal?.throwIfAborted();
      const first = next;
      next += size;
      const [chunk, known] = [files.slice(first, next), hashes?.slice(first, next)];
      failures.push(...(await work({ files: chunk, hashes: known, first })));
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: threads + 1 }, lane));
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
  signal?.throwIfAborted();
  return failures.sort((a, b) => a.index - b.index);
}

/** sharp decodes on libuv's threads, of which there are four for the whole process unless this is called before their first use. */
export function makeRoomForDecoding(threads: number): void {
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, threads + 2));
}

/**
 * A pool of `threads` threads for batches, and half as many for the screens, so that a grid of thumbnails
 * does not wait behind a model. Threads start with the first work and end when idle.
 */
export function createImagePool(threads: number, thumbnailDir: string): ImagePool {
  makeRoomForDecoding(threads);
  const batch = workerPool('image-worker', threads);
  const screen = workerPool('image-worker', Math.max(1, threads >> 1));
  const underWay = new Map<string, Promise<string>>();
  let closed = false;

  /** A worker that dies (out of memory) takes its chunk with it: its files are tried once more one by one, so that only the guilty one fails. */
  const send = async (task: BatchTask, keep?: (kept: Kept[]) => void): Promise<Failure[]> => {
    try {
      const answer = await run<BatchTask['kind']>(batch, task);
      if (Array.isArray(answer)) return answer;
      keep?.(answer.kept);
      return answer.failures;
    } catch (error) {
      if (closed) throw error;
      if (task.files.length === 1)
        return [{ index: task.first, reason: `could not be worked on: ${(error as Error).message}` }];
      const failures: Failure[] = [];
      for (const i of task.files.keys()) failures.push(...(await send(single(task, i), keep)));
      return failures;
    }
  };

  const makeThumbnail = async (file: string, hash: string): Promise<string> => {
    const folder = join(thumbnailDir, hash.slice(0, 2));
    const target = join(folder, `${hash}.webp`);
    if (
      await access(target).then(
        () => true,
        () => false,
      )
    )
      return target;
    await mkdir(folder, { recursive: true });
    await run<'thumbnail'>(screen, {
      kind: 'thumbnail',
      file,
      target,
      temporary: `${target}.${randomUUID().slice(0, 8)}.tmp`,
    });
    return target;
  };

  return {
    async preprocess(files, spec, { memory, ...options } = {}) {
      const size = 3 * spec.height * spec.width;
      const pixels = memory?.subarray(0, files.length * size) ?? sharedFloats(files.length * size);
      const failures = await inChunks(files, threads, options, (chunk) =>
        send({ kind: 'preprocess', ...chunk, spec, out: pixels }),
      );
      if (memory) for (const { index } of failures) pixels.fill(0, index * size, (index + 1) * size);
      return { pixels, failures };
    },
    async augment(files, spec, { view, base, rows, keep, memory, ...options }) {
      const size = 3 * spec.height * spec.width;
      const pixels = memory?.subarray(0, files.length * size) ?? sharedFloats(files.length * size);
      const kept: Kept[] = [];
      const failures = await inChunks(files, threads, options, (chunk) => {
        const part = rows.slice(chunk.first, chunk.first + chunk.files.length);
        return send({ kind: 'augment', ...chunk, spec, out: pixels, view, base, rows: part, keep }, (more) =>
          kept.push(...more),
        );
      });
      for (const { index } of failures) pixels.fill(0, index * size, (index + 1) * size);
      return { pixels, failures, kept };
    },
    async hog(files, options = {}) {
      const features = sharedFloats(files.length * HOG_DIM);
      const failures = await inChunks(files, threads, options, (chunk) =>
        send({ kind: 'hog', ...chunk, out: features }),
      );
      return { features, failures };
    },
    verify: (files, signal) => inChunks(files, threads, { signal }, (chunk) => send({ kind: 'verify', ...chunk })),
    thumbnail(file, hash) {
      const running = underWay.get(hash);
      if (running) return running;
      const made = makeThumbnail(file, hash).finally(() => underWay.delete(hash));
      underWay.set(hash, made);
      return made;
    },
    displayable: (file, format) => run<'displayable'>(screen, { kind: 'displayable', file, format }),
    async close() {
      closed = true;
      await Promise.all([batch.destroy(), screen.destroy()]);
    },
  };
}

/** The task of file `i` alone. */
function single(task: BatchTask, i: number): BatchTask {
  const part = { files: [task.files[i]!], hashes: task.hashes?.slice(i, i + 1), first: task.first + i };
  return task.kind === 'augment' ? { ...task, ...part, rows: task.rows.slice(i, i + 1) } : { ...task, ...part };
}

/** Memory every thread sees, so that results are written where they are read. */
const sharedFloats = (count: number) => new Float32Array(new SharedArrayBuffer(count * 4));
