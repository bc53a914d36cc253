// Runs of fine-tuning as rows of the data folder's database; their weights and checkpoints lie in a folder each.
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Database } from 'better-sqlite3';
import { LabError } from '../../../shared/contract.ts';
import type {
  FinetuneEpoch,
  FinetuneInfo,
  FinetuneParams,
  FinetuneReport,
  FinetuneRun,
  ResolvedSettings,
} from '../../../shared/finetune.ts';
import type { Engine } from '../context.ts';

type Row = {
  id: number;
  job_id: number;
  dataset_id: number;
  dataset_name: string;
  params: string;
  settings: string;
  epochs: string;
  saved: string;
  report: string | null;
  created_at: number;
};

/** Where a run keeps its checkpoints and weights. */
export const runFolder = ({ dirs }: Pick<Engine, 'dirs'>, id: number): string =>
  path.join(dirs.data, 'finetunes', String(id));

/** `settings`: as far as they are known before the job has looked at the data. Returns the run's id. */
export function insertRun(
  db: Database,
  run: { jobId: number; dataset: { id: number; name: string }; params: FinetuneParams; settings: ResolvedSettings },
): number {
  const { lastInsertRowid } = db
    .prepare(
      'INSERT INTO finetune (job_id, dataset_id, dataset_name, params, settings, created_at) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(
      run.jobId,
      run.dataset.id,
      run.dataset.name,
      JSON.stringify(run.params),
      JSON.stringify(run.settings),
      Date.now(),
    );
  return Number(lastInsertRowid);
}

/** Throws `not-found`. */
export function loadRun(db: Database, id: number): FinetuneRun {
  const row = db.prepare('SELECT * FROM finetune WHERE id = ?').get(id) as Row | undefined;
  if (!row) throw new LabError('not-found', `There is no run of fine-tuning ${id}. It may have been deleted.`);
  return {
    ...toInfo(row),
    params: JSON.parse(row.params) as FinetuneParams,
    settings: JSON.parse(row.settings) as ResolvedSettings,
    epochs: JSON.parse(row.epochs) as FinetuneEpoch[],
    report: row.report === null ? null : (JSON.parse(row.report) as FinetuneReport),
  };
}

/** Newest first. */
export const listRuns = (db: Database): FinetuneInfo[] =>
  (db.prepare('SELECT * FROM finetune ORDER BY id DESC').all() as Row[]).map(toInfo);

/** The run that a job belongs to; null when it was deleted. */
export const runOfJob = (db: Database, jobId: number): number | null =>
  (db.prepare('SELECT id FROM finetune WHERE job_id = ?').pluck().get(jobId) as number | undefined) ?? null;

export const setSettings = (db: Database, id: number, settings: ResolvedSettings): void =>
  set(db, 'settings', id, settings);
export const setEpochs = (db: Database, id: number, epochs: readonly FinetuneEpoch[]): void =>
  set(db, 'epochs', id, epochs);
export const setReport = (db: Database, id: number, report: FinetuneReport): void => set(db, 'report', id, report);

/** Notes that a model was saved from the run; once, however often it is said. */
export function addSaved(db: Database, id: number, modelId: string): void {
  const { saved } = loadRun(db, id);
  if (!saved.includes(modelId)) set(db, 'saved', id, [...saved, modelId]);
}

/** Forgets a run and removes its folder; models saved from it stay. Throws `not-found`. */
export function deleteRun(engine: Pick<Engine, 'db' | 'dirs'>, id: number): void {
  loadRun(engine.db, id);
  engine.db.prepare('DELETE FROM finetune WHERE id = ?').run(id);
  rmSync(runFolder(engine, id), { recursive: true, force: true });
}

function set(db: Database, column: 'settings' | 'epochs' | 'saved' | 'report', id: number, value: unknown): void {
  db.prepare(`UPDATE finetune SET ${column} = ? WHERE id = ?`).run(JSON.stringify(value), id);
}

function toInfo(row: Row): FinetuneInfo {
  const params = JSON.parse(row.params) as FinetuneParams;
  const report = row.report === null ? null : (JSON.parse(row.report) as FinetuneReport);
  return {
    id: row.id,
    jobId: row.job_id,
    datasetId: row.dataset_id,
    datasetName: row.dataset_name,
    model: params.model.id,
    method: params.method,
    shots: params.shots,
    seed: params.seed,
    createdAt: new Date(row.created_at).toISOString(),
    accuracy: report?.test.accuracy ?? null,
    saved: JSON.parse(row.saved) as string[],
  };
}
