// A dataset's features: cached by content and model, duplicates once, interruptions lose little, bad files stop nothing.

import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCache, openDatabase } from '../../../electron/engine/db/open.ts';
import {
  cachedFeatures,
  type EmbedItem,
  embedItems,
  notCached,
} from '../../../electron/engine/models/embed-dataset.ts';
import type { Embedder } from '../../../electron/engine/models/embedder.ts';
import { forecast } from '../../../electron/engine/models/forecast.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { jpeg } from '../datasets/lab.ts';
import { openStore, rowCosines, type TestStore } from './store-for-tests.ts';

const countCached = async (...args: Parameters<typeof notCached>) => args[2].length - (await notCached(...args)).length;

let lab: TestStore;
let engine: { db: Database; cache: Database; push: () => void; log: () => void };
let root: string;
let datasetId: number;
beforeEach(async () => {
  lab = openStore();
  root = path.join(lab.dir, 'photos');
  mkdirSync(root);
  engine = {
    db: await openDatabase(path.join(lab.dir, 'lab.sqlite')),
    cache: await openCache(path.join(lab.dir, 'cache.sqlite')),
    push: () => {},
    log: () => {},
  };
  datasetId = Number(
    engine.db.prepare("INSERT INTO dataset (name, root, state, created_at) VALUES ('photos', ?, 'ready', 0)").run(root)
      .lastInsertRowid,
  );
});
afterEach(async () => {
  engine.db.close();
  engine.cache.close();
  await lab.close();
});

const sha = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
/** Registers files of the root as items, as an import does. */
function items(names: string[]): EmbedItem[] {
  return names.map((name) => {
    const file = path.join(root, name);
    const hash = sha(file);
    const id = Number(
      engine.db.prepare('INSERT INTO item (dataset_id, path, hash) VALUES (?, ?, ?)').run(datasetId, name, hash)
        .lastInsertRowid,
    );
    return { id, hash, file };
  });
}
async function photos(count: number): Promise<EmbedItem[]> {
  const names = Array.from({ length: count }, (_, i) => `${String(i).padStart(3, '0')}.jpg`);
  for (const [i, name] of names.entries()) writeFileSync(path.join(root, name), await jpeg(i));
  return items(names);
}
const quiet = { progress: () => {}, log: () => {} };
/** Counts what really goes through the model. */
function counting(embedder: Embedder, batch = 4) {
  const seen: string[] = [];
  const counted: Embedder = {
    ...embedder,
    batch,
    images(files, signal) {
      seen.push(...files);
      return embedder.images(files, signal);
    },
  };
  return { counted, seen };
}

describe('embedding', () => {
  test('gives what the model gives, in the order asked, and takes it from the cache the second time', async () => {
    for (const name of ['00_astronaut.jpg', '01_chelsea.png', '03_china_progressive.jpg'])
      copyFileSync(fixturePath(`images/${name}`), path.join(root, name));
    const list = items(['03_china_progressive.jpg', '00_astronaut.jpg', '01_chelsea.png']);
    const { counted, seen } = counting(await lab.store.embedder('tiny-clip'));
    const progress: [number, number][] = [];
    const first = await embedItems(engine, counted, list, {
      ...quiet,
      progress: (done, total) => progress.push([done, total]),
    });
    expect(first).toMatchObject({ embedded: 3, failures: [], valid: new Uint8Array([1, 1, 1]) });
    expect(progress.at(0)).toEqual([0, 3]);
    expect(progress.at(-1)).toEqual([3, 3]);
    const direct = await counted.images(list.map((item) => item.file));
    expect(Math.min(...rowCosines(first.features, direct.features, 32))).toBeGreaterThan(0.999999);
    seen.length = 0;
    const again = await embedItems(engine, counted, list, quiet);
    expect(again).toMatchObject({ embedded: 0, embedMs: 0 });
    expect(again.features).toEqual(first.features);
    expect(seen).toEqual([]);
  });
  test('runs equal contents once and gives both their row', async () => {
    const list = await photos(2);
    copyFileSync(list[0]!.file, path.join(root, 'copy.jpg'));
    const [copy] = items(['copy.jpg']);
    const { counted, seen } = counting(await lab.store.embedder('tiny-resnet'));
    const { features, embedded } = await embedItems(engine, counted, [...list, copy!], quiet);
    expect(embedded).toBe(2);
    expect(seen).toHaveLength(2);
    expect(features.slice(64, 96)).toEqual(features.slice(0, 32));
  });
  test('keeps the features of another output apart', async () => {
    const list = await photos(2);
    const [pooled, logits] = [
      await lab.store.embedder('tiny-resnet'),
      await lab.store.embedder('tiny-resnet', { output: 'logits' }),
    ];
    await embedItems(engine, pooled, list, quiet);
    expect(await countCached(engine, pooled, list)).toBe(2);
    expect(await countCached(engine, logits, list)).toBe(0);
    expect((await cachedFeatures(engine, logits, list)).missing).toBe(2);
    expect(await cachedFeatures(engine, pooled, list)).toMatchObject({ missing: 0, valid: new Uint8Array([1, 1]) });
  });
  test('is looked up without holding up the engine', async () => {
    const list = Array.from({ length: 3000 }, (_, id) => ({ id, hash: `none-${id}`, file: '', root }));
    const embedder = await lab.store.embedder('tiny-resnet');
    for (const look of [notCached, cachedFeatures]) {
      let turns = 0;
      const timer = setInterval(() => turns++, 0);
      await look(engine, embedder, list);
      clearInterval(timer);
      expect(turns).toBeGreaterThan(1);
    }
  });
  test('lists a file that cannot be decoded, and one that has changed, and goes on', async () => {
    const list = await photos(6);
    writeFileSync(path.join(root, 'broken.jpg'), 'not an image');
    list.push(...items(['broken.jpg']));
    writeFileSync(list[2]!.file, await jpeg(99));
    rmSync(list[4]!.file);
    const { failures, valid, embedded } = await embedItems(
      engine,
      await lab.store.embedder('tiny-resnet'),
      list,
      quiet,
    );
    expect(embedded).toBe(4);
    expect([...valid]).toEqual([1, 1, 0, 1, 0, 1, 0]);
    const reasons = new Map(failures.map(({ id, reason }) => [id, reason]));
    expect(reasons.get(list[2]!.id)).toMatch(/changed since it was imported/);
    expect(reasons.get(list[4]!.id)).toMatch(/ENOENT/);
    expect(reasons.get(list[6]!.id)).toBeTruthy();
    expect(await countCached(engine, await lab.store.embedder('tiny-resnet'), list)).toBe(4);
  });
});

