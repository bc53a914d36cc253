// A comparison that was cut off and is resumed, on a whole engine over real files.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine, type RunningEngine } from '../../../electron/engine/engine.ts';
import { storedOutcome } from '../../../electron/engine/report/outcome.ts';
import { compareParams, type Job } from '../../../shared/contract.ts';
import { drawImages } from '../../cli/lab.ts';

let dir: string;
let lab: RunningEngine;
let datasetId: number;
const open = () => createEngine({ host: 'cli', dataDir: path.join(dir, 'data'), modelsDirs: [] });
const rows = (id: number) =>
  lab.engine.db.prepare('SELECT count(*) FROM comparison_row WHERE comparison_id = ?').pluck().get(id) as number;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'lab-compare-job-'));
  await drawImages(path.join(dir, 'shapes'), 20);
  lab = await open();
  await lab.handlers['settings.set']({ device: 'cpu', threads: 1, demoMade: true });
  const started = await lab.handlers['dataset.import']({
    path: path.join(dir, 'shapes'),
    testFraction: 0.5,
    splitSeed: 0,
  });
  await lab.engine.jobs.ended(started.job.id);
  datasetId = started.datasetId;
}, 60_000);
afterAll(async () => {
  await lab.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Begins a comparison, closes the engine once rows are there, and opens it again. */
async function cutOff(): Promise<{ id: number; job: Job; rows: number }> {
  const params = {
    datasetId,
    models: [{ id: 'hog' }],
    methods: ['linear-probe'],
    shots: [1, 2, 4],
    seeds: 100,
    threads: 1,
  };
  const { comparisonId: id, job } = await lab.handlers['compare.start'](compareParams.parse(params));
  await new Promise<void>((resolve) => {
    lab.on((event) => void (event === 'compare.changed' && resolve()));
  });
  await lab.close();
  lab = await open();
  const stored = rows(id);
  expect(stored).toBeGreaterThan(0);
  expect(stored).toBeLessThan(300);
  return { id, job, rows: stored };
}

/** Every row's predictions against the test items they are read with. */
function expectRowsToFit(id: number): void {
  const outcome = storedOutcome(lab.engine.db, id);
  expect(outcome.report.results).toHaveLength(300);
  for (const key of outcome.report.results) {
    const { predicted } = outcome.row(key)!;
    expect(predicted).toHaveLength(outcome.test.length);
    const right = outcome.test.filter((item, i) => outcome.report.classes[predicted[i]!] === item.label).length;
    expect(right / outcome.test.length).toBeCloseTo(key.accuracy, 12);
  }
}

test('keeps its rows where nothing has changed', async () => {
  const before = await cutOff();
  await lab.handlers['job.resume']({ id: before.job.id });
  const ended = await lab.engine.jobs.ended(before.job.id);
  expect(ended.status).toBe('done');
  expectRowsToFit(before.id);
  expect(await lab.handlers['job.log']({ id: before.job.id })).not.toContainEqual(
    expect.objectContaining({ level: 'warn' }),
  );
}, 120_000);

test('begins anew, saying so, where the split has changed meanwhile', async () => {
  const before = await cutOff();
  await lab.handlers['dataset.split']({ id: datasetId, mode: 'stratified', testFraction: 0.3, seed: 5 });
  await lab.handlers['job.resume']({ id: before.job.id });
  expect((await lab.engine.jobs.ended(before.job.id)).status).toBe('done');
  expectRowsToFit(before.id);
  expect(await lab.handlers['job.log']({ id: before.job.id })).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      text: expect.stringContaining(`its ${before.rows} rows are fitted anew`),
    }),
  );
}, 120_000);
