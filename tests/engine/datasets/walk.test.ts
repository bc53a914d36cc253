// What the walk finds, on real folders: nesting, links, loops, odd names, unreadable folders.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { byNature, type WalkHooks, walkImages } from '../../../electron/engine/datasets/walk.ts';
import { put } from './lab.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'lab-walk-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function found(hooks: WalkHooks = {}): Promise<string[]> {
  const all: string[] = [];
  for await (const batch of walkImages(root, 256, hooks)) all.push(...batch);
  return all.sort();
}

test('finds images by their ending in any case, at any depth, and nothing hidden or left behind by a system', async () => {
  put(root, {
    'a.jpg': '',
    'b.JPEG': '',
    'x/y/z/w/deep.png': '',
    'notes.txt': '',
    '.hidden.jpg': '',
    '.cache/c.jpg': '',
    '__MACOSX/a.jpg': '',
    '._a.jpg': '',
    'Thumbs.db': '',
    '.DS_Store': '',
    '@eaDir/a.jpg/thumb.jpg': '',
  });
  expect(await found()).toEqual(['a.jpg', 'b.JPEG', 'x/y/z/w/deep.png']);
});

test('keeps composed and decomposed names apart and takes names of 255 bytes', async () => {
  const long = `${'n'.repeat(251)}.jpg`;
  put(root, { 'caf\u00e9/1.jpg': '', 'cafe\u0301/2.jpg': '', '日本語/猫 🐈.jpg': '', [long]: '' });
  expect(await found()).toEqual([long, 'cafe\u0301/2.jpg', 'caf\u00e9/1.jpg', '日本語/猫 🐈.jpg'].sort());
});

test('follows linked files and folders, and survives loops', async () => {
  const outside = mkdtempSync(path.join(tmpdir(), 'lab-outside-'));
  put(outside, { 'far.jpg': '' });
  put(root, { 'cats/1.jpg': '' });
  symlinkSync(path.join(root, 'cats', '1.jpg'), path.join(root, 'linked.jpg'));
  symlinkSync(outside, path.join(root, 'out'));
  symlinkSync(root, path.join(root, 'cats', 'up'));
  symlinkSync(path.dirname(root), path.join(root, 'above'));
  symlinkSync('self', path.join(root, 'self'));
  mkdirSync(path.join(root, 'p'));
  symlinkSync(path.join(root, 'p'), path.join(outside, 'back'));
  const skipped: string[] = [];
  expect(await found({ skipped: (folder) => void skipped.push(folder) })).toEqual([
    'cats/1.jpg',
    'linked.jpg',
    'out/far.jpg',
  ]);
  expect(skipped.sort()).toEqual(['above', 'cats/up', 'out/back', 'self']);
  rmSync(outside, { recursive: true });
});

test('finds a file under its real folder, not under a link that comes first', async () => {
  put(root, { 'zebra/1.jpg': '' });
  symlinkSync(path.join(root, 'zebra'), path.join(root, 'aaa'));
  expect(await found()).toEqual(['zebra/1.jpg']);
});

test('a link to nothing is told as unreadable when it may be a folder, and is a file when it is named like an image', async () => {
  put(root, { 'a.jpg': '' });
  symlinkSync('/nowhere/at/all', path.join(root, 'gone'));
  symlinkSync('/nowhere/x.jpg', path.join(root, 'gone.jpg'));
  const unreadable: string[] = [];
  expect(await found({ unreadable: (folder, reason) => void unreadable.push(`${folder}: ${reason}`) })).toEqual([
    'a.jpg',
    'gone.jpg',
  ]);
  expect(unreadable).toEqual(['gone: a link to a folder that is not there']);
});

test.skipIf(process.getuid?.() === 0)(
  'a folder without permission is told and the rest goes on (not as root)',
  async () => {
    put(root, { 'a/1.jpg': '', 'b/2.jpg': '' });
    chmodSync(path.join(root, 'a'), 0);
    const unreadable: string[] = [];
    expect(await found({ unreadable: (folder, reason) => void unreadable.push(`${folder}: ${reason}`) })).toEqual([
      'b/2.jpg',
    ]);
    expect(unreadable).toEqual(['a: permission denied']);
    chmodSync(path.join(root, 'a'), 0o755);
  },
);

test('stops when asked to', async () => {
  for (let i = 0; i < 600; i++) writeFileSync(path.join(root, `${i}.jpg`), '');
  const stop = new AbortController();
  const walking = (async () => {
    for await (const _batch of walkImages(root, 64, { signal: stop.signal })) stop.abort();
  })();
  await expect(walking).rejects.toThrow(/abort/i);
});

test('natural order is the same everywhere', () => {
  expect(['img 10', 'img 2', 'Img 1', 'b', 'a'].sort(byNature)).toEqual(['a', 'b', 'Img 1', 'img 2', 'img 10']);
});
