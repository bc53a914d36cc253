// Makes a dataset equal to its folder again, and follows a folder that has moved (relink). Items keep their ids and labels.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { LabError, type RescanResult } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { fullPath } from '../paths.ts';
import { finishScan } from './finish.ts';
import { fsReason } from './fs-reason.ts';
import { refuseTwin } from './import.ts';
import { isListName } from './list.ts';
import { type ScanHooks, scanFiles } from './scan.ts';
import { type DatasetRow, datasetChanged, datasetRow } from './store.ts';

/** Throws `offline` (nothing is deleted) when the folder cannot be reached, `no-space` on a full disk. */
export async function rescanDataset(engine: Engine, datasetId: number, hooks: ScanHooks = {}): Promise<RescanResult> {
  const row = datasetRow(engine.db, datasetId);
  const { classFolders, found: _found, ...result } = await scanFiles(engine, row, { moves: true }, hooks);
  await finishScan(engine, datasetId, classFolders);
  return result;
}

/**
 * Points a dataset at another folder (or list); a re-scan has to follow. Throws `bad-request` when the folder holds none of the
 * dataset's files, `conflict` when it belongs to another dataset.
 */
export async function relinkDataset(engine: Engine, datasetId: number, given: string): Promise<void> {
  const { db } = engine;
  const row = datasetRow(db, datasetId);
  const place = await newPlace(row, fullPath(given));
  await refuseTwin(engine, place, datasetId);
  if (!(await holdsSome(engine, row, place.root)))
    throw new LabError(
      'bad-request',
      `None of the files of ${row.name} is in ${place.root}. Choose the folder that now stands for ${row.root}; to use another set of images, import it as a new dataset.`,
    );
  db.prepare('UPDATE dataset SET root = ?, list = ? WHERE id = ?').run(place.root, place.list, datasetId);
  datasetChanged(engine, datasetId);
}

async function newPlace(row: DatasetRow, full: string): Promise<{ root: string; list: string | null }> {
  try {
    const info = await stat(full);
    if (info.isDirectory() && row.list === null) return { root: full, list: null };
    if (info.isDirectory()) {
      const list = path.join(full, path.basename(row.list!));
      await stat(list);
      return { root: full, list };
    }
    if (info.isFile() && row.list !== null && isListName(full)) return { root: path.dirname(full), list: full };
  } catch (error) {
    const at = (error as NodeJS.ErrnoException).path ?? full;
    throw new LabError('not-found', `${at}: ${fsReason(error)}.`, { cause: error });
  }
  throw new LabError('bad-request', `${full} is a file. Choose a folder.`);
}

const SAMPLE = 300;

/** Looks for a sample of the items, spread over the dataset, under the new root. */
async function holdsSome(engine: Engine, row: DatasetRow, root: string): Promise<boolean> {
  const { db } = engine;
  const count = db.prepare('SELECT count(*) FROM item WHERE dataset_id = ?').pluck().get(row.id) as number;
  if (count === 0) return true;
  const paths = db
    .prepare(`SELECT path FROM item WHERE dataset_id = ? AND id % ? = 0 ORDER BY path LIMIT ${SAMPLE}`)
    .pluck();
  const step = Math.max(1, Math.floor(count / SAMPLE));
  const sample = [
    ...(paths.all(row.id, step) as string[]),
    ...(db
      .prepare('SELECT path FROM item WHERE dataset_id = ? ORDER BY path LIMIT 20')
      .pluck()
      .all(row.id) as string[]),
  ];
  for (const at of sample) if ((await stat(path.join(root, at)).catch(() => null))?.isFile()) return true;
  return false;
}
