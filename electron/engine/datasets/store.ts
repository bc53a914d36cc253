// Datasets as rows: one dataset with its counts, its classes, its usable items, and the announcement that they changed.
import type { Database } from 'better-sqlite3';
import { type ClassCount, type Dataset, type DatasetState, LabError, type Split } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';

export type DatasetRow = {
  id: number;
  name: string;
  root: string;
  list: string | null;
  demo: number;
  state: DatasetState;
  label_source: Dataset['labelSource'];
  split_source: Dataset['splitSource'];
  split_seed: number;
  test_fraction: number;
  created_at: number;
};

/** One usable image: it has a header that could be read and its file was there at the last scan. */
export type DatasetItem = {
  id: number;
  /** Relative to the root, with forward slashes. */
  path: string;
  /** Absolute path of the file. */
  file: string;
  /** SHA-256 of the content, hex. */
  hash: string;
  /** Index into `classNames`, or -1. */
  label: number;
  split: Split | null;
  /** A test item whose content is also in train or val; only there when leaks are kept. */
  leak: boolean;
};

type Counts = Pick<
  Dataset,
  'files' | 'items' | 'labelled' | 'classes' | 'problems' | 'duplicates' | 'leaks' | 'conflicts' | 'verified'
>;

/** Counting 100,000 items takes tens of milliseconds, and every list of datasets asks for it: kept until `datasetChanged`. */
const counted = new WeakMap<Database, Map<number, Counts>>();

/** Throws `not-found`. */
export function datasetRow(db: Database, id: number): DatasetRow {
  const row = db.prepare('SELECT * FROM dataset WHERE id = ?').get(id) as DatasetRow | undefined;
  if (!row) throw new LabError('not-found', `There is no dataset ${id}; it may have been deleted.`);
  return row;
}

/** Throws `not-found`. */
export const getDataset = (db: Database, id: number): Dataset => toDataset(db, datasetRow(db, id));

/** Newest last. */
export const listDatasets = (db: Database): Dataset[] =>
  (db.prepare('SELECT * FROM dataset ORDER BY id').all() as DatasetRow[]).map((row) => toDataset(db, row));

/** In natural order ("class 2" before "class 10"); the index here is the label of a DatasetItem. */
export const classNames = (db: Database, datasetId: number): string[] =>
  db.prepare('SELECT name FROM class WHERE dataset_id = ? ORDER BY position, id').pluck().all(datasetId) as string[];

/**
 * What can be embedded and compared, in the order of the paths, and what is left out of it, with the reason: problems,
 * files that are offline, contents with two labels, and test items whose content is in train or val (unless `keepLeaks`).
 */
export function datasetItems(
  db: Database,
  datasetId: number,
  options: { keepLeaks?: boolean } = {},
): { items: DatasetItem[]; excluded: { path: string; reason: string }[] } {
  const { root } = datasetRow(db, datasetId);
  const classes = db
    .prepare('SELECT id, name FROM class WHERE dataset_id = ? ORDER BY position, id')
    .all(datasetId) as {
    id: number;
    name: string;
  }[];
  const labelOf = new Map(classes.map((row, index) => [row.id, index]));
  const doubtful = doubtfulContents(db, datasetId);
  const rows = db
    .prepare(
      'SELECT id, path, hash, class_id, split, status, reason FROM item WHERE dataset_id = ? ORDER BY dataset_id, path',
    )
    .raw()
    .all(datasetId) as [number, string, string, number | null, Split | null, string, string | null][];

  const items: DatasetItem[] = [];
  const excluded: { path: string; reason: string }[] = [];
  const prefix = root.endsWith('/') ? root : `${root}/`;
  for (const [id, path, hash, classId, split, status, reason] of rows) {
    const doubt = status === 'ok' ? doubtful.get(hash) : undefined;
    const leak = doubt?.leak === true && split === 'test';
    if (status !== 'ok') excluded.push({ path, reason: reason ?? 'the file cannot be reached now' });
    else if (doubt?.labels)
      excluded.push({ path, reason: `the same content is labelled ${doubt.labels.join(' and ')}` });
    else if (leak && !options.keepLeaks) excluded.push({ path, reason: 'leak: the same content is in train or val' });
    else
      items.push({
        id,
        path,
        file: prefix + path,
        hash,
        label: classId === null ? -1 : (labelOf.get(classId) ?? -1),
        split,
        leak,
      });
  }
  return { items, excluded };
}

