// Batches as a run reads them: every item once an epoch, the same bytes from any start, nothing decoded twice, broken files replaced.
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Batch, type BatchesOptions, createBatches } from '../../../electron/engine/finetune/batches.ts';
import { createImagePool, type ImagePool } from '../../../electron/engine/images/pool.ts';
import type { Preprocessing } from '../../../electron/engine/images/spec.ts';

const spec: Preprocessing = {
  resize: { mode: 'shortest', size: 16 },
  resample: 'bilinear',
  crop: { width: 16, height: 16 },
  rescale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  width: 16,
  height: 16,
};
const SIZE = 3 * 16 * 16;
const N = 13;

let folder = '';
let pool: ImagePool;
let files: string[] = [];
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lab-batches-'));
  pool = createImagePool(2, path.join(folder, 'thumbnails'));
  files = Array.from({ length: N }, (_, i) => path.join(folder, `bild ${i} é.png`));
  for (const [i, file] of files.entries()) {
    const noise = Uint8Array.from({ length: 40 * 30 * 3 }, (_, k) => (k * (i + 3) * 7 + i * 19) % 256);
    await sharp(noise, { raw: { width: 40, height: 30, channels: 3 } })
      .png()
      .toFile(file);
  }
});
afterAll(async () => {
  await pool.close();
  await rm(folder, { recursive: true, force: true });
});

const labels = Int32Array.from({ length: N }, (_, i) => i % 4);
const make = (more: Partial<BatchesOptions> = {}) =>
  createBatches({ images: pool, files, labels, spec, augment: 'crop', seed: 7, batch: 4, ...more });

type Read = { items: number[]; labels: number[]; counts: number[]; bytes: string; failures: Batch['failures'] };
async function read(batches: AsyncIterable<Batch>, most = Number.POSITIVE_INFINITY): Promise<Read[]> {
  const all: Read[] = [];
  if (most === 0) return all;
  for await (const { items, labels: of, pixels, counts, failures } of batches) {
    all.push({ items: [...items], labels: [...of], counts: [...counts], bytes: hash('sha256', pixels), failures });
    if (all.length === most) break;
  }
  return all;
}

describe('an epoch', () => {
  it('holds every item once, fills its last batch from its start, and differs from the next', async () => {
    const batches = make();
    expect(batches.steps).toBe(4);
    const [first, second] = [await read(batches.epoch(0)), await read(batches.epoch(1))];
    const order = first.flatMap((b) => b.items);
    expect(order.slice(0, N).sort((a, b) => a - b)).toEqual([...Array(N).keys()]);
    expect(order.slice(N)).toEqual(order.slice(0, 3));
    expect(first.flatMap((b) => b.counts)).toEqual([...Array(N).fill(1), 0, 0, 0]);
    expect(first.flatMap((b) => b.labels)).toEqual(order.map((i) => labels[i]));
    expect(second.flatMap((b) => b.items)).not.toEqual(order);
  });

  it('gives the same bytes run again, begun in its middle, by another reader, and with nothing kept', async () => {
    const batches = make();
    const whole = await read(batches.epoch(3));
    expect(await read(batches.epoch(3))).toEqual(whole);
    expect(await read(batches.epoch(3, 2))).toEqual(whole.slice(2));
    expect(await read(make({ budget: 0 }).epoch(3, 1))).toEqual(whole.slice(1));
    expect(await read(make({ budget: 20_000 }).epoch(3))).toEqual(whole);
    expect((await read(make({ seed: 8 }).epoch(3))).map((b) => b.bytes)).not.toEqual(whole.map((b) => b.bytes));
  });

  it('may be left early, and another begun', async () => {
    const batches = make();
    const whole = await read(batches.epoch(0));
    expect(await read(batches.epoch(0), 1)).toEqual(whole.slice(0, 1));
    expect(await read(batches.epoch(0), 2)).toEqual(whole.slice(0, 2));
    expect(await read(batches.epoch(0))).toEqual(whole);
  });

  it('of fewer items than a batch repeats them', async () => {
    const [only, ...more] = await read(make({ files: files.slice(0, 3), batch: 8 }).epoch(0));
    expect(more).toEqual([]);
    expect(only!.counts).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
    expect(only!.items.slice(3)).toEqual([0, 1, 2, 3, 4].map((r) => only!.items[r % 3]));
  });

  it.each(['none', 'flip', 'crop', 'strong'] as const)('decodes no file twice (%s)', async (augment) => {
    const copies = files.map((file) => `${file}.copy.png`);
    await Promise.all(files.map((file, i) => copyFile(file, copies[i]!)));
    const batches = make({ files: copies, augment });
    const first = await read(batches.epoch(0));
    await Promise.all(copies.map((file) => rm(file)));
    expect(await read(batches.epoch(0))).toEqual(first);
    const second = await read(batches.epoch(1));
    expect(second.flatMap((b) => b.failures)).toEqual([]);
    expect(second.flatMap((b) => b.items).length).toBe(16);
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const batches = make({ signal: stop.signal });
    let seen = 0;
    const reading = (async () => {
      for await (const _ of batches.epoch(0)) if (++seen === 2) stop.abort();
    })();
    await expect(reading).rejects.toThrow(/abort/i);
    expect(seen).toBe(2);
  });
});

