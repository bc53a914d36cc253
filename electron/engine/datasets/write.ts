// The statements that change items, and the rule for labels: one set from the folder follows the folder, one set by the
// user follows the content.
import type { Database } from 'better-sqlite3';
import type { Split } from '../../../shared/contract.ts';
import type { Taken } from './read-all.ts';
import type { DatasetRow } from './store.ts';

export type KnownItem = {
  id: number;
  path: string;
  hash: string;
  size: number;
  mtime: number;
  class_id: number | null;
  label_by: 'folders' | 'list' | 'user' | null;
  split: Split | null;
  folder_split: Split | null;
  status: 'ok' | 'problem' | 'offline';
};

const KNOWN = 'id, path, hash, size, mtime, class_id, label_by, split, folder_split, status';

/** Everything a scan writes. Each function is one small change; the caller wraps a batch of them in a transaction. */
export function itemWriter(db: Database, dataset: Pick<DatasetRow, 'id' | 'list' | 'split_source'>) {
  const source = dataset.list === null ? 'folders' : 'list';
  const classes = new Map<string, number>();
  const sql = statements(db);
  const names = new Map<number, string>();
  for (const row of sql.classes.all(dataset.id) as { id: number; name: string }[]) {
    classes.set(row.name, row.id);
    names.set(row.id, row.name);
  }

  function classId(name: string | null): number | null {
    if (name === null) return null;
    const known = classes.get(name);
    if (known !== undefined) return known;
    const id = Number(sql.addClass.run(dataset.id, name, classes.size).lastInsertRowid);
    classes.set(name, id);
    names.set(id, name);
    return id;
  }

  /** What the folders say, unless the dataset has its own split; new items of that one wait for `assignSplits`. */
  const splitFor = (folder: Split | null, kept: Split | null): Split | null => {
    if (dataset.split_source !== 'stratified') return folder;
    return folder === 'val' ? 'val' : kept === 'val' ? null : kept;
  };

  function log(id: number, hash: string, from: number | null, to: number | null, why: string): void {
    if (from === to) return;
    const name = (classId: number | null) => (classId === null ? null : (names.get(classId) ?? null));
    sql.log.run(dataset.id, id, hash, name(to), name(from), why, Date.now());
  }

  // Asked once: looking for every new file would cost an import as much as an index.
  const hasUserLabels = sql.anyUserLabel.get(dataset.id) !== undefined;

  function add({ found, reading }: Taken): number {
    // The user's label comes back with its content, when that was away and is nowhere else.
    const restored =
      hasUserLabels && reading.hash
        ? (sql.userLabel.get(dataset.id, reading.hash) as { label: string | null } | undefined)
        : undefined;
    const byUser = restored !== undefined && sql.hasContent.get(dataset.id, reading.hash) === undefined;
    const label = byUser ? classId(restored.label) : classId(found.label);
    const by = byUser ? 'user' : label === null ? null : source;
    const { lastInsertRowid } = sql.add.run(
      dataset.id,
      reading.found,
      reading.hash,
      reading.size,
      reading.mtime,
      reading.width,
      reading.height,
      reading.format,
      label,
      by,
      splitFor(found.split, null),
      found.split,
      reading.reason === null ? 'ok' : 'problem',
      reading.reason,
    );
    return Number(lastInsertRowid);
  }

  /** Gives a known item the place (label, split) its file has now. */
  function place(item: KnownItem, { found, reading }: Taken, why: string): void {
    const label = item.label_by === 'user' ? item.class_id : classId(found.label);
    const by = item.label_by === 'user' ? 'user' : label === null ? null : source;
    const split = splitFor(found.split, item.split);
    if (label === item.class_id && by === item.label_by && split === item.split && found.split === item.folder_split)
      return;
    sql.place.run(label, by, split, found.split, item.id);
    log(item.id, reading.hash || item.hash, item.class_id, label, why);
  }

  return {
    classId,
    knownAt: (path: string) => sql.knownAt.get(dataset.id, path) as KnownItem | undefined,
    hasContent: (hash: string) => sql.hasContent.get(dataset.id, hash) !== undefined,
    /** Returns the new item's id; `logAdded` has to follow in the same transaction. */
    add,
    /** The labels that new items came with; `ids` follow each other. */
    logAdded(ids: number[]): void {
      if (ids.length > 0) sql.logAdded.run(Date.now(), ids[0], ids[ids.length - 1]);
    },
    /** The file is as it was. */
    keep(item: KnownItem, taken: Taken): void {
      if (item.status === 'offline') sql.online.run(item.id);
      place(item, taken, source);
    },
    /** The same path with other content, another time, or a fault: the item keeps its id and the user's label. */
    change(item: KnownItem, taken: Taken): void {
      const { reading } = taken;
      if (reading.kind === 'fault') sql.fault.run(reading.reason, item.id);
      else writeReading(item, taken);
      place(item, taken, source);
    },
    /** Its content is at another path now. */
    move(item: KnownItem, taken: Taken): void {
      sql.park.run(dataset.id, taken.reading.found, item.id);
      writeReading(item, taken);
      place(item, taken, 'moved');
    },
    offline: (id: number) => void sql.offline.run(id),
    remove: (id: number) => void sql.remove.run(id),
  };

  function writeReading(item: KnownItem, { reading }: Taken): void {
    const same = reading.hash === item.hash && item.status !== 'problem';
    sql.change.run(
      reading.found,
      reading.hash,
      reading.size,
      reading.mtime,
      reading.width,
      reading.height,
      reading.format,
      reading.reason === null ? 'ok' : 'problem',
      reading.reason,
      same ? 1 : 0,
      item.id,
    );
  }
}

