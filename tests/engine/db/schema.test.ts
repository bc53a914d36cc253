// The schema, its migrations, the indexes the screens lean on, and who owns a data folder.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate, openCache, openDatabase, ownDataFolder } from '../../../electron/engine/db/open.ts';

let dir: string;
let db: Database;
beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'lab-schema-'));
  db = await openDatabase(path.join(dir, 'lab.sqlite'));
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Tables and indexes as SQLite knows them, without comments and spacing. */
const schema = () =>
  (
    db
      .prepare(`SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name`)
      .pluck()
      .all() as string[]
  )
    .map((sql) => sql.replace(/--.*$/gm, '').replace(/\s+/g, ' ').trim())
    .join('\n');

test('the schema is the one the stored labs have: a change needs a new migration', async () => {
  await expect(schema()).toMatchFileSnapshot('schema.snapshot.txt');
});

test('every table is STRICT, the file is in WAL mode and foreign keys hold', () => {
  const tables = db
    .prepare(
      `SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'`,
    )
    .all() as { name: string; strict: number }[];
  expect(tables.length).toBeGreaterThan(8);
  expect(tables.filter((table) => !table.strict)).toEqual([]);
  expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
  expect(db.pragma('foreign_key_check')).toEqual([]);
  expect(() => db.prepare(`INSERT INTO class (dataset_id, name, position) VALUES (77, 'x', 0)`).run()).toThrow(
    /FOREIGN KEY/,
  );
});

test('opening again runs nothing twice; a file of a newer lab is refused and left alone', async () => {
  const version = db.pragma('user_version', { simple: true }) as number;
  expect(version).toBeGreaterThan(0);
  db.prepare(`INSERT INTO setting (key, value) VALUES ('x', '1')`).run();
  db.close();
  db = await openDatabase(path.join(dir, 'lab.sqlite'));
  expect(db.prepare(`SELECT value FROM setting WHERE key = 'x'`).pluck().get()).toBe('1');
  db.pragma(`user_version = ${version + 1}`);
  expect(() => migrate(db, 'lab.sqlite')).toThrow(
    expect.objectContaining({ code: 'conflict', message: expect.stringContaining('newer') }),
  );
  db.pragma(`user_version = ${version}`);
});

test('deleting a dataset takes its classes, items and label log; ids are never given twice', () => {
  const add = () =>
    Number(
      db.prepare(`INSERT INTO dataset (name, root, state, created_at) VALUES ('a', '/a', 'ready', 0)`).run()
        .lastInsertRowid,
    );
  const item = (dataset: number) =>
    Number(db.prepare(`INSERT INTO item (dataset_id, path) VALUES (?, 'x.jpg')`).run(dataset).lastInsertRowid);
  const first = add();
  const firstItem = item(first);
  db.prepare(`INSERT INTO class (dataset_id, name, position) VALUES (?, 'cat', 0)`).run(first);
  db.prepare(`INSERT INTO label_log (dataset_id, item_id, hash, source, at) VALUES (?, ?, 'h', 'user', 0)`).run(
    first,
    firstItem,
  );
  db.prepare('DELETE FROM dataset WHERE id = ?').run(first);
  for (const table of ['item', 'class', 'label_log'])
    expect(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(0);
  const second = add();
  expect(second).toBeGreaterThan(first);
  expect(item(second)).toBeGreaterThan(firstItem);
});

test('the counts and a page of a large grid come from indexes', () => {
  const plan = (sql: string) =>
    (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map((row) => row.detail).join('; ');
  expect(
    plan(
      'SELECT class_id, split, status, verified, count(*) FROM item WHERE dataset_id = 1 GROUP BY class_id, split, status, verified',
    ),
  ).toMatch(/COVERING INDEX item_by_class/);
  expect(plan(`SELECT hash FROM item WHERE dataset_id = 1 AND hash <> '' GROUP BY hash HAVING count(*) > 1`)).toMatch(
    /COVERING INDEX item_by_hash/,
  );
  expect(plan('SELECT id FROM item WHERE dataset_id = 1 ORDER BY path LIMIT 200 OFFSET 90000')).not.toMatch(
    /TEMP B-TREE/,
  );
});

test('a damaged lab.sqlite is named, with what is not lost', async () => {
  const file = path.join(dir, 'broken.sqlite');
  writeFileSync(file, 'this is no database, but long enough to be looked at as one'.repeat(50));
  await expect(openDatabase(file)).rejects.toMatchObject({
    name: 'LabError',
    message: expect.stringMatching(/broken\.sqlite is damaged.*images and models.*move it away/),
  });
});

test('pages of the cache that a power cut spoilt are found at the next start', async () => {
  const file = path.join(dir, 'cache.sqlite');
  const before = await openCache(file);
  const put = before.prepare('INSERT INTO feature (model, hash, vector) VALUES (?, ?, ?)');
  for (let i = 0; i < 200; i++) put.run('m', `h${i}`, Buffer.alloc(1000, i));
  before.close();
  const again = await openCache(file);
  expect(again.prepare('SELECT count(*) FROM feature').pluck().get()).toBe(200);
  again.close();
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 4096 * 3);
  writeFileSync(file, bytes);
  writeFileSync(`${file}-wal`, ''); // what an end without closing leaves
  const after = await openCache(file);
  expect(after.prepare('SELECT count(*) FROM feature').pluck().get()).toBe(0);
  after.close();
});

test('a cache that cannot be opened now is not thrown away', async () => {
  const file = path.join(dir, 'cache.sqlite');
  const owner = await openCache(file);
  owner.prepare('INSERT INTO feature (model, hash, vector) VALUES (?, ?, ?)').run('m', 'h', Buffer.alloc(4));
  owner.pragma('journal_mode = DELETE');
  owner.exec('BEGIN EXCLUSIVE');
  await expect(openCache(file)).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
  owner.exec('COMMIT');
  expect(owner.prepare('SELECT count(*) FROM feature').pluck().get()).toBe(1);
  owner.close();
});

test('a damaged cache is thrown away and made anew', async () => {
  const file = path.join(dir, 'cache.sqlite');
  writeFileSync(file, 'this is no database, but long enough to be looked at as one'.repeat(50));
  const cache = await openCache(file);
  expect(cache.prepare('SELECT count(*) FROM feature').pluck().get()).toBe(0);
  cache.close();
});

test('a data folder has one owner, who is named to the next', async () => {
  const data = path.join(dir, 'data');
  const first = await ownDataFolder(data, { pid: 4711, host: 'window', since: '' });
  await expect(ownDataFolder(data, { pid: 2, host: 'cli', since: '' })).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(/window.*4711/),
  });
  first.release();
  (await ownDataFolder(data, { pid: 3, host: 'cli', since: '' })).release();
});
