// Re-scan and relink: what moved, changed, came and went, and which labels follow what.
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importFolder } from '../../../electron/engine/datasets/import.ts';
import { itemPage } from '../../../electron/engine/datasets/items.ts';
import { relinkDataset, rescanDataset } from '../../../electron/engine/datasets/rescan.ts';
import { ensureOnline } from '../../../electron/engine/datasets/roots.ts';
import { datasetItems, getDataset } from '../../../electron/engine/datasets/store.ts';
import type { Item } from '../../../shared/contract.ts';
import { jpeg, openLab, put, type TestLab } from './lab.ts';

let lab: TestLab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(() => lab.close());

const at = (...parts: string[]) => path.join(lab.folder, ...parts);
const items = (id: number): Item[] => itemPage(lab.engine.db, { id, filter: {}, offset: 0, limit: 1000 }).items;
const byPath = (id: number) => new Map(items(id).map((item) => [item.path, item]));
const rescan = (id: number) => rescanDataset(lab.engine, id);

/** As the labelling screen will: the user's label, with its line in the log. */
function userLabel(itemId: number, label: string): void {
  const { db } = lab.engine;
  const item = db.prepare('SELECT dataset_id, hash FROM item WHERE id = ?').get(itemId) as {
    dataset_id: number;
    hash: string;
  };
  db.prepare('INSERT OR IGNORE INTO class (dataset_id, name, position) VALUES (?, ?, 99)').run(item.dataset_id, label);
  db.prepare(
    `UPDATE item SET class_id = (SELECT id FROM class WHERE dataset_id = ? AND name = ?), label_by = 'user' WHERE id = ?`,
  ).run(item.dataset_id, label, itemId);
  db.prepare(
    `INSERT INTO label_log (dataset_id, item_id, hash, label, previous, source, at) VALUES (?, ?, ?, ?, NULL, 'user', 0)`,
  ).run(item.dataset_id, itemId, item.hash, label);
}

async function pets(): Promise<number> {
  put(lab.folder, {
    'cat/1.jpg': await jpeg(1),
    'cat/2.jpg': await jpeg(2),
    'dog/1.jpg': await jpeg(3),
    'dog/2.jpg': await jpeg(4),
  });
  return (await importFolder(lab.engine, { path: lab.folder })).datasetId;
}

test('nothing changed: nothing is read, nothing is written', async () => {
  const id = await pets();
  const before = items(id);
  const { size, atime, mtime } = statSync(at('cat/1.jpg'));
  writeFileSync(at('cat/1.jpg'), Buffer.alloc(size, 1)); // same size and time: only a reader would notice
  utimesSync(at('cat/1.jpg'), atime, mtime);
  expect(await rescan(id)).toEqual({ added: 0, changed: 0, moved: 0, deleted: 0, unchanged: 4 });
  expect(items(id)).toEqual(before);
});

test('new, changed, moved and deleted files are told apart; ids stay', async () => {
  const id = await pets();
  const before = byPath(id);
  put(lab.folder, { 'cat/new.jpg': await jpeg(10), 'bird/1.jpg': await jpeg(11), 'dog/2.jpg': await jpeg(12, 50, 40) });
  renameSync(at('cat/1.jpg'), at('cat/renamed.jpg'));
  unlinkSync(at('cat/2.jpg'));
  expect(await rescan(id)).toEqual({ added: 2, changed: 1, moved: 1, deleted: 1, unchanged: 1 });
  const after = byPath(id);
  expect([...after.keys()]).toEqual(['bird/1.jpg', 'cat/new.jpg', 'cat/renamed.jpg', 'dog/1.jpg', 'dog/2.jpg']);
  expect(after.get('cat/renamed.jpg')?.id).toBe(before.get('cat/1.jpg')?.id);
  expect(after.get('dog/2.jpg')).toMatchObject({ id: before.get('dog/2.jpg')?.id, width: 50, height: 40 });
  expect(after.get('dog/2.jpg')?.hash).not.toBe(before.get('dog/2.jpg')?.hash);
  expect(getDataset(lab.engine.db, id).classes.map((one) => one.name)).toEqual(['bird', 'cat', 'dog']);
});