describe('an interruption', () => {
  test('keeps every finished batch, and the next run does only the rest', async () => {
    const list = await photos(24);
    const controller = new AbortController();
    const { counted } = counting(await lab.store.embedder('tiny-resnet'));
    let seenDone = 0;
    const run = embedItems(engine, counted, list, {
      ...quiet,
      signal: controller.signal,
      progress(done) {
        seenDone = done;
        if (done >= 8) controller.abort();
      },
    });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    const kept = await countCached(engine, counted, list);
    expect(kept).toBeGreaterThanOrEqual(8);
    expect(kept).toBeLessThan(24);
    expect(seenDone).toBeLessThanOrEqual(kept);
    const rest = counting(await lab.store.embedder('tiny-resnet'));
    const { embedded, valid } = await embedItems(engine, rest.counted, list, quiet);
    expect(embedded).toBe(24 - kept);
    expect(rest.seen).toHaveLength(24 - kept);
    expect(valid.every((one) => one === 1)).toBe(true);
  });
  test('by a folder that vanishes pauses with the reason, and what was done stays', async () => {
    const list = await photos(16);
    const { counted } = counting(await lab.store.embedder('tiny-resnet'));
    const moved = `${root}-unplugged`;
    const run = embedItems(engine, counted, list, {
      ...quiet,
      progress: (done) => void (done >= 4 && existsSync(root) && renameSync(root, moved)),
    });
    await expect(run).rejects.toMatchObject({ code: 'offline', message: expect.stringMatching(/photos/) });
    const kept = await countCached(engine, counted, list);
    expect(kept).toBeGreaterThanOrEqual(4);
    renameSync(moved, root);
    expect((await embedItems(engine, counted, list, quiet)).embedded).toBe(16 - kept);
  });
  test('by a full disk says so', async () => {
    const list = await photos(8);
    const embedder = await lab.store.embedder('tiny-resnet');
    const pages = engine.cache.pragma('page_count', { simple: true }) as number;
    engine.cache.pragma(`max_page_count = ${pages}`);
    // long keys fill the page that is there
    const greedy = { ...embedder, key: 'k'.repeat(5000) };
    await expect(embedItems(engine, greedy, list, quiet)).rejects.toMatchObject({
      code: 'no-space',
      message: expect.stringMatching(/full/),
    });
  });
});

test('a forecast is measured on a few items, which then are in the cache', async () => {
  const list = await photos(60);
  const embedder = await lab.store.embedder('tiny-resnet');
  const expected = await forecast(engine, embedder, list);
  expect(expected.items).toBe(60);
  expect(expected.cached).toBe(await countCached(engine, embedder, list));
  expect(expected.cached).toBeGreaterThan(8);
  expect(expected.cached).toBeLessThan(60);
  expect(expected.imagesPerSecond).toBeGreaterThan(0);
  expect(expected.seconds).toBeCloseTo((60 - expected.cached) / expected.imagesPerSecond, 6);
  expect(expected.bytes).toBeGreaterThan(60 * 32 * 4);
  await embedItems(engine, embedder, list, quiet);
  expect(await forecast(engine, embedder, list)).toMatchObject({ items: 60, cached: 60, seconds: 0 });
});
