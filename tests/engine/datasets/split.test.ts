// Splits, leaks and conflicts.
import { renameSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importFolder } from '../../../electron/engine/datasets/import.ts';
import { duplicateGroups, itemPage } from '../../../electron/engine/datasets/items.ts';
import { rescanDataset } from '../../../electron/engine/datasets/rescan.ts';
import { changeSplit } from '../../../electron/engine/datasets/split.ts';
import { datasetItems, getDataset } from '../../../electron/engine/datasets/store.ts';
import { jpeg, openLab, put, type TestLab } from './lab.ts';

let lab: TestLab;
let picture: Buffer;
beforeEach(async () => {
  lab = await openLab();
  picture = await jpeg(1);
});
afterEach(() => lab.close());

const content = (i: number) => Buffer.concat([picture, Buffer.from(`#${i}`)]);
const splits = (id: number) =>
  Object.fromEntries(
    itemPage(lab.engine.db, { id, filter: {}, offset: 0, limit: 1000 }).items.map((item) => [item.path, item.split]),
  );

function classes(counts: Record<string, number>, first = 0): void {
  let i = first;
  for (const [name, count] of Object.entries(counts))
    for (let n = 0; n < count; n++) put(lab.folder, { [`${name}/${n}.jpg`]: content(i++) });
}

test('without test folders every class gives its share, by the seed, and is stored', async () => {
  classes({ a: 20, b: 10, c: 1 });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder, testFraction: 0.3, splitSeed: 7 });
  expect(getDataset(lab.engine.db, datasetId)).toMatchObject({
    splitSource: 'stratified',
    splitSeed: 7,
    testFraction: 0.3,
    classes: [
      { name: 'a', train: 14, test: 6 },
      { name: 'b', train: 7, test: 3 },
      { name: 'c', train: 1, test: 0 },
    ],
  });
  const seven = splits(datasetId);
  await changeSplit(lab.engine, datasetId, { mode: 'stratified', seed: 8 });
  expect(splits(datasetId)).not.toEqual(seven);
  await changeSplit(lab.engine, datasetId, { mode: 'stratified', seed: 7 });
  expect(splits(datasetId)).toEqual(seven);
  await changeSplit(lab.engine, datasetId, { mode: 'stratified', testFraction: 0.5 });
  expect(getDataset(lab.engine.db, datasetId)).toMatchObject({
    testFraction: 0.5,
    splitSeed: 7,
    classes: [{ test: 10 }, { test: 5 }, { test: 0 }],
  });
});

test('the draw never puts equal contents on both sides', async () => {
  for (let i = 0; i < 30; i++)
    put(lab.folder, { [`a/${i}.jpg`]: content(i % 10), [`b/${i}.jpg`]: content(100 + (i % 10)) });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder, testFraction: 0.4 });
  expect(getDataset(lab.engine.db, datasetId)).toMatchObject({
    duplicates: 60,
    leaks: 0,
    classes: [{ test: 12 }, { test: 12 }],
  });
});

test('folders say train and test; a stratified split can replace them and be taken back; val stays', async () => {
  classes({ 'train/a': 10, 'train/b': 10, 'test/a': 4, 'test/b': 4, 'val/a': 3, 'val/b': 3 });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  const folders = splits(datasetId);
  expect(folders['val/a/0.jpg']).toBe('val');
  await changeSplit(lab.engine, datasetId, { mode: 'stratified', testFraction: 0.5, seed: 1 });
  const drawn = splits(datasetId);
  expect(getDataset(lab.engine.db, datasetId)).toMatchObject({
    splitSource: 'stratified',
    classes: [{ val: 3, test: 7, train: 7 }, { val: 3 }],
  });
  expect(
    Object.keys(drawn)
      .filter((at) => drawn[at] === 'val')
      .every((at) => at.startsWith('val/')),
  ).toBe(true);
  await changeSplit(lab.engine, datasetId, { mode: 'folders' });
  expect(splits(datasetId)).toEqual(folders);
  expect(getDataset(lab.engine.db, datasetId).splitSource).toBe('folders');
});

test('train without test is split by the seed, its val kept', async () => {
  classes({ 'train/a': 10, 'train/b': 10, 'val/a': 2 });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  expect(getDataset(lab.engine.db, datasetId)).toMatchObject({
    splitSource: 'stratified',
    classes: [
      { name: 'a', train: 8, test: 2, val: 2 },
      { name: 'b', train: 8, test: 2, val: 0 },
    ],
  });
});

