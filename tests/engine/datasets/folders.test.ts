// The folder browser.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../../electron/engine/context.ts';
import { folderHandlers } from '../../../electron/engine/handlers/folders.ts';
import { put } from './lab.ts';

let root: string;
const list = async (at: string | null, files = false) =>
  folderHandlers({} as Engine)['folder.list']({ path: at, files });
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'lab-folders-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('sub-folders in natural order with the images right inside them; lists when asked for', async () => {
  put(root, {
    'set 10/a.jpg': '',
    'set 10/deep/b.jpg': '',
    'set 2/x.txt': '',
    '.hidden/a.jpg': '',
    'labels.csv': '',
    'more.json': '',
    'a.jpg': '',
  });
  symlinkSync(path.join(root, 'set 10'), path.join(root, 'set 3'));
  const folders = await list(root);
  expect(folders.parent).toBe(path.dirname(root));
  expect(folders.entries.map(({ name, folder, images }) => [name, folder, images])).toEqual([
    ['set 2', true, 0],
    ['set 3', true, 1],
    ['set 10', true, 1],
  ]);
  expect((await list(root, true)).entries.slice(3).map(({ name, folder, path: full }) => [name, folder, full])).toEqual(
    [
      ['labels.csv', false, path.join(root, 'labels.csv')],
      ['more.json', false, path.join(root, 'more.json')],
    ],
  );
});

test('home comes first, and a place to start from is always there', async () => {
  const home = await list(null);
  expect(home.path).toBe(homedir());
  expect(home.places[0]).toEqual({ name: 'Home', path: homedir() });
  expect((await list('/')).parent).toBeNull();
  mkdirSync(path.join(root, 'x'));
  expect((await list(`${root}/x/..`)).path).toBe(root);
});

test('a folder that is not there, and a file, are refused by name', async () => {
  put(root, { 'a.txt': '' });
  await expect(list(path.join(root, 'nope'))).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringContaining('nope'),
  });
  await expect(list(path.join(root, 'a.txt'))).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringContaining('a.txt'),
  });
});
