// One image after the other on a worker thread, the next being read meanwhile; what fails is listed and the rest goes on.
import { hash } from 'node:crypto';
import sharp from 'sharp';
import { decodeBytes, decodeLent, readImage } from './decode.ts';
import type { Rgb } from './resize.ts';
import type { Failure } from './spec.ts';

// One file per thread is the parallelism; no file comes twice, so a cache only costs memory.
sharp.concurrency(1);
sharp.cache(false);

/** Files from index `first` of a batch on. `hashes`: SHA-256 of each, hex; one that has another content by now fails. */
export type Chunk = { files: string[]; hashes: string[] | undefined; first: number };

/** Files decoded ahead on libuv's threads while this one resizes. */
const AHEAD = 2;

/** Decodes `files` and hands each to `use` in turn, which must be done with it on return; failures go by their index in the batch. */
export async function eachImage(
  { files, hashes, first }: Chunk,
  use: (rgb: Rgb, index: number) => void,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  let next = 0;
  const lane = async () => {
    while (next < files.length) {
      const i = next++;
      try {
        const bytes = readImage(files[i]!);
        if (hashes && hash('sha256', bytes) !== hashes[i])
          throw new Error('the file has changed since it was imported: scan the dataset again');
        // what is lent is used before another image can come between
        use(decodeLent(bytes) ?? (await decodeBytes(bytes)), first + i);
      } catch (error) {
        failures.push({ index: first + i, reason: (error as Error).message });
      }
    }
  };
  await Promise.all(Array.from({ length: AHEAD }, lane));
  return failures;
}
