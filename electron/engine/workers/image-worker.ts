// The thread behind images/pool.ts: decodes files and writes what a model takes into shared memory.
import { hash } from 'node:crypto';
import sharp from 'sharp';
import { makeBase, writeView } from '../images/augment.ts';
import { decodeBytes, decodeLent, readImage } from '../images/decode.ts';
import { HOG_DIM, hogFeature } from '../images/hog.ts';
import type { Chunk, ImageAnswer, ImageTask, Kept } from '../images/pool.ts';
import { preprocess } from '../images/preprocess.ts';
import type { Rgb } from '../images/resize.ts';
import { displayable, writeThumbnail } from '../images/show.ts';
import type { Failure } from '../images/spec.ts';
import './priority.ts';

// One file per thread is the parallelism; no file comes twice, so a cache only costs memory.
sharp.concurrency(1);
sharp.cache(false);

/** Files decoded ahead on libuv's threads while this one resizes. */
const AHEAD = 2;

/**
 * Decodes `files` and hands each to `use` in turn; what fails is listed under its index in the batch. With `hashes` (SHA-256, hex)
 * a file must still have that content.
 */
async function each({ files, hashes, first }: Chunk, use: (rgb: Rgb, index: number) => void): Promise<Failure[]> {
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

/** Files whose base is at hand are not read again. */
async function augment(task: Extract<ImageTask, { kind: 'augment' }>): Promise<ImageAnswer['augment']> {
  const { files, hashes, first, rows, spec, view, out } = task;
  const write = (base: Rgb, i: number) =>
    writeView(base, spec, { ...view, item: rows[i]!.item }, out, (first + i) * 3 * spec.height * spec.width);
  rows.forEach(({ base }, i) => {
    if (base) write(base, i);
  });
  const missing = [...rows.keys()].filter((i) => !rows[i]!.base);
  const kept: Kept[] = [];
  const decoded = { files: missing.map((i) => files[i]!), hashes: hashes && missing.map((i) => hashes[i]!), first: 0 };
  const failures = await each(decoded, (rgb, at) => {
    const i = missing[at]!;
    const base = makeBase(rgb, spec, task.base);
    write(base, i);
    if (task.keep) kept.push({ index: first + i, base: shared(base) });
  });
  return { failures: failures.map(({ index, reason }) => ({ index: first + missing[index]!, reason })), kept };
}

/** In memory that the other threads see too. */
function shared({ width, height, data }: Rgb): Rgb {
  const copy = new Uint8Array(new SharedArrayBuffer(data.length));
  copy.set(data);
  return { width, height, data: copy };
}

const work: { [K in ImageTask['kind']]: (task: Extract<ImageTask, { kind: K }>) => Promise<ImageAnswer[K]> } = {
  preprocess: (task) =>
    each(task, (rgb, index) => preprocess(rgb, task.spec, task.out, index * 3 * task.spec.height * task.spec.width)),
  augment,
  hog: (task) => each(task, (rgb, index) => task.out.set(hogFeature(rgb), index * HOG_DIM)),
  verify: (task) => each(task, () => {}),
  thumbnail: async ({ file, target, temporary }) => {
    await writeThumbnail(file, target, temporary);
    return null;
  },
  displayable: ({ file, format }) => displayable(file, format),
};

/** Tinypool calls a worker file's default export; biome's rule is for everything else. */
// biome-ignore lint/style/noDefaultExport: the pool's interface
export default (task: ImageTask): Promise<ImageAnswer[ImageTask['kind']]> => work[task.kind](task as never);