const statements = (db: Database) => ({
  classes: db.prepare('SELECT id, name FROM class WHERE dataset_id = ?'),
  addClass: db.prepare('INSERT INTO class (dataset_id, name, position) VALUES (?, ?, ?)'),
  knownAt: db.prepare(`SELECT ${KNOWN} FROM item WHERE dataset_id = ? AND path = ?`),
  hasContent: db.prepare('SELECT 1 FROM item WHERE dataset_id = ? AND hash = ? LIMIT 1'),
  add: db.prepare(
    `INSERT INTO item (dataset_id, path, hash, size, mtime, width, height, format, class_id, label_by, split, folder_split, status, reason)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ),
  place: db.prepare('UPDATE item SET class_id = ?, label_by = ?, split = ?, folder_split = ? WHERE id = ?'),
  log: db.prepare(
    'INSERT INTO label_log (dataset_id, item_id, hash, label, previous, source, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
  ),
  logAdded: db.prepare(
    `INSERT INTO label_log (dataset_id, item_id, hash, label, previous, source, at)
     SELECT item.dataset_id, item.id, hash, name, NULL, CASE label_by WHEN 'user' THEN 'restored' ELSE label_by END, ?
     FROM item JOIN class ON class.id = class_id WHERE item.id BETWEEN ? AND ?`,
  ),
  anyUserLabel: db.prepare(`SELECT 1 FROM label_log WHERE dataset_id = ? AND source = 'user' LIMIT 1`),
  userLabel: db.prepare(
    `SELECT label FROM label_log WHERE dataset_id = ? AND hash = ? AND source = 'user' ORDER BY id DESC LIMIT 1`,
  ),
  online: db.prepare(`UPDATE item SET status = 'ok' WHERE id = ?`),
  offline: db.prepare(`UPDATE item SET status = 'offline' WHERE id = ? AND status = 'ok'`),
  // Size and time are forgotten so that the next scan reads the file again; content, label and split stay.
  fault: db.prepare(`UPDATE item SET status = 'problem', reason = ?, size = 0, mtime = 0 WHERE id = ?`),
  change: db.prepare(
    `UPDATE item SET path = ?, hash = ?, size = ?, mtime = ?, width = ?, height = ?, format = ?, status = ?, reason = ?,
            verified = CASE WHEN ? THEN verified ELSE 0 END WHERE id = ?`,
  ),
  // Whoever holds the path that another item moves to is itself moved or deleted later in the same scan.
  park: db.prepare(`UPDATE item SET path = '/' || id WHERE dataset_id = ? AND path = ? AND id <> ?`),
  remove: db.prepare('DELETE FROM item WHERE id = ?'),
});
