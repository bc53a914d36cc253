// A folder (or a list of files) becomes a dataset: its row at once, its items by a scan that can be cut off and go on.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { LabError, type Problem } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { IMAGE_EXTENSIONS } from '../images/header.ts';
import { fullPath } from '../paths.ts';
import { finishScan } from './finish.ts';
import { fsReason } from './fs-reason.ts';
import { isListName } from './list.ts';
import { sameFolder } from './roots.ts';
import { type ScanHooks, scanFiles } from './scan.ts';
import { classNames, type DatasetRow, datasetChanged, datasetRow } from './store.ts';
import { walkImages } from './walk.ts';

export type NewDataset = {
  /** A folder, or a CSV/JSON list of path,label[,split]. */
  path: string;
  name?: string | undefined;
  testFraction?: number | undefined;
  splitSeed?: number | undefined;
  /** Made by the lab itself. */
  demo?: boolean | undefined;
};

export type ImportResult = {
  datasetId: number;
  /** Usable items. */
  items: number;
  classes: string[];
  problems: number;
  seconds: number;
};

/** The dataset's row, `importing` and without items. Throws `not-found`, `bad-request`, or `conflict` naming the dataset that has this folder. */
export async function createDataset(engine: Engine, wish: NewDataset): Promise<number> {
  const { root, list } = await placeOfPath(wish.path);
  await refuseTwin(engine, { root, list });
  // Once more without a pause before the row: two clicks are two calls at once.
  const twin = engine.db.prepare('SELECT name FROM dataset WHERE root = ? AND list IS ?').pluck().get(root, list);
  if (twin !== undefined) throw twinError(list ?? root, String(twin));
  const name = wish.name?.trim() || path.basename(list === null ? root : list.replace(/\.[^.]+$/, '')) || root;
  const { lastInsertRowid } = engine.db
    .prepare(
      `INSERT INTO dataset (name, root, list, demo, state, split_seed, test_fraction, created_at)
       VALUES (?, ?, ?, ?, 'importing', ?, ?, ?)`,
    )
    .run(name, root, list, wish.demo ? 1 : 0, wish.splitSeed ?? 0, wish.testFraction ?? 0.2, Date.now());
  const id = Number(lastInsertRowid);
  datasetChanged(engine, id);
  return id;
}

const LOOK_MS = 3000;

/** Throws `bad-request` when a folder holds no image at all, so that a wrong choice is told at once; a huge one gets the benefit of the doubt. */
export async function requireImages(given: string): Promise<void> {
  const { root, list } = await placeOfPath(given);
  if (list !== null) return;
  const signal = AbortSignal.timeout(LOOK_MS);
  try {
    for await (const _found of walkImages(root, 1, { signal })) return;
  } catch (error) {
    if (signal.aborted) return;
    throw new LabError('bad-request', `${root} cannot be read: ${fsReason(error)}.`, { cause: error });
  }
  throw noImages(root);
}

const noImages = (root: string): LabError =>
  new LabError('bad-request', `There are no images in ${root}. The lab reads ${[...IMAGE_EXTENSIONS].join(' ')}.`);

/**
 * Reads the files of a new dataset; running it again after it was cut off goes on where it stopped.
 * Throws `bad-request` (and takes the row away) when there is no image, `offline` or `no-space` when it can go on later.
 */
export async function importDataset(engine: Engine, datasetId: number, hooks: ScanHooks = {}): Promise<ImportResult> {
  const started = performance.now();
  const row = datasetRow(engine.db, datasetId);
  try {
    const { found, classFolders } = await scanFiles(engine, row, { moves: false }, hooks);
    if (found === 0) throw noImages(row.root);
    refuseListOfNothing(engine, row, found);
    await finishScan(engine, datasetId, classFolders);
  } catch (error) {
    if (error instanceof LabError && error.code === 'bad-request') forgetUnread(engine, datasetId);
    throw error;
  }
  return { ...summary(engine, datasetId), seconds: (performance.now() - started) / 1000 };
}

/** `createDataset` and `importDataset` in one, for callers without a job queue. */
export async function importFolder(engine: Engine, wish: NewDataset, hooks: ScanHooks = {}): Promise<ImportResult> {
  return importDataset(engine, await createDataset(engine, wish), hooks);
}

/** Throws `conflict` when a dataset other than `but` stands for this folder or list already. */
export async function refuseTwin(
  engine: Engine,
  place: { root: string; list: string | null },
  but = -1,
): Promise<void> {
  const rows = engine.db.prepare('SELECT * FROM dataset WHERE id <> ?').all(but) as DatasetRow[];
  const at = place.list ?? place.root;
  for (const row of rows)
    if ((row.list === null) === (place.list === null) && (await sameFolder(row.list ?? row.root, at)))
      throw twinError(at, row.name);
}

const twinError = (at: string, name: string): LabError =>
  new LabError(
    'conflict',
    `${at} is the dataset "${name}" already. Re-scan it to find what is new, or delete it first.`,
  );

/** Every problem of a dataset in the order of the paths. */
export const listProblems = (engine: Engine, datasetId: number): Problem[] =>
  engine.db
    .prepare(`SELECT path, reason FROM item WHERE dataset_id = ? AND status = 'problem' ORDER BY path`)
    .all(datasetId) as Problem[];

function summary(engine: Engine, datasetId: number): Omit<ImportResult, 'seconds'> {
  const counts = engine.db
    .prepare(
      `SELECT coalesce(sum(status <> 'problem'), 0) AS items, coalesce(sum(status = 'problem'), 0) AS problems FROM item WHERE dataset_id = ?`,
    )
    .get(datasetId) as { items: number; problems: number };
  return { datasetId, ...counts, classes: classNames(engine.db, datasetId) };
}

/** A list whose every path is wrong was most likely written for another folder. */
function refuseListOfNothing(engine: Engine, row: DatasetRow, found: number): void {
  if (row.list === null) return;
  const there = engine.db.prepare(`SELECT 1 FROM item WHERE dataset_id = ? AND hash <> '' LIMIT 1`).get(row.id);
  if (there !== undefined) return;
  const first = engine.db.prepare('SELECT path, reason FROM item WHERE dataset_id = ? ORDER BY id').get(row.id) as
    | Problem
    | undefined;
  const example = first ? ` The first, ${first.path}: ${first.reason}.` : '';
  throw new LabError(
    'bad-request',
    `None of the ${found} files named in ${row.list} can be read.${example} Paths are taken relative to ${row.root}.`,
  );
}

/** A dataset that never had a readable file is no dataset. */
function forgetUnread(engine: Engine, datasetId: number): void {
  const { db } = engine;
  if (db.prepare(`SELECT 1 FROM item WHERE dataset_id = ? AND hash <> '' LIMIT 1`).get(datasetId)) return;
  db.prepare('DELETE FROM dataset WHERE id = ?').run(datasetId);
  datasetChanged(engine, datasetId);
}

/** The root and, for a list, the list. */
async function placeOfPath(given: string): Promise<{ root: string; list: string | null }> {
  const full = fullPath(given);
  try {
    const info = await stat(full);
    if (info.isDirectory()) return { root: full, list: null };
    if (info.isFile() && isListName(full)) return { root: path.dirname(full), list: full };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new LabError('not-found', `There is no folder ${full}.`, { cause: error });
    throw new LabError('bad-request', `${full} cannot be opened: ${fsReason(error)}.`, { cause: error });
  }
  throw new LabError(
    'bad-request',
    `${full} is a file. Choose the folder that holds the images, or a .csv or .json list of path,label[,split].`,
  );
}
