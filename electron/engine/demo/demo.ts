// The first start: a small dataset of icons and a comparison on it, computed here, so that there is a chart to look at.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { calls, type Handlers, type Job, LabError } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';

type Running = { engine: Engine; handlers: Handlers };

const ARCHIVE = 'demo-icons.zip';
const NAME = 'Demo icons';

/**
 * Makes the demo unless that is behind us: unpacks the icons, imports them, compares every method that applies on `hog`.
 * Each step looks for what an earlier start left, so a start that was killed is gone on with. Resolves when it has ended.
 */
export async function makeDemo(running: Running): Promise<void> {
  const { engine, handlers } = running;
  if (engine.settings().demoMade) return;
  const datasetId = await demoDataset(running);
  const ended = await finish(engine, await comparisonJob(running, datasetId));
  // Closing the lab in the middle interrupts it; whatever else became of it, the first start is over.
  if (ended && ended.status !== 'done' && ended.status !== 'cancelled' && ended.status !== 'failed') return;
  await handlers['settings.set']({ demoMade: true });
}

/** The imported demo dataset's id. Throws what the import failed with. */
export async function demoDataset({ engine, handlers }: Running): Promise<number> {
  const folder = unpackDemo(engine.dirs.shipped, engine.dirs.data);
  const found = engine.db.prepare('SELECT id FROM dataset WHERE demo = 1 OR root = ?').get(folder) as
    | { id: number }
    | undefined;
  const job = found
    ? lastJob(engine, 'import', found.id)
    : (await handlers['dataset.import'](calls['dataset.import'].parse({ path: folder, name: NAME }))).job;
  engine.db.prepare('UPDATE dataset SET demo = 1 WHERE root = ?').run(folder);
  const ended = await finish(engine, job);
  if (ended?.error) throw new LabError(ended.error.code, ended.error.message);
  if (ended && ended.status !== 'done') throw new LabError('cancelled', `The import of ${NAME} was stopped.`);
  const { id } = engine.db.prepare('SELECT id FROM dataset WHERE root = ?').get(folder) as { id: number };
  engine.push('dataset.changed', { id });
  return id;
}

/** Puts the icons under `data`/demo, all of them or none, and returns their folder. */
export function unpackDemo(shipped: string, data: string): string {
  const folder = path.join(data, 'demo');
  if (!existsSync(folder)) {
    const fresh = `${folder}.new`;
    rmSync(fresh, { recursive: true, force: true });
    for (const [name, bytes] of Object.entries(unzipSync(readFileSync(path.join(shipped, ARCHIVE))))) {
      mkdirSync(path.dirname(path.join(fresh, name)), { recursive: true });
      writeFileSync(path.join(fresh, name), bytes);
    }
    renameSync(fresh, folder);
  }
  return path.join(folder, 'icons');
}

/** The job of the comparison on the dataset, started unless there is one; null when its report is there. */
async function comparisonJob({ engine, handlers }: Running, datasetId: number): Promise<Job | null> {
  const own = engine.db
    .prepare(
      'SELECT job_id, report IS NOT NULL AS ended FROM comparison WHERE dataset_id = ? ORDER BY ended DESC, id DESC',
    )
    .get(datasetId) as { job_id: number; ended: number } | undefined;
  if (own?.ended) return null;
  if (own) return engine.jobs.get(own.job_id);
  const params = calls['compare.start'].parse({ datasetId, models: [{ id: 'hog' }] });
  return (await handlers['compare.start'](params)).job;
}

function lastJob(engine: Engine, kind: string, datasetId: number): Job | null {
  const row = engine.db
    .prepare(`SELECT id FROM job WHERE kind = ? AND json_extract(params, '$.datasetId') = ? ORDER BY id DESC`)
    .get(kind, datasetId) as { id: number } | undefined;
  return row ? engine.jobs.get(row.id) : null;
}

/** Resumes what was cut off and waits for its end. */
async function finish(engine: Engine, job: Job | null): Promise<Job | null> {
  if (!job) return null;
  if (job.resumable && job.status !== 'cancelled') engine.jobs.resume(job.id);
  return engine.jobs.ended(job.id);
}
