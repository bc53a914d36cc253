// Augmentation: Pillow's bytes operation by operation, exactness where nothing may change, and streams that depend on the item alone.
import { hash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { augmented, baseOf, cropBox, makeBase, type View, writeView } from '../../../electron/engine/images/augment.ts';
import { decodeRgb } from '../../../electron/engine/images/decode.ts';
import * as ops from '../../../electron/engine/images/pillow-ops.ts';
import { createImagePool, type ImagePool } from '../../../electron/engine/images/pool.ts';
import { preprocess } from '../../../electron/engine/images/preprocess.ts';
import type { Rgb } from '../../../electron/engine/images/resize.ts';
import type { Preprocessing } from '../../../electron/engine/images/spec.ts';
import { AUGMENTATIONS } from '../../../shared/finetune.ts';
import { randomOf } from '../../../shared/protocol.ts';
import { fixturePath } from '../../helpers/shared.ts';

const spec: Preprocessing = {
  resize: { mode: 'shortest', size: 36 },
  resample: 'bicubic',
  crop: { width: 32, height: 32 },
  rescale: 1 / 255,
  mean: [0.5, 0.4, 0.3],
  std: [0.5, 0.25, 0.2],
  width: 32,
  height: 32,
};
const SIZE = 3 * 32 * 32;
const files = ['00_astronaut.jpg', '01_chelsea.png', '03_china_progressive.jpg', '08_strip_200x1.png'].map((name) =>
  fixturePath(`images/${name}`),
);
const astronaut = async (): Promise<Rgb> => {
  const image = await decodeRgb(files[0]!);
  return { ...image, data: Uint8Array.from(image.data) };
};

/** SHA-256 (first 16 digits) of what Pillow 13.0.0 gives for astronaut.crop((5, 10, 85, 70)). */
const PILLOW: Record<string, string> = {
  'brightness 0.7': '2e20215a7f5ecb97',
  'brightness 1.3': '190b3535651dc8a8',
  'contrast 0.7': 'ae9dd9d0ad6e9294',
  'contrast 1.3': '37ca9269a6647cb3',
  'saturation 0.7': '280e50f5509c0ccd',
  'saturation 1.3': '3841f15a4c64ec7a',
  'sharpness 0.5': 'c4a698e56d2bff0a',
  'sharpness 1.5': '7363a2eeb7b1db28',
  'posterize 5': 'abfa7504e6e468a6',
  'solarize 192': '177cfd5c24a73f54',
  autocontrast: '49bd60c1b61e7540',
  equalize: '42c85e57d96c1d5e',
  'rotate 10': 'ee4c8c2cdf62ab31',
  'rotate -7.5': '7590b14d103721ba',
  'shear x 0.1': 'c7d2e8b2940b7a8a',
  'shear y -0.1': '41fabe2cf7a64be2',
  translate: 'f3b1cf8eb97bde4c',
  flip: 'b2c6f38d6dde7cd5',
};
const FILL = [127, 120, 110] as const;

const OPERATIONS: Record<string, (image: Rgb) => Rgb> = {
  'brightness 0.7': (image) => ops.brightness(image, 0.7),
  'brightness 1.3': (image) => ops.brightness(image, 1.3),
  'contrast 0.7': (image) => ops.contrast(image, 0.7),
  'contrast 1.3': (image) => ops.contrast(image, 1.3),
  'saturation 0.7': (image) => ops.saturation(image, 0.7),
  'saturation 1.3': (image) => ops.saturation(image, 1.3),
  'sharpness 0.5': (image) => ops.sharpness(image, 0.5),
  'sharpness 1.5': (image) => ops.sharpness(image, 1.5),
  'posterize 5': (image) => ops.posterize(image, 5),
  'solarize 192': (image) => ops.solarize(image, 192),
  autocontrast: ops.autocontrast,
  equalize: ops.equalize,
  'rotate 10': (image) => ops.affine(image, ops.rotation(image, 10), FILL),
  'rotate -7.5': (image) => ops.affine(image, ops.rotation(image, -7.5), FILL),
  'shear x 0.1': (image) => ops.affine(image, [1, 0.1, -3, 0, 1, 0], FILL),
  'shear y -0.1': (image) => ops.affine(image, [1, 0, 0, -0.1, 1, 4], FILL),
  translate: (image) => ops.affine(image, [1, 0, -6, 0, 1, 4], FILL),
  flip: ops.flipped,
};

describe('operations', () => {
  it.each(Object.keys(PILLOW))('%s gives the bytes of Pillow', async (name) => {
    const image = ops.cropped(await astronaut(), { left: 5, top: 10, width: 80, height: 60 });
    expect(hash('sha256', OPERATIONS[name]!(image).data).slice(0, 16)).toBe(PILLOW[name]);
  });

  it('change nothing where nothing is asked of them', async () => {
    const image = await astronaut();
    for (const op of [ops.brightness, ops.contrast, ops.saturation, ops.sharpness])
      expect(op(image, 1).data).toEqual(image.data);
    expect(ops.flipped(ops.flipped(image)).data).toEqual(image.data);
    expect(ops.flipped(image).data).not.toEqual(image.data);
    expect(ops.affine(image, ops.rotation(image, 0), FILL).data).toEqual(image.data);
    expect(ops.posterize(image, 8).data).toEqual(image.data);
    expect(ops.solarize(image, 256).data).toEqual(image.data);
    const even: Rgb = { width: 4, height: 3, data: new Uint8Array(36).fill(77) };
    expect(ops.equalize(even).data).toEqual(even.data);
    expect(ops.autocontrast(even).data).toEqual(even.data);
  });
});

describe('crops', () => {
  it.each([
    [640, 480],
    [7, 5],
    [1, 1],
    [2000, 3],
    [3, 2000],
  ])('of %d x %d lie inside, of the area and ratio asked for', (width, height) => {
    const random = randomOf(1);
    let area = 0;
    const n = 500;
    for (let i = 0; i < n; i++) {
      const box = cropBox(width, height, random);
      expect(box.left >= 0 && box.top >= 0 && box.width >= 1 && box.height >= 1).toBe(true);
      expect(box.left + box.width <= width && box.top + box.height <= height).toBe(true);
      area += (box.width * box.height) / (width * height) / n;
      if (width === 640) {
        expect(box.width / box.height).toBeGreaterThan(0.74);
        expect(box.width / box.height).toBeLessThan(1.35);
      }
    }
    // the mean over 200,000 draws of the same procedure in Python: large wide boxes do not fit
    if (width === 640) expect(Math.abs(area - 0.6616)).toBeLessThan(0.03);
  });
});

describe('views', () => {
  const view = (level: View['level'], item: number, epoch = 0, seed = 0): View => ({ level, seed, epoch, item });
  const pixelsOf = (rgb: Rgb, wanted: View) => {
    const out = new Float32Array(SIZE);
    writeView(makeBase(rgb, spec, baseOf(wanted.level)), spec, wanted, out, 0);
    return out;
  };

  it('without augmentation are what the model embeds, bit for bit', async () => {
    for (const file of files) {
      const rgb = await decodeRgb(file);
      const expected = new Float32Array(SIZE);
      preprocess(rgb, spec, expected, 0);
      expect(Buffer.compare(Buffer.from(pixelsOf(rgb, view('none', 3)).buffer), Buffer.from(expected.buffer))).toBe(0);
    }
  });

  it('flip about half of the images', async () => {
    const rgb = await astronaut();
    const [plain, mirror] = [pixelsOf(rgb, view('none', 0)), pixelsOf(ops.flipped(rgb), view('none', 0))];
    let turned = 0;
    for (let item = 0; item < 400; item++) {
      const base = makeBase(rgb, spec, 'input');
      const made = augmented(base, spec, 'flip', randomOf(item)).data;
      if (Buffer.compare(made, base.data) !== 0) turned++;
    }
    expect(turned).toBeGreaterThan(160);
    expect(turned).toBeLessThan(240);
    expect(plain).not.toEqual(mirror);
  });

  it('come from seed, epoch and item alone', async () => {
    const rgb = await astronaut();
    for (const level of AUGMENTATIONS) {
      expect(pixelsOf(rgb, view(level, 5, 2, 1))).toEqual(pixelsOf(rgb, view(level, 5, 2, 1)));
      if (level === 'none' || level === 'flip') continue;
      const made = [view(level, 5, 2, 1), view(level, 6, 2, 1), view(level, 5, 3, 1), view(level, 5, 2, 2)];
      const distinct = new Set(made.map((v) => hash('sha256', pixelsOf(rgb, v))));
      expect(distinct.size).toBe(4);
    }
  });

  it('stay images: strong ones keep the brightness on the whole and all are finite', async () => {
    const rgb = await astronaut();
    const mean = (pixels: Float32Array) => pixels.reduce((a, b) => a + b, 0) / pixels.length;
    const n = 300;
    let strong = 0;
    let spread = 0;
    const plain = mean(pixelsOf(rgb, view('none', 0)));
    for (let item = 0; item < n; item++) {
      const pixels = pixelsOf(rgb, view('strong', item));
      expect(pixels.every(Number.isFinite)).toBe(true);
      strong += mean(pixels) / n;
      spread += (mean(pixels) - plain) ** 2 / n;
    }
    expect(Math.abs(strong - plain)).toBeLessThan(0.25);
    expect(Math.sqrt(spread)).toBeGreaterThan(0.1);
  });

  it('of a large photo are made from one no more than twice the model’s size', () => {
    const large: Rgb = { width: 300, height: 200, data: new Uint8Array(300 * 200 * 3).map((_, i) => i % 251) };
    expect(makeBase(large, spec, 'whole')).toMatchObject({ width: 96, height: 64 });
    const small: Rgb = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
    expect(makeBase(small, spec, 'whole')).toBe(small);
  });
});

describe('in the pool', () => {
  let folder = '';
  let pool: ImagePool;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'lab-augment-'));
    pool = createImagePool(2, path.join(folder, 'thumbnails'));
  });
  afterAll(async () => {
    await pool.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(AUGMENTATIONS)('%s: the same bytes in any order, from a file or from what was kept of it', async (level) => {
    const many = Array.from({ length: 24 }, (_, i) => files[i % files.length]!);
    const call = (order: number[], bases: (Rgb | null)[] = [], keep = false) =>
      pool.augment(
        order.map((i) => many[i]!),
        spec,
        {
          view: { level, seed: 3, epoch: 1 },
          base: baseOf(level),
          rows: order.map((i) => ({ item: i, base: bases[i] ?? null })),
          keep,
        },
      );
    const forwards = many.map((_, i) => i);
    const first = await call(forwards, [], true);
    expect([first.failures, first.kept.length]).toEqual([[], 24]);
    const bases: (Rgb | null)[] = [];
    for (const { index, base } of first.kept) bases[index] = base;
    const backwards = [...forwards].reverse();
    const second = await call(backwards);
    const third = await call(backwards, bases);
    expect([second.kept, third.kept]).toEqual([[], []]);
    backwards.forEach((item, row) => {
      const expected = first.pixels.subarray(item * SIZE, (item + 1) * SIZE);
      expect(second.pixels.subarray(row * SIZE, (row + 1) * SIZE)).toEqual(expected);
      expect(third.pixels.subarray(row * SIZE, (row + 1) * SIZE)).toEqual(expected);
    });
  });

  it('a broken file is listed under its row, left as zeros, and stops nothing', async () => {
    const broken = path.join(folder, 'kaputt – 画像.jpg');
    await writeFile(broken, 'no image');
    const list = [files[0]!, broken, files[1]!];
    const memory = new Float32Array(new SharedArrayBuffer(3 * SIZE * 4)).fill(9);
    const { pixels, failures, kept } = await pool.augment(list, spec, {
      view: { level: 'crop', seed: 0, epoch: 0 },
      base: 'whole',
      rows: list.map((_, item) => ({ item, base: null })),
      keep: true,
      memory,
    });
    expect(failures.map(({ index }) => index)).toEqual([1]);
    expect(kept.map(({ index }) => index).sort()).toEqual([0, 2]);
    expect(pixels.subarray(SIZE, 2 * SIZE).every((v) => v === 0)).toBe(true);
    expect(pixels.subarray(2 * SIZE).every((v) => v !== 9)).toBe(true);
  });
});
