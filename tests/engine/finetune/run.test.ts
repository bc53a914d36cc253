// Every way of fine-tuning on a tiny CLIP, through the job queue: what it reports, and that it repeats to the last bit.
import { existsSync, readdirSync, truncateSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runFolder } from '../../../electron/engine/finetune/store.ts';
import type { FinetuneMethodId, FinetuneSettings } from '../../../shared/finetune.ts';
import { LOOK_NAMES, numbersOf, openLab, paint, SMALL, type TrainLab } from './lab.ts';

let lab: TrainLab;
let datasetId: number;
const CHANCE = 1 / LOOK_NAMES.length;
/** A tower of 2 blocks with 64 channels, a patch of 32 px and a projection to 32; 4 classes. */
const HEAD = 4 * 33;

beforeAll(async () => {
  lab = await openLab();
  await paint(lab.at('looks'), 15);
  datasetId = await lab.dataset('looks');
}, 60_000);
afterAll(() => lab.close());

describe('every method runs, learns, and reports what it did', () => {
  const cases: [FinetuneMethodId, FinetuneSettings, 'zero-shot' | 'probe'][] = [
    ['fine-tune', {}, 'zero-shot'],
    ['last-blocks', { blocks: 1 }, 'zero-shot'],
    ['lora', { rank: 4, alpha: 8, targets: ['all'], dropout: 0.25 }, 'zero-shot'],
    ['biases', { lr: 1e-2 }, 'zero-shot'],
    ['lp-ft', {}, 'probe'],
  ];
  const trained = new Map<string, number>();
  test.each(cases)('%s', async (method, settings, head) => {
    const params = { datasetId, method, settings: { ...SMALL, epochs: 6, ...settings } };
    const { id, ended } = await lab.start(params);
    const job = await ended;
    expect(job.error).toBeNull();
    const run = await lab.running.handlers['finetune.get']({ id });
    const report = run.report!;
    expect(report).toMatchObject({
      version: 1,
      method,
      model: { id: 'tiny-clip', output: 'image_embeds' },
      dataset: { name: 'looks' },
      classes: LOOK_NAMES,
      shots: 4,
      seed: 0,
      head,
      ended: 'all epochs',
      device: 'cpu',
      counts: { train: 16, validation: 16, test: 24, excluded: 0 },
      excluded: [],
      control: null,
      controlProblem: null,
    });
    expect(run.settings).toEqual(report.settings);
    expect(run.epochs).toEqual(report.epochs);
    expect(report.epochs.map((row) => [row.epoch, row.step])).toEqual([1, 2, 3, 4, 5, 6].map((n) => [n, 2 * n]));
    expect(report.epochs.at(-1)!.trainLoss).toBeLessThan(report.epochs[0]!.trainLoss);
    const best = report.epochs[report.best - 1]!;
    for (const row of report.epochs) expect(row.valAccuracy!).toBeLessThanOrEqual(best.valAccuracy!);
    expect(report.wise.map(({ alpha }) => alpha)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    expect(report.wise.at(-1)!.validation).toBe(best.valAccuracy);
    expect(report.test.accuracy).toBeGreaterThan(CHANCE + 0.2);
    expect(Object.keys(report.test.perClass)).toEqual(LOOK_NAMES);
    expect(report.before.zeroShot).not.toBeNull();
    expect(report.before.probe).toBeGreaterThan(CHANCE);
    expect(report.seconds).toBeGreaterThan(0);
    expect(report.peakBytes).toBeGreaterThan(50e6);
    expect(job.result).toMatchObject({ finetuneId: id, accuracy: report.test.accuracy });
    expect(job).toMatchObject({ done: 12, total: 12, unit: 'steps' });
    expect(existsSync(`${runFolder(lab.running.engine, id)}/checkpoint.safetensors`)).toBe(false);
    trained.set(method, report.trainedParameters);
    expect(report.parameters).toBeGreaterThanOrEqual(report.trainedParameters);
  });
  test('how many numbers each trains', () => {
    const part = (method: string) => trained.get(method)! - HEAD;
    expect(part('fine-tune')).toBe(part('lp-ft'));
    expect(part('fine-tune')).toBeGreaterThan(part('last-blocks'));
    expect(part('last-blocks')).toBeGreaterThan(part('lora'));
    expect(part('biases')).toBeLessThan(part('last-blocks'));
    expect(part('biases')).toBeGreaterThan(0);
  });
  test.each(['zs-probe', 'clap'] as const)('%s changes the head alone', async (method) => {
    const report = await lab.report({ datasetId, method });
    expect(report).toMatchObject({ head: 'zero-shot', epochs: [], wise: [], best: 0, trainedParameters: 4 * 32 });
    expect(report.test.accuracy).toBeGreaterThan(CHANCE);
  });
});

test('a class whose images are all broken is left out with the reason, and the others are trained on', async () => {
  // numbered as no other: no features are kept of them yet
  const broken = async (from: number, classes: readonly string[]) => {
    const name = `broken-${from}`;
    await paint(lab.at(name), 8, { from });
    const id = await lab.dataset(name);
    for (const one of classes)
      for (const file of readdirSync(lab.at(name, one))) truncateSync(lab.at(name, one, file), 300);
    return lab.report({ datasetId: id, shots: 2 });
  };
  const report = await broken(100, ['blue']);
  expect(report.classes).toEqual(['amber', 'checked', 'grey']);
  expect(report.excluded.filter(({ path: file }) => file.startsWith('blue'))).toHaveLength(8 + 1);
  expect(report.excluded.at(-1)).toEqual({ path: 'blue', reason: 'the class has no usable image' });
  await expect(broken(200, ['amber', 'blue', 'checked'])).rejects.toThrow(
    /Only grey has images that can be read: 4 classes were there\. See the problems under Data/,
  );
});

describe('numbers repeat', () => {
  const settings = { ...SMALL, epochs: 3, augment: 'strong' as const };
  test('with the same seed to the last bit, with another one not', async () => {
    const one = await lab.report({ datasetId, settings });
    const again = await lab.report({ datasetId, settings });
    const other = await lab.report({ datasetId, settings, seed: 1 });
    expect(numbersOf(again)).toEqual(numbersOf(one));
    expect(other.epochs[0]!.trainLoss).not.toBe(one.epochs[0]!.trainLoss);
  });
  test('dropout too, and it is not the same for each micro-batch', async () => {
    const lora = {
      ...settings,
      targets: ['all' as const],
      rank: 4,
      dropout: 0.5,
      augment: 'none' as const,
      microBatch: 2,
    };
    const one = await lab.report({ datasetId, method: 'lora', settings: lora });
    expect(numbersOf(await lab.report({ datasetId, method: 'lora', settings: lora }))).toEqual(numbersOf(one));
    expect(one.settings).toMatchObject({ batch: 8, microBatch: 2, dropout: 0.5, augment: 'none' });
  });
});

describe('settings', () => {
  test('micro-batches add up to the batch', async () => {
    const settings = { ...SMALL, epochs: 3, augment: 'none' as const };
    const whole = await lab.report({ datasetId, settings });
    const parts = await lab.report({ datasetId, settings: { ...settings, microBatch: 2 } });
    expect(parts.settings).toMatchObject({ batch: 8, microBatch: 2 });
    for (const [i, { trainLoss }] of parts.epochs.entries()) {
      expect(trainLoss).not.toBe(0);
      expect(Math.abs(trainLoss / whole.epochs[i]!.trainLoss - 1)).toBeLessThan(0.01);
    }
    // 3 does not divide 8: the next that does
    expect(
      (await lab.report({ datasetId, settings: { ...SMALL, epochs: 1, microBatch: 3 } })).settings.microBatch,
    ).toBe(2);
  });
  test('a moving average is what is validated, tested and kept', async () => {
    const settings = { ...SMALL, epochs: 3, augment: 'none' as const };
    const still = await lab.report({ datasetId, settings: { ...settings, ema: 0.999_999 } });
    const plain = await lab.report({ datasetId, settings });
    // so slow an average stays where it began
    expect(still.test.accuracy).toBe(still.before.zeroShot);
    expect(still.epochs.map((row) => row.trainLoss)).toEqual(plain.epochs.map((row) => row.trainLoss));
    expect(still.epochs.at(-1)!.valLoss).not.toBe(plain.epochs.at(-1)!.valLoss);
    expect(still.epochs.at(-1)!.valLoss).toBeCloseTo(still.epochs[0]!.valLoss!, 3);
  });
  test('training stops early where it gets no better', async () => {
    const report = await lab.report({ datasetId, settings: { ...SMALL, epochs: 40, lr: 0.05, patience: 2 } });
    expect(report.ended).toBe('no better for a while');
    expect(report.epochs.length).toBe(report.best + 2);
    expect(report.epochs.length).toBeLessThan(40);
  });
  test('clipping, smoothing, decay and a rate for each block change the run', async () => {
    const base = { ...SMALL, augment: 'none' as const };
    const losses = async (more: FinetuneSettings) =>
      (await lab.report({ datasetId, settings: { ...base, ...more } })).epochs.map((row) => row.trainLoss);
    const plain = await losses({});
    for (const more of [
      { clip: 0.01 },
      { smoothing: 0.1 },
      { weightDecay: 1, lr: 1e-2 },
      { blockRate: 0.1 },
      { warmup: 0.9 },
    ])
      expect(await losses(more), JSON.stringify(more)).not.toEqual(plain);
  });
});

describe('few images', () => {
  test('one shot: the batch is no larger than the set', async () => {
    const report = await lab.report({ datasetId, shots: 1, settings: { epochs: 2 } });
    expect(report.settings.batch).toBe(4);
    expect(report.counts).toMatchObject({ train: 4, validation: 4 });
    expect(report.epochs.map((row) => row.step)).toEqual([1, 2]);
  });
  test('all, and a last batch that is not full', async () => {
    const report = await lab.report({ datasetId, shots: 'all', settings: { ...SMALL, epochs: 1, batch: 16 } });
    expect(report.counts).toMatchObject({ train: 20, validation: 16, test: 24 });
    expect(report.epochs).toHaveLength(1);
    expect(report.epochs[0]!.step).toBe(2);
  });
  test('two classes of two images, none of them left to validate on', async () => {
    await paint(lab.at('pair'), 3, { classes: ['amber', 'blue'] });
    const pair = await lab.dataset('pair');
    const report = await lab.report({ datasetId: pair, shots: 2, settings: { ...SMALL, patience: 1 } });
    expect(report.counts).toMatchObject({ train: 4, validation: 0, test: 2 });
    expect(report.epochs.map((row) => [row.valAccuracy, row.valLoss])).toEqual([
      [null, null],
      [null, null],
    ]);
    expect(report).toMatchObject({ best: 2, ended: 'all epochs' });
    expect(report.wise.every(({ validation }) => validation === null)).toBe(true);
  });
});

test('activations worked out again: the numbers of a run that keeps them', async () => {
  const settings = { ...SMALL, epochs: 2, augment: 'none' as const };
  const kept = await lab.report({ datasetId, settings });
  const again = await lab.report({ datasetId, settings: { ...settings, recompute: true } });
  expect(again.settings).toEqual({ ...kept.settings, recompute: true });
  for (const [i, { trainLoss }] of again.epochs.entries())
    expect(Math.abs(trainLoss / kept.epochs[i]!.trainLoss - 1)).toBeLessThan(1e-4);
});