describe('broken files', () => {
  it('are told once and replaced by the next of the order, the same from any start', async () => {
    const broken = [2, 5, 6];
    const list = files.map((file, i) => (broken.includes(i) ? path.join(folder, `broken ${i}.png`) : file));
    for (const i of broken) await writeFile(list[i]!, 'not an image');
    const batches = make({ files: list });
    const whole = await read(batches.epoch(0));
    const told = whole.flatMap((b) => b.failures);
    expect(told.map(({ index }) => index).sort()).toEqual(broken);
    expect(told[0]!.reason).not.toBe('');
    // what stands where: the order of whole files, each broken one replaced by what follows it
    const order = (await read(make().epoch(0))).flatMap((b) => b.items).slice(0, N);
    const expected = Array.from({ length: 16 }, (_, p) => {
      let at = p;
      while (broken.includes(order[at % N]!)) at++;
      return order[at % N]!;
    });
    expect(whole.flatMap((b) => b.items)).toEqual(expected);
    expect(whole.flatMap((b) => b.labels)).toEqual(expected.map((i) => labels[i]));
    const again = await read(make({ files: list }).epoch(0, 2));
    expect(again.map(({ items, bytes }) => ({ items, bytes }))).toEqual(
      whole.slice(2).map(({ items, bytes }) => ({ items, bytes })),
    );
    const next = await read(batches.epoch(1));
    expect(next.flatMap((b) => b.failures)).toEqual([]);
  });

  it('that are all there is end the run by name', async () => {
    const gone = [path.join(folder, 'gone 1.png'), path.join(folder, 'gone 2.png')];
    await expect(read(make({ files: gone }).epoch(0))).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('gone 1.png'),
    });
  });

  it('are known by their content where that is given', async () => {
    const hashes = files.map((file, i) => (i === 4 ? 'another' : hash('sha256', readFileSync(file))));
    const told = (await read(make({ hashes }).epoch(0))).flatMap((b) => b.failures);
    expect(told).toEqual([{ index: 4, reason: expect.stringContaining('changed since') }]);
  });
});

describe('plain batches', () => {
  it('come in order, as the model embeds them, the last one filled with zeros', async () => {
    const batches = make();
    const { pixels: expected } = await pool.preprocess(files, spec);
    let at = 0;
    for (let round = 0; round < 2; round++) {
      at = 0;
      for await (const { pixels, counts, items } of batches.plain(files)) {
        const rows = Math.min(4, N - at);
        expect(pixels.subarray(0, rows * SIZE)).toEqual(expected.subarray(at * SIZE, (at + rows) * SIZE));
        expect(pixels.subarray(rows * SIZE).every((v) => v === 0)).toBe(true);
        expect([...counts]).toEqual([0, 1, 2, 3].map((r) => (r < rows ? 1 : 0)));
        expect([...items].slice(0, rows)).toEqual([0, 1, 2, 3].slice(0, rows).map((r) => at + r));
        at += rows;
      }
    }
    expect(at).toBe(N);
  });

  it('leave a broken file empty and say which it is', async () => {
    const list = [files[0]!, path.join(folder, 'not there.png'), files[1]!];
    const [only] = await read(make().plain(list));
    expect(only!.counts).toEqual([1, 0, 1, 0]);
    expect(only!.failures).toEqual([{ index: 1, reason: 'file not found (ENOENT)' }]);
  });
});