test('a label from the folder follows the folder; a label from the user follows the content', async () => {
  const id = await pets();
  const before = byPath(id);
  userLabel(before.get('cat/2.jpg')!.id, 'tiger');
  renameSync(at('cat/1.jpg'), at('dog/was-cat.jpg'));
  renameSync(at('cat/2.jpg'), at('dog/was-tiger.jpg'));
  expect(await rescan(id)).toMatchObject({ moved: 2, added: 0, deleted: 0 });
  const after = byPath(id);
  expect(after.get('dog/was-cat.jpg')).toMatchObject({ id: before.get('cat/1.jpg')?.id, label: 'dog' });
  expect(after.get('dog/was-tiger.jpg')).toMatchObject({ id: before.get('cat/2.jpg')?.id, label: 'tiger' });
  const log = lab.engine.db.prepare('SELECT label, previous, source FROM label_log WHERE item_id = ? ORDER BY id');
  expect(log.all(before.get('cat/1.jpg')!.id)).toEqual([
    { label: 'cat', previous: null, source: 'folders' },
    { label: 'dog', previous: 'cat', source: 'moved' },
  ]);
});

test('names that swap or shift keep each item with its content', async () => {
  const id = await pets();
  const before = byPath(id);
  renameSync(at('cat/1.jpg'), at('cat/tmp'));
  renameSync(at('dog/1.jpg'), at('cat/1.jpg'));
  renameSync(at('cat/tmp'), at('dog/1.jpg'));
  expect(await rescan(id)).toMatchObject({ moved: 2, added: 0, deleted: 0, changed: 0 });
  const after = byPath(id);
  expect(after.get('dog/1.jpg')).toMatchObject({ id: before.get('cat/1.jpg')?.id, label: 'dog' });
  expect(after.get('cat/1.jpg')).toMatchObject({ id: before.get('dog/1.jpg')?.id, label: 'cat' });
});

test('a file moved over another: the moved one stays, the overwritten one is gone', async () => {
  const id = await pets();
  const before = byPath(id);
  renameSync(at('cat/1.jpg'), at('dog/1.jpg'));
  expect(await rescan(id)).toMatchObject({ moved: 1, deleted: 1, added: 0, changed: 0 });
  expect(byPath(id).get('dog/1.jpg')?.id).toBe(before.get('cat/1.jpg')?.id);
});

test('a copy is a new item with its own label; the two are a duplicate and a conflict', async () => {
  const id = await pets();
  put(lab.folder, { 'dog/copy.jpg': await jpeg(1) });
  expect(await rescan(id)).toMatchObject({ added: 1, moved: 0 });
  expect(getDataset(lab.engine.db, id)).toMatchObject({ duplicates: 2, conflicts: 1 });
});

test('among equal contents a moved file is known by its name', async () => {
  put(lab.folder, { 'a/x.jpg': await jpeg(1), 'a/y.jpg': await jpeg(1), 'b/z.jpg': await jpeg(2) });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  const before = byPath(datasetId);
  renameSync(at('a'), at('c'));
  expect(await rescan(datasetId)).toMatchObject({ moved: 2 });
  const after = byPath(datasetId);
  expect(after.get('c/x.jpg')?.id).toBe(before.get('a/x.jpg')?.id);
  expect(after.get('c/y.jpg')?.id).toBe(before.get('a/y.jpg')?.id);
});

test("the user's label comes back with a file that was away for a while", async () => {
  const id = await pets();
  userLabel(byPath(id).get('cat/1.jpg')!.id, 'lynx');
  renameSync(at('cat/1.jpg'), path.join(lab.dir, 'bin.jpg'));
  expect(await rescan(id)).toMatchObject({ deleted: 1 });
  renameSync(path.join(lab.dir, 'bin.jpg'), at('cat/restored.jpg'));
  expect(await rescan(id)).toMatchObject({ added: 1 });
  expect(byPath(id).get('cat/restored.jpg')?.label).toBe('lynx');
});

