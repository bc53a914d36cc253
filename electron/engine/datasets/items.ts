// Items as the screens read them: pages of a filtered grid, one item, problems, and groups of equal content.
import type { Database } from 'better-sqlite3';
import {
  type DuplicateGroup,
  type Item,
  type ItemFilter,
  LabError,
  type Problem,
  type Split,
} from '../../../shared/contract.ts';
import { datasetRow } from './store.ts';

type ItemRow = Omit<Item, 'leak'> & { leak: number };

/** The content of a test item is also in train or val. */
const LEAK = `(item.split = 'test' AND item.hash <> '' AND item.status <> 'problem' AND EXISTS (
  SELECT 1 FROM item AS other WHERE other.dataset_id = item.dataset_id AND other.hash = item.hash
  AND other.split IN ('train', 'val') AND other.status <> 'problem'))`;

/** Contents that occur more than once, from the index alone; the others need no closer look. Parameter: the dataset. */
const REPEATED = `item.hash IN (SELECT hash FROM item WHERE dataset_id = ? AND hash <> '' GROUP BY hash HAVING count(*) > 1)`;

const DUPLICATE = `(item.status <> 'problem' AND EXISTS (
  SELECT 1 FROM item AS other WHERE other.dataset_id = item.dataset_id AND other.hash = item.hash
  AND other.id <> item.id AND other.status <> 'problem'))`;

const COLUMNS = `item.id, item.path, item.hash, item.size, item.width, item.height, item.format,
  (SELECT name FROM class WHERE class.id = item.class_id) AS label, item.split, item.status, item.reason, ${LEAK} AS leak`;

const toItem = (row: ItemRow): Item => ({ ...row, leak: row.leak === 1 });

/** In the order of the paths. `total` counts everything the filter lets through. */
export function itemPage(
  db: Database,
  query: { id: number; filter: ItemFilter; offset: number; limit: number },
): { total: number; items: Item[] } {
  datasetRow(db, query.id);
  const { where, values } = condition(query.id, query.filter);
  const total = db
    .prepare(`SELECT count(*) FROM item WHERE ${where}`)
    .pluck()
    .get(...values) as number;
  // The page's ids first: they come from an index, however far down the page lies.
  const rows = db
    .prepare(
      `SELECT ${COLUMNS} FROM item WHERE id IN (SELECT id FROM item WHERE ${where} ORDER BY path LIMIT ? OFFSET ?) ORDER BY path`,
    )
    .all(...values, query.limit, query.offset) as ItemRow[];
  return { total, items: rows.map(toItem) };
}

function condition(id: number, filter: ItemFilter): { where: string; values: (string | number)[] } {
  const terms = ['item.dataset_id = ?'];
  const values: (string | number)[] = [id];
  const add = (term: string, ...given: (string | number)[]) => {
    terms.push(term);
    values.push(...given);
  };
  if (filter.label === null) add('item.class_id IS NULL');
  else if (filter.label !== undefined)
    add('item.class_id = (SELECT id FROM class WHERE dataset_id = ? AND name = ?)', id, filter.label);
  if (filter.split === null) add('item.split IS NULL');
  else if (filter.split !== undefined) add('item.split = ?', filter.split);
  if (filter.status !== undefined) add('item.status = ?', filter.status);
  if (filter.duplicates) add(`${REPEATED} AND ${DUPLICATE}`, id);
  if (filter.leaks) add(`${REPEATED} AND ${LEAK}`, id);
  if (filter.text) add(`item.path LIKE ? ESCAPE '\\'`, `%${filter.text.replace(/[\\%_]/g, (sign) => `\\${sign}`)}%`);
  return { where: terms.join(' AND '), values };
}

/** Throws `not-found`. */
export function oneItem(db: Database, itemId: number): Item & { datasetId: number } {
  const row = db.prepare(`SELECT ${COLUMNS}, item.dataset_id AS datasetId FROM item WHERE id = ?`).get(itemId) as
    | (ItemRow & { datasetId: number })
    | undefined;
  if (!row) throw new LabError('not-found', 'This image is no longer in its dataset.');
  return { ...toItem(row), datasetId: row.datasetId };
}

export function problemPage(db: Database, id: number, limit: number): { total: number; problems: Problem[] } {
  datasetRow(db, id);
  const total = db
    .prepare(`SELECT count(*) FROM item WHERE dataset_id = ? AND status = 'problem'`)
    .pluck()
    .get(id) as number;
  const problems = db
    .prepare(`SELECT path, reason FROM item WHERE dataset_id = ? AND status = 'problem' ORDER BY path LIMIT ?`)
    .all(id, limit) as Problem[];
  return { total, problems };
}

const ONLY = {
  all: '',
  leaks: `AND sum(split = 'test') > 0 AND sum(split IN ('train', 'val')) > 0`,
  conflicts: 'AND min(class_id) <> max(class_id)',
};

/** Groups of equal content, the largest first. */
export function duplicateGroups(
  db: Database,
  query: { id: number; only: keyof typeof ONLY; limit: number },
): { total: number; groups: DuplicateGroup[] } {
  datasetRow(db, query.id);
  const groups = `SELECT hash, count(*) AS n FROM item WHERE dataset_id = ? AND hash <> '' AND status <> 'problem'
    GROUP BY hash HAVING count(*) > 1 ${ONLY[query.only]}`;
  const total = db.prepare(`SELECT count(*) FROM (${groups})`).pluck().get(query.id) as number;
  const hashes = db.prepare(`${groups} ORDER BY n DESC, hash LIMIT ?`).pluck().all(query.id, query.limit) as string[];
  const members = db.prepare(
    `SELECT item.id, path, class.name AS label, split FROM item LEFT JOIN class ON class.id = class_id
     WHERE item.dataset_id = ? AND hash = ? AND status <> 'problem' ORDER BY path`,
  );
  return {
    total,
    groups: hashes.map((hash) => ({
      hash,
      items: members.all(query.id, hash) as { id: number; path: string; label: string | null; split: Split | null }[],
    })),
  };
}
