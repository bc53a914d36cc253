// The pool as the engine uses it: real threads, real files with awkward names, failures listed and never fatal, thumbnails made once.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeRgb } from '../../../electron/engine/images/decode.ts';
import { HOG_DIM, hogFeature } from '../../../electron/engine/images/hog.ts';
import { createImagePool, type ImagePool } from '../../../electron/engine/images/pool.ts';
import { preprocess } from '../../../electron/engine/images/preprocess.ts';
import type { Preprocessing } from '../../../electron/engine/images/spec.ts';
import { fixturePath } from '../../helpers/shared.ts';

const spec: Preprocessing = {
  resize: { mode: 'shortest', size: 32 },
  resample: 'bicubic',
  crop: { width: 32, height: 32 },
  rescale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  width: 32,
  height: 32,
};
const SIZE = 3 * 32 * 32;
const astronaut = fixturePath('images/00_astronaut.jpg');

let folder = '';
let thumbnails = '';
let pool: ImagePool;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lab-pool-'));
  thumbnails = join(folder, 'cache', 'thumbnails');
  pool = createImagePool(2, thumbnails);
});
afterAll(async () => {
  await pool.close();
  await rm(folder, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);

describe('batches', () => {
  it('give each file its row, as the same steps in this thread do', async () => {
    const names = (await readdir(fixturePath('images'))).filter((name) => /^\d\d_/.test(name)).sort();
    const files = Array.from({ length: 5 }, () => names.map((name) => fixturePath(`images/${name}`))).flat();
    const { pixels, failures } = await pool.preprocess(files, spec);
    const { features } = await pool.hog(files);
    expect(failures).toEqual([]);
    expect([pixels.length, features.length]).toEqual([files.length * SIZE, files.length * HOG_DIM]);
    for (const i of [0, 7, 30, files.length - 1]) {
      const rgb = await decodeRgb(files[i]!);
      const expected = new Float32Array(SIZE);
      preprocess(rgb, spec, expected, 0);
      expect(
        Buffer.compare(
          Buffer.from(new Uint8Array(pixels.slice(i * SIZE, (i + 1) * SIZE).buffer)),
          Buffer.from(expected.buffer),
        ),
      ).toBe(0);
      expect(features.slice(i * HOG_DIM, (i + 1) * HOG_DIM)).toEqual(hogFeature(rgb));
    }
  });

  it('list what fails by its index and go on', async () => {
    await writeFile(at('zero.jpg'), '');
    await writeFile(at('letter.jpg'), 'Dear Sir or Madam');
    await writeFile(at('cut.jpg'), (await readFile(astronaut)).subarray(0, 3000));
    const files = [astronaut, at('zero.jpg'), astronaut, at('letter.jpg'), at('cut.jpg'), at('gone.jpg'), astronaut];
    const expected = [
      { index: 1, reason: 'the file is empty' },
      { index: 3, reason: expect.stringContaining('not an image') },
      { index: 4, reason: 'premature end of data' },
      { index: 5, reason: 'file not found (ENOENT)' },
    ];
    const { pixels, failures } = await pool.preprocess(files, spec);
    expect(failures).toEqual(expected);
    expect(await pool.verify(files)).toEqual(expected);
    const { features, failures: hogFailures } = await pool.hog(files);
    expect(hogFailures).toEqual(expected);
    const empty = files.map(
      (_, i) =>
        pixels.subarray(i * SIZE, (i + 1) * SIZE).every((v) => v === 0) &&
        features.subarray(i * HOG_DIM, (i + 1) * HOG_DIM).every((v) => v === 0),
    );
    expect(empty).toEqual([false, true, false, true, true, true, false]);
  });

  it('may go into memory of an earlier batch, of which nothing stays', async () => {
    const memory = new Float32Array(new SharedArrayBuffer(5 * SIZE * 4)).fill(7);
    const { pixels } = await pool.preprocess([astronaut, at('gone.jpg'), astronaut], spec, { memory });
    expect(pixels.buffer).toBe(memory.buffer);
    expect(pixels).toHaveLength(3 * SIZE);
    const fresh = (await pool.preprocess([astronaut], spec)).pixels;
    expect([...pixels]).toEqual([...fresh, ...new Array<number>(SIZE).fill(0), ...fresh]);
  });

  it('refuse a file that has another content by now', async () => {
    const known = createHash('sha256')
      .update(await readFile(astronaut))
      .digest('hex');
    const hashes = [known, '0'.repeat(64), known];
    const expected = [{ index: 1, reason: expect.stringContaining('changed since it was imported') }];
    const files = [astronaut, astronaut, astronaut];
    expect((await pool.preprocess(files, spec, { hashes })).failures).toEqual(expected);
    expect((await pool.hog(files, { hashes })).failures).toEqual(expected);
  });

  it('take names of every script and of 255 bytes', async () => {
    const names = [
      'Grüße aus Köln.jpg',
      '写真 🌸.jpg',
      'e\u0301te\u0301 % # ? & space .jpg',
      `${'x'.repeat(251)}.jpg`,
      'quote\'"back\\slash.jpg',
    ];
    for (const name of names) await copyFile(astronaut, at(name));
    expect((await pool.preprocess(names.map(at), spec)).failures).toEqual([]);
  });

  it('of nothing are nothing', async () => {
    expect((await pool.preprocess([], spec)).pixels).toHaveLength(0);
    expect(await pool.verify([])).toEqual([]);
  });

  it('end between files when cancelled', async () => {
    const files = new Array<string>(3000).fill(astronaut);
    const cancel = new AbortController();
    const started = performance.now();
    const running = pool.verify(files, cancel.signal);
    setTimeout(() => cancel.abort(), 50);
    await expect(running).rejects.toThrow(/abort/i);
    expect(performance.now() - started).toBeLessThan(2000);
    await expect(pool.hog(files, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    expect(await pool.verify([astronaut])).toEqual([]);
  });
});

describe('thumbnails', () => {
  it('are upright WebP files of at most 256 pixels, made once', async () => {
    const turned = at('turned.jpg');
    const wide = sharp({ create: { width: 900, height: 300, channels: 3, background: '#c33' } });
    await wide.jpeg().withMetadata({ orientation: 6 }).toFile(turned);
    const hash = 'ab'.repeat(32);
    const paths = await Promise.all([1, 2, 3, 4].map(() => pool.thumbnail(turned, hash)));
    expect(new Set(paths).size).toBe(1);
    const { format, width, height } = await sharp(paths[0]).metadata();
    expect([format, width, height]).toEqual(['webp', 85, 256]);
    const { mtimeMs } = await stat(paths[0]!);
    await rm(turned);
    expect(await pool.thumbnail(turned, hash)).toBe(paths[0]);
    expect((await stat(paths[0]!)).mtimeMs).toBe(mtimeMs);
    expect(await readdir(join(thumbnails, 'ab'))).toEqual([`${hash}.webp`]);
  });

  it('do not enlarge, and are made of bitmaps and of as much of a cut file as there is', async () => {
    const small = await pool.thumbnail(fixturePath('images/11_tiny_7x5.png'), '01'.repeat(32));
    expect(await sharp(small).metadata()).toMatchObject({ width: 7, height: 5 });
    const bitmap = await pool.thumbnail(fixturePath('images/bmp/16-565.bmp'), '02'.repeat(32));
    expect(await sharp(bitmap).metadata()).toMatchObject({ width: 13, height: 6 });
    expect(existsSync(await pool.thumbnail(at('cut.jpg'), '03'.repeat(32)))).toBe(true);
  });

  it('of what is no image fail with the reason, every time', async () => {
    for (let i = 0; i < 2; i++)
      await expect(pool.thumbnail(at('letter.jpg'), '04'.repeat(32))).rejects.toThrow('not an image');
    await expect(pool.thumbnail(at('gone.jpg'), '05'.repeat(32))).rejects.toThrow('file not found (ENOENT)');
    expect(await readdir(join(thumbnails, '04'))).toEqual([]);
  });
});

describe('what a browser is sent', () => {
  it('is the file itself where browsers know the format', async () => {
    expect(await pool.displayable(astronaut, 'jpeg')).toEqual({ body: null, type: 'image/jpeg' });
    expect(await pool.displayable(fixturePath('images/01_chelsea.png'), 'png')).toEqual({
      body: null,
      type: 'image/png',
    });
  });

  it('is re-encoded upright where they do not', async () => {
    const { body, type } = await pool.displayable(fixturePath('images/bmp/8.bmp'), 'bmp');
    expect(type).toBe('image/webp');
    expect(await sharp(body!).metadata()).toMatchObject({ format: 'webp', width: 13, height: 6 });
    const image = () =>
      sharp({ create: { width: 60, height: 20, channels: 3, background: '#3c3' } }).withMetadata({ orientation: 8 });
    await image().tiff().toFile(at('turned.tif'));
    await image().png().toFile(at('turned.png'));
    for (const [name, format] of [
      ['turned.tif', 'tiff'],
      ['turned.png', 'png'],
    ] as const) {
      const shown = await pool.displayable(at(name), format);
      expect(await sharp(shown.body!).metadata(), name).toMatchObject({ format: 'webp', width: 20, height: 60 });
    }
  });

  it('or the reason', async () => {
    await expect(pool.displayable(at('letter.jpg'), 'tiff')).rejects.toThrow('not an image');
  });
});

it('closing ends what is under way', async () => {
  const short = createImagePool(1, thumbnails);
  const running = short.verify(new Array<string>(2000).fill(astronaut));
  const outcome = running.then(
    () => 'done',
    () => 'rejected',
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  await short.close();
  expect(await outcome).toBe('rejected');
});