test('a file that becomes broken and is mended again', async () => {
  const id = await pets();
  const before = byPath(id).get('cat/1.jpg')!;
  put(lab.folder, { 'cat/1.jpg': 'no picture' });
  expect(await rescan(id)).toMatchObject({ changed: 1 });
  expect(byPath(id).get('cat/1.jpg')).toMatchObject({ id: before.id, status: 'problem' });
  put(lab.folder, { 'cat/1.jpg': await jpeg(1) });
  expect(await rescan(id)).toMatchObject({ changed: 1 });
  expect(byPath(id).get('cat/1.jpg')).toMatchObject({ id: before.id, status: 'ok', reason: null, label: 'cat' });
});

test('a touched file is read once more and is the same item with the same decode', async () => {
  const id = await pets();
  lab.engine.db.prepare('UPDATE item SET verified = 1').run();
  utimesSync(at('cat/1.jpg'), new Date(), new Date(Date.now() + 5000));
  expect(await rescan(id)).toMatchObject({ unchanged: 4, changed: 0 });
  expect(getDataset(lab.engine.db, id).verified).toEqual({ done: 4, total: 4 });
});

test('an unplugged root: offline with the reason, nothing deleted; back at the next scan', async () => {
  const id = await pets();
  const before = items(id);
  renameSync(lab.folder, `${lab.folder}-away`);
  await expect(rescan(id)).rejects.toMatchObject({ code: 'offline', message: expect.stringContaining(lab.folder) });
  expect(getDataset(lab.engine.db, id)).toMatchObject({ state: 'offline', files: 4, items: 4 });
  expect(items(id).map((item) => item.status)).toEqual(['offline', 'offline', 'offline', 'offline']);
  expect(datasetItems(lab.engine.db, id).items).toEqual([]);
  mkdirSync(lab.folder); // a bare mount point is not an empty dataset
  await expect(rescan(id)).rejects.toMatchObject({ code: 'offline' });
  rmSync(lab.folder, { recursive: true });
  renameSync(`${lab.folder}-away`, lab.folder);
  expect(await rescan(id)).toMatchObject({ unchanged: 4, deleted: 0 });
  expect(getDataset(lab.engine.db, id).state).toBe('ready');
  expect(items(id)).toEqual(before);
});

test('a folder that lost every image at once is offline, not emptied', async () => {
  const id = await pets();
  for (const folder of readdirSync(lab.folder)) rmSync(at(folder), { recursive: true });
  put(lab.folder, { 'README.txt': 'not synced yet' });
  await expect(rescan(id)).rejects.toMatchObject({
    code: 'offline',
    message: expect.stringContaining('nothing of images was deleted'),
  });
  expect(items(id)).toHaveLength(4);
});

test('a linked folder on an unplugged drive keeps its items', async () => {
  const drive = path.join(lab.dir, 'drive');
  put(drive, { '1.jpg': await jpeg(21), '2.jpg': await jpeg(22) });
  put(lab.folder, { 'cat/1.jpg': await jpeg(1) });
  symlinkSync(drive, at('bird'));
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  const before = items(datasetId);
  expect(before.map((item) => item.path)).toEqual(['bird/1.jpg', 'bird/2.jpg', 'cat/1.jpg']);
  renameSync(drive, `${drive}-away`);
  expect(await rescan(datasetId)).toMatchObject({ deleted: 0, unchanged: 1 });
  expect(
    items(datasetId)
      .filter((item) => item.status === 'offline')
      .map((item) => item.path),
  ).toEqual(['bird/1.jpg', 'bird/2.jpg']);
  expect(items(datasetId).find((item) => item.status === 'problem')).toMatchObject({ path: 'bird/' });
  renameSync(`${drive}-away`, drive);
  await rescan(datasetId);
  expect(items(datasetId)).toEqual(before);
});

