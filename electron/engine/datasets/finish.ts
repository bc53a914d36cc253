// What a scan ends with: classes in order, where labels come from, a split, and the dataset ready to use.
import type { Engine } from '../context.ts';
import { assignSplits } from './split.ts';
import { datasetChanged } from './store.ts';
import { byNature } from './walk.ts';

/** `classFolders` stay classes even when they are empty, as long as the folder has labels at all. */
export async function finishScan(engine: Engine, datasetId: number, classFolders: string[]): Promise<void> {
  const { db } = engine;
  db.transaction(() => {
    const used = new Set(
      db
        .prepare('SELECT DISTINCT class_id FROM item WHERE dataset_id = ? AND class_id IS NOT NULL')
        .pluck()
        .all(datasetId),
    );
    const sources = db.prepare('SELECT DISTINCT label_by FROM item WHERE dataset_id = ?').pluck().all(datasetId);
    const labelSource = sources.includes('folders') ? 'folders' : sources.includes('list') ? 'list' : 'none';
    const folders = new Set(labelSource === 'folders' ? classFolders : []);
    const classes = db.prepare('SELECT id, name FROM class WHERE dataset_id = ?').all(datasetId) as {
      id: number;
      name: string;
    }[];
    const remove = db.prepare('DELETE FROM class WHERE id = ?');
    const place = db.prepare('UPDATE class SET position = ? WHERE id = ?');
    const kept = classes.filter(({ id, name }) => used.has(id) || folders.has(name));
    for (const { id } of classes) if (!kept.some((one) => one.id === id)) remove.run(id);
    for (const [position, { id }] of kept.sort((a, b) => byNature(a.name, b.name)).entries()) place.run(position, id);
    db.prepare('UPDATE dataset SET label_source = ? WHERE id = ?').run(labelSource, datasetId);
  })();
  await assignSplits(engine, datasetId);
  db.prepare(`UPDATE dataset SET state = 'ready' WHERE id = ?`).run(datasetId);
  datasetChanged(engine, datasetId);
}
