// The thread behind images/pool.ts: decodes files and writes what a model takes into shared memory.
import { makeBase, writeView } from '../images/augment.ts';
import { eachImage } from '../images/each.ts';
import { HOG_DIM, hogFeature } from '../images/hog.ts';
import type { ImageAnswer, ImageTask, Kept } from '../images/pool.ts';
import { preprocess } from '../images/preprocess.ts';
import type { Rgb } from '../images/resize.ts';
import { displayable, writeThumbnail } from '../images/show.ts';
import './priority.ts';

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
  const failures = await eachImage(decoded, (rgb, at) => {
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
    eachImage(task, (rgb, index) =>
      preprocess(rgb, task.spec, task.out, index * 3 * task.spec.height * task.spec.width),
    ),
  augment,
  hog: (task) => eachImage(task, (rgb, index) => task.out.set(hogFeature(rgb), index * HOG_DIM)),
  verify: (task) => eachImage(task, () => {}),
  thumbnail: async ({ file, target, temporary }) => {
    await writeThumbnail(file, target, temporary);
    return null;
  },
  displayable: ({ file, format }) => displayable(file, format),
};

/** Tinypool calls a worker file's default export; biome's rule is for everything else. */
// biome-ignore lint/style/noDefaultExport: the pool's interface
export default (task: ImageTask): Promise<ImageAnswer[ImageTask['kind']]> => work[task.kind](task as never);
