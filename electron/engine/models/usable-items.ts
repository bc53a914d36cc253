// The items of a dataset that a model can be run on: every file that is there and decodes, labelled or not.
import path from 'node:path';
import type { Database } from 'better-sqlite3';
import { LabError } from '../../../shared/contract.ts';
import type { EmbedItem } from './embed-dataset.ts';

export type UsableItem = EmbedItem & { path: string; label: string | null };

/** In the order of their paths. Throws `not-found` when there is no such dataset. */
export function usableItems(db: Database, datasetId: number): UsableItem[] {
  const root = db.prepare('SELECT root FROM dataset WHERE id = ?').pluck().get(datasetId) as string | undefined;
  if (root === undefined) throw new LabError('not-found', `There is no dataset ${datasetId}.`);
  const rows = db
    .prepare(
      "SELECT item.id, path, hash, class.name AS label FROM item LEFT JOIN class ON class.id = class_id WHERE item.dataset_id = ? AND status = 'ok' AND hash <> '' ORDER BY path",
    )
    .all(datasetId) as Omit<UsableItem, 'file'>[];
  return rows.map((row) => ({ ...row, file: path.join(root, row.path) }));
}

/** Absolute path of one item. Throws `not-found`. */
export function fileOfItem(db: Database, itemId: number): string {
  const row = db
    .prepare('SELECT root, path FROM item JOIN dataset ON dataset.id = item.dataset_id WHERE item.id = ?')
    .get(itemId) as { root: string; path: string } | undefined;
  if (!row) throw new LabError('not-found', `There is no item ${itemId}.`);
  return path.join(row.root, row.path);
}