test('other jobs mark and unmark a root by ensureOnline', async () => {
  const id = await pets();
  renameSync(lab.folder, `${lab.folder}-away`);
  await expect(ensureOnline(lab.engine, id)).rejects.toMatchObject({ code: 'offline' });
  expect(getDataset(lab.engine.db, id).state).toBe('offline');
  renameSync(`${lab.folder}-away`, lab.folder);
  await ensureOnline(lab.engine, id);
  expect(getDataset(lab.engine.db, id).state).toBe('ready');
  expect(items(id).every((item) => item.status === 'ok')).toBe(true);
});

test('relink: the folder moved, every item keeps its id; a wrong folder is refused', async () => {
  const id = await pets();
  const before = items(id);
  const moved = path.join(lab.dir, 'elsewhere');
  renameSync(lab.folder, moved);
  const wrong = path.join(lab.dir, 'wrong');
  put(wrong, { 'x.jpg': await jpeg(77) });
  await expect(relinkDataset(lab.engine, id, wrong)).rejects.toEqual(expect.objectContaining({ code: 'bad-request' }));
  await expect(relinkDataset(lab.engine, id, path.join(lab.dir, 'nope'))).rejects.toEqual(
    expect.objectContaining({ code: 'not-found' }),
  );
  await relinkDataset(lab.engine, id, moved);
  expect(await rescan(id)).toEqual({ added: 0, changed: 0, moved: 0, deleted: 0, unchanged: 4 });
  expect(items(id)).toEqual(before);
  expect(datasetItems(lab.engine.db, id).items[0]?.file).toBe(path.join(moved, 'cat/1.jpg'));
});

test('a scan cut off in the midst of its moves finds the same answer next time', async () => {
  const files: Record<string, Buffer> = {};
  const picture = await jpeg(5);
  for (let i = 0; i < 1200; i++) files[`a/${i}.jpg`] = Buffer.concat([picture, Buffer.alloc(i)]); // sizes differ: times may not
  put(lab.folder, files);
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  const ids = new Map(datasetItems(lab.engine.db, datasetId).items.map((item) => [item.hash, item.id]));
  // Every file takes the next one's name: a ring of 1,200.
  renameSync(at('a', '0.jpg'), at('a', 'tmp'));
  for (let i = 1; i < 1200; i++) renameSync(at('a', `${i}.jpg`), at('a', `${i - 1}.jpg`));
  renameSync(at('a', 'tmp'), at('a', '1199.jpg'));
  const stop = new AbortController();
  const isSettling = (note: string) => note.startsWith('settling') && setImmediate(() => stop.abort());
  await expect(
    rescanDataset(lab.engine, datasetId, {
      signal: stop.signal,
      progress: (_done, _total, note) => void isSettling(note),
    }),
  ).rejects.toThrow();
  const parked = lab.engine.db.prepare(`SELECT count(*) FROM item WHERE path LIKE '/%'`).pluck().get() as number;
  expect(parked).toBeGreaterThan(0);
  const { moved, added, deleted } = await rescan(datasetId);
  expect({ added, deleted }).toEqual({ added: 0, deleted: 0 });
  expect(moved).toBeGreaterThan(0);
  expect(new Map(datasetItems(lab.engine.db, datasetId).items.map((item) => [item.hash, item.id]))).toEqual(ids);
});

test('a list that was edited: labels follow the list, rows that went are deleted', async () => {
  put(lab.folder, { '1.jpg': await jpeg(1), '2.jpg': await jpeg(2), '3.jpg': await jpeg(3) });
  const list = at('list.csv');
  writeFileSync(list, 'path,label\n1.jpg,cat\n2.jpg,dog\n3.jpg,dog\n');
  const { datasetId } = await importFolder(lab.engine, { path: list });
  writeFileSync(list, 'path,label\n1.jpg,lion\n2.jpg,dog\n');
  expect(await rescan(datasetId)).toMatchObject({ deleted: 1, unchanged: 2 });
  expect(items(datasetId).map((item) => [item.path, item.label])).toEqual([
    ['1.jpg', 'lion'],
    ['2.jpg', 'dog'],
  ]);
});
