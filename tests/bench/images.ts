// How many images a second become model input (decode, resize to 224 by bicubic, crop, normalise) on the engine's own pool, and
// what the WebAssembly kernel saves. images-reference.py does the same with Pillow and numpy.
import { readdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeRgb } from '../../electron/engine/images/decode.ts';
import { IMAGE_EXTENSIONS } from '../../electron/engine/images/header.ts';
import { createImagePool, type ImagePool } from '../../electron/engine/images/pool.ts';
import { resizedSize } from '../../electron/engine/images/preprocess.ts';
import { type Rgb, resizeRgb } from '../../electron/engine/images/resize.ts';
import type { Preprocessing } from '../../electron/engine/images/spec.ts';
import { plainResize } from '../engine/images/plain-resize.ts';

export const usage = 'images --images DIR [--threads N] [--repeat N] [--json]';

const BATCH = 64;
const spec: Preprocessing = {
  resize: { mode: 'shortest', size: 224 },
  resample: 'bicubic',
  crop: { width: 224, height: 224 },
  rescale: 1 / 255,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  width: 224,
  height: 224,
};

type Pass = { seconds: number; cpuMs: number; failed: number };

/** All files once: wall-clock seconds, and milliseconds of processor time an image. */
async function once(pool: ImagePool, files: string[]): Promise<Pass> {
  const start = performance.now();
  const before = process.cpuUsage();
  let failed = 0;
  for (let i = 0; i < files.length; i += BATCH)
    failed += (await pool.preprocess(files.slice(i, i + BATCH), spec)).failures.length;
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - start) / 1000, cpuMs: (user + system) / 1000 / files.length, failed };
}

/** Milliseconds of processor time that an image takes to resize. */
function perImage(images: Rgb[], resize: (image: Rgb, width: number, height: number) => void): number {
  const run = () => {
    const before = process.cpuUsage();
    for (const image of images) resize(image, ...resizedSize(image.width, image.height, spec.resize));
    return process.cpuUsage(before).user / 1000 / images.length;
  };
  return Math.min(run(), run(), run());
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      images: { type: 'string' },
      threads: { type: 'string' },
      repeat: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
    },
  });
  const folder = values.images;
  if (!folder) throw new Error(`Usage: npm run bench -- ${usage}`);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase()))
    .map((name) => join(folder, name))
    .sort();
  if (files.length === 0) throw new Error(`There is no image in ${folder}.`);

  const threads = Number(values.threads ?? availableParallelism());
  const pool = createImagePool(threads, join(tmpdir(), 'lab-bench-thumbnails'));
  const passes: Pass[] = [];
  for (let i = 0; i < Number(values.repeat); i++) passes.push(await once(pool, files));
  await pool.close();
  const best = passes.toSorted((a, b) => a.seconds - b.seconds)[0]!;

  const sample: Rgb[] = [];
  for (const file of files.slice(0, 24)) sample.push(await decodeRgb(file));
  const kernel = perImage(sample, (image, width, height) => resizeRgb(image, width, height, 'bicubic'));
  const plain = perImage(sample, (image, width, height) => plainResize(image, width, height, 'bicubic'));

  if (values.json) {
    const { seconds, cpuMs, failed } = best;
    const report = { images: files.length, failed, threads, seconds, imagesPerSecond: files.length / seconds, cpuMs };
    console.log(JSON.stringify({ ...report, resizeMs: { kernel, plain } }));
    return;
  }
  const rate = (files.length / best.seconds).toFixed(0);
  console.log(`${files.length} images (${best.failed} failed) on ${threads} threads: ${best.seconds.toFixed(2)} s,`);
  console.log(`${rate} images/s, ${best.cpuMs.toFixed(2)} ms of processor time each`);
  console.log(`the resize alone: ${kernel.toFixed(2)} ms; without WebAssembly ${plain.toFixed(2)} ms`);
}

if (import.meta.main) await run(process.argv.slice(2));
