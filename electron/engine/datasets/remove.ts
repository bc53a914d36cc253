// Forgets a dataset: its rows, never the user's files. Only a demo that the lab itself put into its data folder goes with it.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Engine } from '../context.ts';
import { idWindows } from './roots.ts';
import { datasetChanged, datasetRow } from './store.ts';

/** Stored comparisons stay: they hold their own copy of what was tested. */
export async function removeDataset(engine: Engine, datasetId: number): Promise<void> {
  const { db, dirs } = engine;
  const row = datasetRow(db, datasetId);
  const remove = db.prepare('DELETE FROM item WHERE id BETWEEN ? AND ? AND dataset_id = ?');
  for await (const [first, last] of idWindows(db, datasetId, 2000)) remove.run(first, last, datasetId);
  db.prepare('DELETE FROM dataset WHERE id = ?').run(datasetId);
  datasetChanged(engine, datasetId);
  const relative = path.relative(path.resolve(dirs.data), path.resolve(row.root));
  const isInside = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
  if (row.demo && isInside) await rm(row.root, { recursive: true, force: true });
}
