// Finds the images under a folder: nested, through links, past loops, without hidden and system files. Never blocks for long.
import type { Dirent } from 'node:fs';
import { opendir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { IMAGE_EXTENSIONS } from '../images/header.ts';
import { pathReason } from './fs-reason.ts';

export type WalkHooks = {
  signal?: AbortSignal;
  /** A folder (relative path) that could not be opened, or a link to nothing: what was below it is unknown, not gone. */
  unreadable?: (folder: string, reason: string) => void;
  /** A linked folder that is not followed because it is read elsewhere. */
  skipped?: (folder: string, reason: string) => void;
};

const SYSTEM_NAMES = new Set([
  ...['thumbs.db', 'desktop.ini', 'ehthumbs.db', 'icon\r', '__macosx', '@eadir'],
  ...['$recycle.bin', 'system volume information', 'lost+found'],
]);

/** Files and folders no dataset means: dot files, what systems leave behind. */
export const isHidden = (name: string): boolean => name.startsWith('.') || SYSTEM_NAMES.has(name.toLowerCase());

export const isImageName = (name: string): boolean => IMAGE_EXTENSIONS.has(path.extname(name).toLowerCase());

const FIRST_BATCH = 64;

/** Natural order: "img 2" before "img 10"; the same on every machine. */
export const naturally = new Intl.Collator('en', { numeric: true }).compare;
export const byNature = (a: string, b: string): number => naturally(a, b) || (a < b ? -1 : a > b ? 1 : 0);

/**
 * Relative paths of the images under `root`, '/' between names, in batches that grow up to `most`, so that the first are there at
 * once. A folder's own files come
 * before its sub-folders. Real folders are read before linked ones, and each folder once, so that loops end and
 * a file is found under its own path rather than a link's. Throws the system's error when `root` itself cannot be read.
 */
export async function* walkImages(root: string, most: number, hooks: WalkHooks = {}): AsyncGenerator<string[]> {
  const trueRoot = await realpath(root);
  const visited = new Set<string>();
  const folders = [{ rel: '', real: trueRoot }];
  const links: string[] = [];
  let batch: string[] = [];
  let size = Math.min(most, FIRST_BATCH);

  while (folders.length > 0 || links.length > 0) {
    hooks.signal?.throwIfAborted();
    const folder = folders.pop() ?? (await followLink(root, trueRoot, links.shift()!, hooks));
    if (!folder) continue;
    if (visited.has(folder.real)) {
      hooks.skipped?.(folder.rel, 'a link to a folder that is read already');
      continue;
    }
    visited.add(folder.real);
    const subfolders: string[] = [];
    try {
      for await (const entry of await opendir(path.join(root, folder.rel), { bufferSize: 256 })) {
        if (isHidden(entry.name)) continue;
        const rel = folder.rel ? `${folder.rel}/${entry.name}` : entry.name;
        if (await isFolder(entry, root, rel, links)) subfolders.push(entry.name);
        else if (isImageName(entry.name)) batch.push(rel);
        if (batch.length >= size) {
          yield batch;
          batch = [];
          size = Math.min(most, size * 2);
          hooks.signal?.throwIfAborted();
        }
      }
    } catch (error) {
      if (folder.rel === '' || hooks.signal?.aborted) throw error;
      hooks.unreadable?.(folder.rel, pathReason(folder.rel, error));
    }
    for (const name of subfolders.sort(byNature).reverse())
      folders.push({ rel: folder.rel ? `${folder.rel}/${name}` : name, real: path.join(folder.real, name) });
  }
  if (batch.length > 0) yield batch;
}

/** True for a real folder; a link to a folder (or a link to nothing that is not named like an image) is kept for later. */
async function isFolder(entry: Dirent, root: string, rel: string, links: string[]): Promise<boolean> {
  if (entry.isFile()) return false;
  if (entry.isDirectory()) return true;
  // Some file systems do not say what an entry is: ask.
  const known =
    entry.isSymbolicLink() || entry.isFIFO() || entry.isSocket() || entry.isBlockDevice() || entry.isCharacterDevice();
  const target = await stat(path.join(root, rel)).catch(() => null);
  if (target?.isDirectory()) {
    if (!known) return true;
    links.push(rel);
  } else if (!target && entry.isSymbolicLink() && !isImageName(entry.name)) links.push(rel);
  return false;
}

async function followLink(
  root: string,
  trueRoot: string,
  rel: string,
  hooks: WalkHooks,
): Promise<{ rel: string; real: string } | null> {
  try {
    const real = await realpath(path.join(root, rel));
    if (trueRoot === real || trueRoot.startsWith(real.endsWith(path.sep) ? real : real + path.sep)) {
      hooks.skipped?.(rel, 'a link to a folder that holds this one');
      return null;
    }
    return { rel, real };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOOP') hooks.skipped?.(rel, 'a link that leads back to itself');
    else hooks.unreadable?.(rel, 'a link to a folder that is not there');
    return null;
  }
}
