// Runs as rows: what is kept of one, in which order they are listed, and that deleting one removes its folder and nothing else.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../../electron/engine/context.ts';
import { openDatabase } from '../../../electron/engine/db/open.ts';
import {
  addSaved,
  deleteRun,
  insertRun,
  listRuns,
  loadRun,
  runFolder,
  runOfJob,
  setEpochs,
  setReport,
  setSettings,
} from '../../../electron/engine/finetune/store.ts';
import { type FinetuneReport, finetuneParams, type ResolvedSettings } from '../../../shared/finetune.ts';

let dir: string;
let db: Database;
let engine: Pick<Engine, 'db' | 'dirs'>;
beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'lab-finetune-'));
  db = await openDatabase(path.join(dir, 'lab.sqlite'));
  engine = { db, dirs: { data: dir } as Engine['dirs'] };
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const settings = { epochs: 3, lr: 1e-4 } as ResolvedSettings;
const params = finetuneParams.parse({ datasetId: 7, model: { id: 'clip' }, method: 'lora', shots: 4, seed: 2 });
const insert = (jobId: number) => insertRun(db, { jobId, dataset: { id: 7, name: 'flowers' }, params, settings });

test('a run keeps what it was asked, and is found by its job', () => {
  const id = insert(31);
  expect(loadRun(db, id)).toMatchObject({
    id,
    jobId: 31,
    datasetId: 7,
    datasetName: 'flowers',
    model: 'clip',
    method: 'lora',
    shots: 4,
    seed: 2,
    accuracy: null,
    saved: [],
    params,
    settings,
    epochs: [],
    report: null,
  });
  expect(runOfJob(db, 31)).toBe(id);
  expect(runOfJob(db, 32)).toBeNull();
  expect(() => loadRun(db, 99)).toThrow(/no run of fine-tuning 99/);
});

test('what the job tells is read back, and the list has the accuracy, newest first', () => {
  const [first, second] = [insert(1), insert(2)];
  setSettings(db, first, { ...settings, epochs: 9 });
  const epochs = [{ epoch: 1, step: 4, trainLoss: 2, valAccuracy: 0.5, valLoss: 1, lr: 1e-4, imagesPerSecond: 8 }];
  setEpochs(db, first, epochs);
  setReport(db, first, { test: { accuracy: 0.75 } } as FinetuneReport);
  addSaved(db, first, 'mine');
  addSaved(db, first, 'mine');
  expect(loadRun(db, first)).toMatchObject({ settings: { epochs: 9 }, epochs, accuracy: 0.75, saved: ['mine'] });
  expect(listRuns(db).map(({ id, accuracy }) => [id, accuracy])).toEqual([
    [second, null],
    [first, 0.75],
  ]);
});

test('deleting a run removes its folder, and no other', () => {
  const [first, second] = [insert(1), insert(2)];
  for (const id of [first, second]) {
    mkdirSync(runFolder(engine, id), { recursive: true });
    writeFileSync(path.join(runFolder(engine, id), 'best.safetensors'), 'x');
  }
  deleteRun(engine, first);
  expect(existsSync(runFolder(engine, first))).toBe(false);
  expect(existsSync(runFolder(engine, second))).toBe(true);
  expect(listRuns(db).map(({ id }) => id)).toEqual([second]);
  expect(() => deleteRun(engine, first)).toThrow(/may have been deleted/);
});
