// The root folder of a dataset: whether it can be reached now, what happens to its items when it cannot, and when it is back.
import { opendir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as breath } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { type ErrorCode, LabError } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { fsReason } from './fs-reason.ts';
import { type DatasetRow, datasetChanged, datasetRow } from './store.ts';

/**
 * Null when the folder can be listed and holds something; else why it counts as unplugged. A bare mount point is empty.
 * Asynchronous, as everything here that touches a root: a share that hangs must not hold the engine.
 */
export async function whyUnreachable(root: string): Promise<string | null> {
  try {
    for await (const _entry of await opendir(root)) return null;
    return 'it is empty now';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return 'it is no longer a folder';
    return code === 'ENOENT' ? 'it is not there' : fsReason(error);
  }
}

export const offlineError = (row: Pick<DatasetRow, 'name' | 'root'>, why: string): LabError =>
  new LabError(
    'offline',
    `The folder of ${row.name} cannot be reached: ${row.root} (${why}). Plug the drive in or connect the share and resume; if the folder has moved, relink the dataset.`,
  );

/**
 * Throws `offline` (and marks the dataset and its items) when the root cannot be reached; brings them back when it can.
 * For every job that reads images: call it at the start, and when files begin to fail.
 */
export async function ensureOnline(engine: Pick<Engine, 'db' | 'push'>, datasetId: number): Promise<void> {
  const row = datasetRow(engine.db, datasetId);
  const why = await whyUnreachable(row.root);
  if (why) {
    await markOffline(engine, datasetId);
    throw offlineError(row, why);
  }
  if (row.state === 'offline') await markOnline(engine, datasetId);
}

/** Nothing is deleted: usable items wait as `offline`. A dataset in mid-import stays `importing`. */
export async function markOffline(engine: Pick<Engine, 'db' | 'push'>, datasetId: number): Promise<void> {
  engine.db.prepare(`UPDATE dataset SET state = 'offline' WHERE id = ? AND state = 'ready'`).run(datasetId);
  const mark = engine.db.prepare(
    `UPDATE item SET status = 'offline' WHERE id BETWEEN ? AND ? AND dataset_id = ? AND status = 'ok'`,
  );
  for await (const [first, last] of idWindows(engine.db, datasetId)) mark.run(first, last, datasetId);
  datasetChanged(engine, datasetId);
}

/** The opposite of `markOffline`; files that are really gone are found by the next re-scan. */
export async function markOnline(engine: Pick<Engine, 'db' | 'push'>, datasetId: number): Promise<void> {
  const mark = engine.db.prepare(
    `UPDATE item SET status = 'ok' WHERE id BETWEEN ? AND ? AND dataset_id = ? AND status = 'offline'`,
  );
  for await (const [first, last] of idWindows(engine.db, datasetId)) mark.run(first, last, datasetId);
  engine.db.prepare(`UPDATE dataset SET state = 'ready' WHERE id = ? AND state = 'offline'`).run(datasetId);
  datasetChanged(engine, datasetId);
}

/** Ranges of item ids that together cover a dataset, with a breath between them so that the engine goes on answering. */
export async function* idWindows(db: Database, datasetId: number, step = 4000): AsyncGenerator<[number, number]> {
  const { first, last } = db
    .prepare('SELECT min(id) AS first, max(id) AS last FROM item WHERE dataset_id = ?')
    .get(datasetId) as { first: number | null; last: number | null };
  if (first === null || last === null) return;
  for (let from = first; from <= last; from += step) {
    yield [from, from + step - 1];
    await breath();
  }
}

/** One folder under two names (a link, another case) is one folder. */
export async function sameFolder(a: string, b: string): Promise<boolean> {
  if (path.resolve(a) === path.resolve(b)) return true;
  const [trueA, trueB] = await Promise.all([realpath(a).catch(() => null), realpath(b).catch(() => null)]);
  return trueA !== null && trueA === trueB;
}

/** Turns a full disk into a LabError that pauses the job; other errors pass as they are. */
export function asSpaceError(error: unknown): unknown {
  const { code } = error as { code?: string };
  const full: readonly (string | undefined)[] = ['SQLITE_FULL', 'ENOSPC', 'EDQUOT'];
  const noSpace: ErrorCode = 'no-space';
  return full.includes(code)
    ? new LabError(noSpace, 'The disk that holds the lab’s data folder is full. Make room, then resume.', {
        cause: error,
      })
    : error;
}
