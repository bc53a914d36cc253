// How folders are taken for classes and splits.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placeOf, readLayout } from '../../../electron/engine/datasets/layout.ts';
import { put } from './lab.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'lab-layout-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const dirs = (...folders: string[]) => {
  for (const folder of folders) mkdirSync(path.join(root, folder), { recursive: true });
};

test('sub-folders are classes in natural order, empty and linked ones too', async () => {
  dirs('class 10', 'class 2', 'empty', '.git');
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'lab-elsewhere-'));
  symlinkSync(elsewhere, path.join(root, 'linked'));
  symlinkSync(root, path.join(root, 'loop'));
  const layout = await readLayout(root);
  expect(layout.classes).toEqual(['class 2', 'class 10', 'empty', 'linked']);
  expect(placeOf(layout, 'class 2/more/x.jpg')).toEqual({ label: 'class 2', split: null });
  expect(placeOf(layout, 'x.jpg')).toEqual({ label: null, split: null });
  rmSync(elsewhere, { recursive: true });
});

test.each([
  ['train', 'test', 'val'],
  ['Train', 'Test', 'Valid'],
  ['training', 'testing', 'validation'],
])('%s/, %s/ and %s/ are splits with class sub-folders', async (train, testing, val) => {
  dirs(`${train}/cat`, `${train}/dog`, `${testing}/cat`, `${val}/dog`, 'extra/cat');
  const layout = await readLayout(root);
  expect(layout.classes).toEqual(['cat', 'dog']);
  expect(placeOf(layout, `${train}/cat/1.jpg`)).toEqual({ label: 'cat', split: 'train' });
  expect(placeOf(layout, `${testing}/cat/deep/1.jpg`)).toEqual({ label: 'cat', split: 'test' });
  expect(placeOf(layout, `${val}/dog/1.jpg`)).toEqual({ label: 'dog', split: 'val' });
  expect(placeOf(layout, `${testing}/1.jpg`)).toEqual({ label: null, split: 'test' });
  expect(placeOf(layout, 'extra/cat/1.jpg')).toEqual({ label: null, split: null });
});

test('a class called train, among other classes, is a class', async () => {
  dirs('train', 'bus', 'car');
  expect((await readLayout(root)).classes).toEqual(['bus', 'car', 'train']);
});

test('folders that only wrap the rest are no classes', async () => {
  dirs('archive/images/cat', 'archive/images/dog');
  const layout = await readLayout(root);
  expect(layout).toMatchObject({ prefix: 'archive/images/', classes: ['cat', 'dog'] });
  expect(placeOf(layout, 'archive/images/cat/1.jpg').label).toBe('cat');
  expect(placeOf(layout, 'archive/cover.jpg').label).toBeNull();
});

test('splits below a wrapper are found', async () => {
  dirs('flowers/train/a', 'flowers/test/a');
  expect(placeOf(await readLayout(root), 'flowers/test/a/1.jpg')).toEqual({ label: 'a', split: 'test' });
});

test('one class with sub-folders that hold images stays one class', async () => {
  put(root, { 'cats/1.jpg': '', 'cats/2020/1.jpg': '', 'cats/2021/1.jpg': '' });
  expect((await readLayout(root)).classes).toEqual(['cats']);
});

test('a class is one class however its name is composed', async () => {
  dirs('train/caf\u00e9', 'test/cafe\u0301');
  expect((await readLayout(root)).classes).toEqual(['caf\u00e9']);
});