/** Contents that are in test and in train or val, and contents with several labels (named). */
function doubtfulContents(db: Database, datasetId: number): Map<string, { leak: boolean; labels: string[] | null }> {
  const groups = db
    .prepare(`SELECT * FROM (${CONTENTS}) WHERE n > 1 AND ((test > 0 AND seen > 0) OR conflict)`)
    .all(datasetId, datasetId) as { hash: string; test: number; seen: number; conflict: number | null }[];
  const labels = db
    .prepare(
      `SELECT DISTINCT class.name FROM item JOIN class ON class.id = class_id
       WHERE item.dataset_id = ? AND hash = ? AND status <> 'problem' ORDER BY class.position`,
    )
    .pluck();
  return new Map(
    groups.map((group) => [
      group.hash,
      {
        leak: group.test > 0 && group.seen > 0,
        labels: group.conflict ? (labels.all(datasetId, group.hash) as string[]) : null,
      },
    ]),
  );
}

/** Forgets the kept counts and tells the screens. Whoever changes items of a dataset calls this afterwards. */
export function datasetChanged(engine: Pick<Engine, 'db' | 'push'>, id: number): void {
  counted.get(engine.db)?.delete(id);
  engine.push('dataset.changed', { id });
}

/** `datasetChanged` for work in progress: the first at once, then at most three a second; `flush` says the last word. */
export function changeTeller(engine: Pick<Engine, 'db' | 'push'>, id: number) {
  const EVERY_MS = 333;
  let last = 0;
  return {
    tell(): void {
      if (Date.now() - last < EVERY_MS) return;
      last = Date.now();
      datasetChanged(engine, id);
    },
    flush: () => datasetChanged(engine, id),
  };
}

function toDataset(db: Database, row: DatasetRow): Dataset {
  return {
    id: row.id,
    name: row.name,
    path: row.root,
    state: row.state,
    demo: row.demo === 1,
    labelSource: row.label_source,
    splitSource: row.split_source,
    splitSeed: row.split_seed,
    testFraction: row.test_fraction,
    ...countsOf(db, row.id),
    createdAt: new Date(row.created_at).toISOString(),
  };
}

function countsOf(db: Database, id: number): Counts {
  let kept = counted.get(db);
  if (!kept) {
    kept = new Map();
    counted.set(db, kept);
  }
  const known = kept.get(id);
  if (known) return known;
  const counts = countItems(db, id);
  kept.set(id, counts);
  return counts;
}

function countItems(db: Database, id: number): Counts {
  const classes = new Map<number, ClassCount>();
  for (const row of db.prepare('SELECT id, name FROM class WHERE dataset_id = ? ORDER BY position, id').all(id) as {
    id: number;
    name: string;
  }[])
    classes.set(row.id, { name: row.name, train: 0, val: 0, test: 0, unsplit: 0 });

  const groups = db
    .prepare(
      'SELECT class_id, split, status, verified, count(*) AS n FROM item WHERE dataset_id = ? GROUP BY class_id, split, status, verified',
    )
    .all(id) as { class_id: number | null; split: Split | null; status: string; verified: number; n: number }[];
  const counts: Counts = {
    files: 0,
    items: 0,
    labelled: 0,
    classes: [...classes.values()],
    problems: 0,
    verified: { done: 0, total: 0 },
    ...countContents(db, id),
  };
  for (const { class_id, split, status, verified, n } of groups) {
    counts.files += n;
    // A file whose header could be read was or will be decoded; one that failed then is a problem that was verified.
    if (status !== 'problem' || verified) counts.verified.total += n;
    if (verified) counts.verified.done += n;
    if (status === 'problem') {
      counts.problems += n;
      continue;
    }
    counts.items += n;
    const tally = class_id === null ? undefined : classes.get(class_id);
    if (!tally) continue;
    counts.labelled += n;
    tally[split ?? 'unsplit'] += n;
  }
  return counts;
}

/** Contents that occur more than once: in the index first, then what their few items say. Parameters: the dataset, twice. */
const CONTENTS = `
  SELECT hash, count(*) AS n, sum(split = 'test') AS test, sum(split IN ('train', 'val')) AS seen,
         min(class_id) <> max(class_id) AS conflict
  FROM item WHERE dataset_id = ? AND status <> 'problem' AND hash IN
    (SELECT hash FROM item WHERE dataset_id = ? AND hash <> '' GROUP BY hash HAVING count(*) > 1)
  GROUP BY hash`;

function countContents(db: Database, id: number): Pick<Counts, 'duplicates' | 'leaks' | 'conflicts'> {
  return db
    .prepare(
      `SELECT coalesce(sum(n), 0) AS duplicates, coalesce(sum(CASE WHEN seen > 0 THEN test ELSE 0 END), 0) AS leaks,
              coalesce(sum(conflict), 0) AS conflicts FROM (${CONTENTS}) WHERE n > 1`,
    )
    .get(id, id) as Pick<Counts, 'duplicates' | 'leaks' | 'conflicts'>;
}