test('what cannot be split is refused in words', async () => {
  put(lab.folder, { '1.jpg': content(1), '2.jpg': content(2) });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  await expect(changeSplit(lab.engine, datasetId, { mode: 'stratified' })).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringContaining('no labels'),
  });
  await expect(changeSplit(lab.engine, datasetId, { mode: 'folders' })).rejects.toMatchObject({ code: 'bad-request' });
});

test('a re-scan keeps who was in test; new items fill the share; moved items keep their side', async () => {
  classes({ a: 20, b: 20 });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  const before = splits(datasetId);
  classes({ c: 20 }, 500);
  for (let i = 0; i < 20; i++) put(lab.folder, { [`a/late-${i}.jpg`]: content(800 + i) });
  const tested = Object.keys(before).find((at) => before[at] === 'test' && at.startsWith('b/'))!;
  renameSync(path.join(lab.folder, tested), path.join(lab.folder, 'b', 'renamed.jpg'));
  await rescanDataset(lab.engine, datasetId);
  const after = splits(datasetId);
  for (const [at, split] of Object.entries(before)) if (at !== tested) expect(after[at], at).toBe(split);
  expect(after['b/renamed.jpg']).toBe('test');
  expect(
    getDataset(lab.engine.db, datasetId).classes.map(({ name, train, test: held }) => [name, train, held]),
  ).toEqual([
    ['a', 32, 8],
    ['b', 16, 4],
    ['c', 16, 4],
  ]);
});

test('leaks between the folders are reported, and left out of the test unless they are kept', async () => {
  classes({ 'train/a': 3, 'train/b': 3, 'test/a': 2, 'test/b': 2 });
  put(lab.folder, {
    'test/a/copy.jpg': content(0),
    'val/b/x.jpg': content(900),
    'test/b/copy.jpg': content(900),
    'train/a/twin.jpg': content(1),
  });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  const { db } = lab.engine;
  expect(getDataset(db, datasetId)).toMatchObject({ leaks: 2, duplicates: 6, conflicts: 0 });
  expect(
    itemPage(db, { id: datasetId, filter: { leaks: true }, offset: 0, limit: 10 }).items.map((item) => [
      item.path,
      item.leak,
    ]),
  ).toEqual([
    ['test/a/copy.jpg', true],
    ['test/b/copy.jpg', true],
  ]);
  const { items, excluded } = datasetItems(db, datasetId);
  expect(excluded).toEqual([
    { path: 'test/a/copy.jpg', reason: 'leak: the same content is in train or val' },
    { path: 'test/b/copy.jpg', reason: 'leak: the same content is in train or val' },
  ]);
  expect(items).toHaveLength(12);
  const kept = datasetItems(db, datasetId, { keepLeaks: true });
  expect(kept.excluded).toEqual([]);
  expect(kept.items.filter((item) => item.leak).map((item) => item.path)).toEqual([
    'test/a/copy.jpg',
    'test/b/copy.jpg',
  ]);
  expect(
    duplicateGroups(db, { id: datasetId, only: 'leaks', limit: 10 }).groups.map((group) =>
      group.items.map((item) => item.path),
    ),
  ).toEqual(
    expect.arrayContaining([
      ['test/a/copy.jpg', 'train/a/0.jpg'],
      ['test/b/copy.jpg', 'val/b/x.jpg'],
    ]),
  );
  expect(duplicateGroups(db, { id: datasetId, only: 'all', limit: 10 }).total).toBe(3);
});

test('one content under two labels is a conflict: listed, and used for neither', async () => {
  classes({ a: 3, b: 3 });
  put(lab.folder, { 'b/same-as-a0.jpg': content(0) });
  const { datasetId } = await importFolder(lab.engine, { path: lab.folder });
  const { db } = lab.engine;
  expect(getDataset(db, datasetId).conflicts).toBe(1);
  const { groups } = duplicateGroups(db, { id: datasetId, only: 'conflicts', limit: 10 });
  expect(groups.map((group) => group.items.map((item) => [item.path, item.label]))).toEqual([
    [
      ['a/0.jpg', 'a'],
      ['b/same-as-a0.jpg', 'b'],
    ],
  ]);
  expect(datasetItems(db, datasetId).excluded).toEqual([
    { path: 'a/0.jpg', reason: 'the same content is labelled a and b' },
    { path: 'b/same-as-a0.jpg', reason: 'the same content is labelled a and b' },
  ]);
});
