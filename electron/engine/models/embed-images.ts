// Image files through a vision tower to feature rows, in one of two ways: batches side by side, each decoded by the thread that
// runs it; or one after the other on all threads, the next being decoded by the image workers meanwhile.
import { LabError } from '../../../shared/contract.ts';
import type { BatchOptions, ImagePool } from '../images/pool.ts';
import type { Failure } from '../images/spec.ts';
import type { Embedder } from './embedder.ts';

export type Tower = {
  dim: number;
  /** Images of a run. */
  batch: number;
  /** Pixels [files.length, 3, height, width], by the image workers. */
  decode(files: string[], options: Parameters<ImagePool['preprocess']>[2]): ReturnType<ImagePool['preprocess']>;
  /** Rows [count, dim] of pixels [count, 3, height, width]. */
  forward(pixels: Float32Array, count: number): Promise<Float32Array>;
};

/** Rows [files.length, dim] of a few images; those of failures mean nothing, and where all failed there are none. */
export type Batch = { rows: Float32Array; failures: Failure[] };
type Embedded = Awaited<ReturnType<Embedder['images']>>;

/** Memory of pixels that is kept between batches. */
const SPARE_BYTES = 64 * 1024 * 1024;

/** Nothing is handed from thread to thread but names and rows. `run`: decodes a batch and runs it, on one of `lanes` threads. */
export function inLanes(
  tower: Tower,
  lanes: number,
  run: (files: string[], hashes: string[] | undefined) => Promise<Batch>,
): Embedder['images'] {
  const { dim, batch } = tower;
  return async (files, signal, hashes) => {
    const out: Embedded = { features: new Float32Array(files.length * dim), failures: [] };
    let next = 0;
    const lane = async () => {
      while (next < files.length) {
        signal?.throwIfAborted();
        const start = next;
        next += batch;
        const [some, known] = [files.slice(start, next), hashes?.slice(start, next)];
        const made = await run(some, known).catch(async (error) => {
          if (error instanceof LabError && error.code === 'cancelled') throw error;
          // an image may have taken the thread along: the image workers find out which, and the rest goes on
          return batchOf(tower, await tower.decode(some, { hashes: known }), some.length);
        });
        place(made, start, dim, out);
      }
    };
    // one more is on its way to them
    const ends = await Promise.allSettled(Array.from({ length: lanes + 1 }, lane));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    out.failures.sort((a, b) => a.index - b.index);
    return out;
  };
}

export function inTurn(tower: Tower): Embedder['images'] {
  const { dim, batch } = tower;
  /** Memory of batches that are done, for the next ones. */
  const spare: Float32Array[] = [];
  return async (files, signal, hashes) => {
    const out: Embedded = { features: new Float32Array(files.length * dim), failures: [] };
    const decode = (start: number) => {
      const options: BatchOptions = { signal, hashes: hashes?.slice(start, start + batch) };
      const decoded = tower.decode(files.slice(start, start + batch), { ...options, memory: spare.pop() });
      // a failure is met when its turn comes
      decoded.catch(() => {});
      return decoded;
    };
    let next = files.length > 0 ? decode(0) : null;
    for (let start = 0; start < files.length; start += batch) {
      signal?.throwIfAborted();
      const count = Math.min(batch, files.length - start);
      const decoded = await next!;
      next = start + batch < files.length ? decode(start + batch) : null;
      place(await batchOf(tower, decoded, count), start, dim, out);
      const { pixels } = decoded;
      if (count === batch && (spare.length + 1) * pixels.byteLength <= SPARE_BYTES) spare.push(pixels);
    }
    return out;
  };
}

async function batchOf(
  tower: Tower,
  { pixels, failures }: Awaited<ReturnType<Tower['decode']>>,
  count: number,
): Promise<Batch> {
  return { rows: failures.length === count ? new Float32Array(0) : await tower.forward(pixels, count), failures };
}

/** Writes what the batch from `start` on gave into its place; a row that is not finite is a failure too. */
function place({ rows, failures }: Batch, start: number, dim: number, into: Embedded): void {
  const bad = new Set(failures.map((failure) => failure.index));
  for (const { index, reason } of failures) into.failures.push({ index: start + index, reason });
  for (let i = 0; i < rows.length / dim; i++) {
    if (bad.has(i)) continue;
    const row = rows.subarray(i * dim, (i + 1) * dim);
    if (row.every(Number.isFinite)) into.features.set(row, (start + i) * dim);
    else
      into.failures.push({
        index: start + i,
        reason: 'the model gave numbers that are not finite (an overflow in half precision?)',
      });
  }
}
