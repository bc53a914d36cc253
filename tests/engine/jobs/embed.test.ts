// The embed and download jobs and the model calls on a whole engine, over real files.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type RunningEngine } from '../../../electron/engine/engine.ts';
import { embedJob } from '../../../electron/engine/jobs/embed.ts';
import type { Job } from '../../../shared/contract.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { jpeg } from '../datasets/lab.ts';

let dir: string;
let lab: RunningEngine;
let datasetId: number;
const pushed: { event: string; payload: unknown }[] = [];
const ended = (job: Job) => lab.engine.jobs.ended(job.id);

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'lab-embed-job-'));
  for (const [name, background] of Object.entries({ red: '#d02020', blue: '#2020d0' })) {
    mkdirSync(path.join(dir, 'photos', name), { recursive: true });
    for (let i = 0; i < 4; i++)
      await sharp({ create: { width: 40, height: 30 + i, channels: 3, background } })
        .jpeg()
        .toFile(path.join(dir, 'photos', name, `${i}.jpg`));
  }
  writeFileSync(path.join(dir, 'photos', 'red', 'broken.jpg'), (await jpeg(1, 64, 64)).subarray(0, 700));
  lab = await createEngine({ host: 'cli', dataDir: path.join(dir, 'data'), modelsDirs: [fixturePath('')] });
  lab.on((event, payload) => void pushed.push({ event, payload }));
  await lab.handlers['settings.set']({ device: 'cpu', threads: 1, demoMade: true });
  const started = await lab.handlers['dataset.import']({
    path: path.join(dir, 'photos'),
    testFraction: 0.2,
    splitSeed: 0,
  });
  await ended(started.job);
  datasetId = started.datasetId;
}, 60_000);
afterAll(async () => {
  await lab.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('embedding a dataset', () => {
  test('is forecast, run as a job, and found in the cache the next time', async () => {
    const before = await lab.handlers['embed.forecast']({ datasetId, model: 'hog' });
    expect(before.items).toBeGreaterThanOrEqual(8);
    const job = await ended(await lab.handlers['embed.start']({ datasetId, model: 'tiny-clip' }));
    expect(job).toMatchObject({
      status: 'done',
      kind: 'embed',
      title: 'photos with tiny-clip',
      unit: 'images',
      result: { model: 'tiny-clip', output: 'image_embeds', dim: 32, device: 'cpu', ready: 8 },
    });
    expect((job.result as { embedded: number }).embedded).toBe(8);
    const again = await ended(await lab.handlers['embed.start']({ datasetId, model: 'tiny-clip' }));
    expect(again.result).toMatchObject({ embedded: 0, ready: 8 });
    expect((await lab.handlers['embed.forecast']({ datasetId, model: 'tiny-clip' })).seconds).toBe(0);
  }, 60_000);
  test('with a model that is not there is refused at once, with the ids there are', async () => {
    await expect(lab.handlers['embed.start']({ datasetId, model: 'nope' })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/hog.*tiny-clip/),
    });
    await expect(lab.handlers['embed.start']({ datasetId, model: 'dinov2-small' })).rejects.toMatchObject({
      message: expect.stringMatching(/not on this machine yet/),
    });
    await expect(lab.handlers['embed.start']({ datasetId: 99, model: 'hog' })).rejects.toMatchObject({
      code: 'not-found',
    });
  });
  test('names its dataset and model in the title, the output too', () => {
    expect(embedJob.title({ datasetId, model: 'tiny-clip', output: 'pooler_output' }, lab.engine)).toBe(
      'photos with tiny-clip:pooler_output',
    );
  });
});

describe('trying a model', () => {
  const image = () => path.join(dir, 'photos', 'red', '0.jpg');
  test('by words gives probabilities over them', async () => {
    const tried = await lab.handlers['model.try']({
      id: 'tiny-clip',
      path: image(),
      labels: ['cat', 'red_square', 'dog'],
    });
    expect(tried.labels).toEqual(['cat', 'red_square', 'dog']);
    expect(tried.probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    expect(tried.milliseconds).toBeGreaterThan(0);
  });
  test('by its own classes, on an item', async () => {
    const { items } = await lab.handlers['dataset.items']({
      id: datasetId,
      filter: { label: 'red' },
      offset: 0,
      limit: 1,
    });
    const tried = await lab.handlers['model.try']({ id: 'tiny-resnet', itemId: items[0]!.id, labels: [] });
    expect(tried.labels).toHaveLength(10);
    expect(tried.labels[0]).toBe('airplane');
    expect(tried.probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
  });
  test('says what is missing', async () => {
    await expect(
      lab.handlers['model.try']({ id: 'tiny-resnet', path: image(), labels: ['cat'] }),
    ).rejects.toMatchObject({ code: 'unsupported', message: expect.stringMatching(/no text side/) });
    await expect(lab.handlers['model.try']({ id: 'tiny-clip', path: image(), labels: [] })).rejects.toMatchObject({
      message: expect.stringMatching(/give some labels/),
    });
    await expect(lab.handlers['model.try']({ id: 'hog', path: image(), labels: [] })).rejects.toMatchObject({
      message: expect.stringMatching(/features only/),
    });
    await expect(lab.handlers['model.try']({ id: 'tiny-clip', labels: ['a'] })).rejects.toMatchObject({
      code: 'bad-request',
    });
    await expect(
      lab.handlers['model.try']({ id: 'tiny-clip', path: path.join(dir, 'none.jpg'), labels: ['a'] }),
    ).rejects.toMatchObject({ code: 'bad-request', message: expect.stringMatching(/none\.jpg/) });
  });
});

describe('search', () => {
  test('by an image finds its like first', async () => {
    const found = await lab.handlers.search({
      datasetId,
      model: 'hog',
      imagePath: path.join(dir, 'photos', 'blue', '1.jpg'),
      k: 4,
    });
    expect(found).toHaveLength(4);
    expect(found[0]).toMatchObject({ label: 'blue' });
    expect(found[0]!.similarity).toBeCloseTo(1, 4);
    expect(found.map(({ label }) => label)).toEqual(['blue', 'blue', 'blue', 'blue']);
    expect(found.every((hit, i) => i === 0 || hit.similarity <= found[i - 1]!.similarity)).toBe(true);
  });
  test('by words needs a model that reads them', async () => {
    expect(await lab.handlers.search({ datasetId, model: 'tiny-clip', text: 'a red square', k: 3 })).toHaveLength(3);
    await expect(lab.handlers.search({ datasetId, model: 'hog', text: 'red', k: 3 })).rejects.toMatchObject({
      code: 'unsupported',
    });
    await expect(lab.handlers.search({ datasetId, model: 'hog', k: 3 })).rejects.toMatchObject({ code: 'bad-request' });
  });
});

describe('models', () => {
  test('are added and removed, and the screens are told', async () => {
    const folder = path.join(dir, 'my-resnet');
    cpSync(fixturePath('tiny-resnet'), folder, { recursive: true });
    pushed.length = 0;
    expect(await lab.handlers['model.add']({ path: folder })).toMatchObject({ id: 'my-resnet', source: 'app' });
    await lab.handlers['model.remove']({ id: 'my-resnet' });
    expect(pushed.filter(({ event }) => event === 'model.changed').map(({ payload }) => payload)).toEqual([
      { id: 'my-resnet' },
      { id: 'my-resnet' },
    ]);
    expect((await lab.handlers['model.list']({})).some(({ id }) => id === 'my-resnet')).toBe(false);
  });
});
