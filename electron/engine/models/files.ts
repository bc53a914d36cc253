// The files of a model's folder, each once: its size, its stamp and its copy go by these lists.
import { type Dirent, readdirSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';

/** `at`: below the folder, with this system's separators. */
export type ModelFile = { at: string; size: number; mtimeMs: number };

/** Sub-folders that exports put their graphs in. */
export const PARTS = ['onnx', 'visual', 'textual'];

/**
 * Links to files are followed, as a Hub cache is made of them. Of links to folders only those that stand for one of the PARTS are:
 * any other may lead up, to the disk's root even, and listing would not end. What cannot be listed is left out, and so is git's own.
 */
export function modelFiles(folder: string): ModelFile[] {
  const found: ModelFile[] = [];
  const folders = [''];
  for (let within = folders.pop(); within !== undefined; within = folders.pop()) {
    for (const entry of entriesOf(path.join(folder, within))) {
      if (entry.name === '.git') continue;
      const at = path.join(within, entry.name);
      const stat = statOf(path.join(folder, at));
      if (stat?.isFile()) found.push({ at, size: stat.size, mtimeMs: stat.mtimeMs });
      else if (entry.isDirectory() || (stat?.isDirectory() && PARTS.includes(at))) folders.push(at);
    }
  }
  return found;
}

/** The files that say what a model is. Not those further down: the folder may be no model, and hold a whole disk. */
export const filesOfParts = (folder: string): ModelFile[] =>
  ['', ...PARTS].flatMap((part) =>
    entriesOf(path.join(folder, part)).flatMap(({ name }) => {
      const at = path.join(part, name);
      const stat = statOf(path.join(folder, at));
      return stat?.isFile() ? [{ at, size: stat.size, mtimeMs: stat.mtimeMs }] : [];
    }),
  );

/** Nothing where the folder is not there or may not be read. */
export function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Null for a link to nothing or to itself. */
function statOf(file: string): Stats | null {
  try {
    return statSync(file);
  } catch {
    return null;
  }
}
