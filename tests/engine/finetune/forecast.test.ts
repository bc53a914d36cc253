// What is said of a run before it starts: time, memory and disk from a measured step, and what would fit where it does not.
import { existsSync, renameSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forecastRun } from '../../../electron/engine/finetune/forecast.ts';
import { finetuneParams } from '../../../shared/finetune.ts';
import { openLab, paint, SMALL, type TrainLab } from './lab.ts';

let lab: TrainLab;
let datasetId: number;
const quick = { ...SMALL, augment: 'none' as const };

beforeAll(async () => {
  lab = await openLab();
  await paint(lab.at('looks'), 15);
  datasetId = await lab.dataset('looks');
}, 60_000);
afterAll(() => lab.close());

test('says what the run will be, and measures a step', async () => {
  const told = await lab.forecast({ datasetId, settings: quick });
  const report = await lab.report({ datasetId, settings: quick });
  expect(told.settings).toEqual(report.settings);
  expect(told).toMatchObject({
    trainItems: report.counts.train,
    steps: report.epochs.at(-1)!.step,
    problem: null,
    offers: [],
  });
  expect(told.trainedParameters).toBe(report.trainedParameters);
  expect(told.secondsPerStep).toBeGreaterThan(0);
  // 16 images to validate on after each of 2 epochs and at 11 points, 24 to test on: looking costs 0.4 of learning
  expect(told.seconds).toBeCloseTo(told.secondsPerStep * (told.steps + (0.4 * (13 * 16 + 24)) / 8), 9);
  expect(told.diskBytes).toBeGreaterThan(0);
  expect(told.memoryBytes).toBeGreaterThan(50e6);
});

test('says before a run that it cannot fit, and what would', async () => {
  const params = finetuneParams.parse({
    datasetId,
    model: { id: 'tiny-clip' },
    method: 'fine-tune',
    shots: 4,
    settings: { ...quick, batch: 16 }, // enough that fewer at once save more than the sums of gradients take
  });
  const plenty = { memory: 2 ** 40, disk: 2 ** 40 };
  const { engine } = lab.running;
  const none = await forecastRun(engine, params, { ...plenty, memory: 1000 });
  expect(none).toMatchObject({ offers: [], secondsPerStep: 0, freeMemoryBytes: 1000 });
  expect(none.problem).toMatch(/^It needs about 0\.\d GB of memory; 0\.0 GB can be used/);
  // a little less than what it takes
  const room = none.memoryBytes - 1000;
  const tight = await forecastRun(engine, params, { ...plenty, memory: room + 512 * 2 ** 20 });
  expect(tight.problem).not.toBeNull();
  expect(tight.offers.map(({ method }) => method)).toEqual([undefined, undefined, 'lora', 'last-blocks']);
  expect(tight.offers[0]!.settings).toEqual({ microBatch: 16, recompute: true });
  const atOnce = tight.offers[1]!.settings.microBatch!;
  expect([8, 4, 2, 1]).toContain(atOnce);
  for (const { settings } of tight.offers.slice(1)) expect(settings.microBatch).toBe(atOnce);
  for (const offer of tight.offers) expect(offer.memoryBytes).toBeLessThanOrEqual(room);
  for (const offer of tight.offers.slice(0, 2)) {
    const taken = await forecastRun(
      engine,
      { ...params, method: offer.method ?? params.method, settings: { ...params.settings, ...offer.settings } },
      { ...plenty, memory: room + 512 * 2 ** 20 },
    );
    expect(taken.problem).toBeNull();
  }
  const full = await forecastRun(engine, params, { ...plenty, disk: 1000 });
  expect(full.problem).toMatch(/on the disk of/);
  expect(full.problem).toContain(engine.dirs.data);
  expect(full.offers).toEqual([]); // less memory makes no room on the disk
  const nearly = await forecastRun(engine, params, { ...plenty, disk: none.diskBytes - 1000 });
  expect(nearly.offers.map(({ method }) => method)).toEqual(['lora', 'last-blocks']); // smaller checkpoints
});

test('offers the vision encoder alone where both are too much', async () => {
  const { engine } = lab.running;
  const settings = { ...quick, batch: 16 };
  const params = finetuneParams.parse({ datasetId, model: { id: 'tiny-clip' }, method: 'lora', shots: 4, settings });
  const { memoryBytes, settings: own } = await forecastRun(engine, params, { memory: 1000, disk: 2 ** 40 });
  expect(own.encoders).toBe('both');
  // less than fewer images at once save; the vocabulary's vectors are 6 MB, and are there several times
  const tight = { memory: memoryBytes - 10e6 + 512 * 2 ** 20, disk: 2 ** 40 };
  const { problem, offers } = await forecastRun(engine, params, tight);
  expect(problem).not.toBeNull();
  const [offer] = offers;
  expect(offer).toMatchObject({ label: 'LoRA on the vision encoder alone', settings: { encoders: 'vision' } });
  const taken = await forecastRun(engine, { ...params, settings: { ...settings, ...offer!.settings } }, tight);
  expect(taken.problem).toBeNull();
});

test('says that the folder is gone where it goes while a step is measured', async () => {
  await paint(lab.at('leaving'), 4);
  const leaving = await lab.dataset('leaving');
  const params = finetuneParams.parse({ datasetId: leaving, model: { id: 'tiny-clip' }, method: 'fine-tune' });
  const { engine } = lab.running;
  const { augment } = engine.images;
  engine.images.augment = (...args) => {
    if (existsSync(lab.at('leaving'))) renameSync(lab.at('leaving'), lab.at('left'));
    return augment(...args);
  };
  try {
    await expect(forecastRun(engine, params)).rejects.toMatchObject({ code: 'offline' });
  } finally {
    engine.images.augment = augment;
  }
});

test('of a head alone trains no step', async () => {
  expect(await lab.forecast({ datasetId, settings: quick, method: 'zs-probe' })).toMatchObject({
    steps: 0,
    seconds: 0,
    problem: null,
  });
});
