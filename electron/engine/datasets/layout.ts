// How a folder says classes and splits: class sub-folders; train/test/val with class sub-folders; or neither.
import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Split } from '../../../shared/contract.ts';
import { byNature, isHidden, isImageName } from './walk.ts';

export type Layout = {
  /** Folders that only wrap the rest ("data/images/"), '' when there are none: they are no classes. */
  prefix: string;
  /** The folders that are splits, by name as on disk; empty when the sub-folders are classes. */
  splits: ReadonlyMap<string, Split>;
  /** Class folders, empty ones too, in natural order. */
  classes: string[];
};

const SPLIT_NAMES: Record<string, Split> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  test: 'test',
  testing: 'test',
};

/** 'Validation' -> 'val'; null when the word is no split. */
export const splitNamed = (word: string): Split | null => SPLIT_NAMES[word.trim().toLowerCase()] ?? null;

/** The same class on a Mac (decomposed) and elsewhere (composed). */
export const className = (folder: string): string => folder.normalize('NFC');

const DEEPEST_WRAPPER = 4;

/**
 * Reads the upper folders only. A folder is a wrapper when it is alone, without images beside it, and holds several
 * folders itself. `train` is a split next to `test` or `val`, or when every folder is named like a split; among other folders it
 * is a class (of trains).
 */
export async function readLayout(root: string): Promise<Layout> {
  const trueRoot = await realpath(root);
  const look = (folder: string) => lookInto(folder, trueRoot);
  let prefix = '';
  let here = await look(root);
  for (let depth = 0; depth < DEEPEST_WRAPPER && here.folders.length === 1 && !here.images; depth++) {
    const only = here.folders[0]!;
    if (splitNamed(only)) break;
    const below = await look(path.join(root, prefix, only));
    if (below.images || below.folders.length === 0) break;
    if (
      below.folders.length === 1 &&
      (await look(path.join(root, prefix, only, below.folders[0]!))).folders.length === 0
    )
      break;
    prefix += `${only}/`;
    here = below;
  }
  const splits = splitsOf(here.folders);
  if (splits.size === 0) return { prefix, splits, classes: unique(here.folders) };
  const classes: string[] = [];
  for (const folder of splits.keys()) classes.push(...(await look(path.join(root, prefix, folder))).folders);
  return { prefix, splits, classes: unique(classes) };
}

/** Class and split of the file at `rel`; a file beside the class folders has no label. */
export function placeOf(layout: Layout, rel: string): { label: string | null; split: Split | null } {
  if (!rel.startsWith(layout.prefix)) return { label: null, split: null };
  const parts = rel.slice(layout.prefix.length).split('/');
  if (layout.splits.size === 0) return { label: parts.length > 1 ? className(parts[0]!) : null, split: null };
  const split = layout.splits.get(parts[0]!) ?? null;
  return { label: split && parts.length > 2 ? className(parts[1]!) : null, split };
}

function splitsOf(folders: string[]): Map<string, Split> {
  const found = new Map<string, Split>();
  for (const folder of folders) {
    const split = splitNamed(folder);
    if (split) found.set(folder, split);
  }
  const kinds = new Set(found.values());
  const paired = kinds.has('train') && kinds.size > 1;
  return found.size === folders.length || paired ? found : new Map();
}

/** The sub-folders of a folder and whether images lie beside them. Unreadable: none. */
async function lookInto(folder: string, trueRoot: string): Promise<{ folders: string[]; images: boolean }> {
  const folders: string[] = [];
  let images = false;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (isHidden(entry.name)) continue;
    if (entry.isDirectory()) folders.push(entry.name);
    else if (entry.isFile()) images ||= isImageName(entry.name);
    else if (await leadsOut(path.join(folder, entry.name), trueRoot)) folders.push(entry.name);
    else images ||= isImageName(entry.name);
  }
  return { folders: folders.sort(byNature), images };
}

/** True for a link to a folder outside the dataset: only such a one is walked under its own name. */
async function leadsOut(link: string, trueRoot: string): Promise<boolean> {
  try {
    const target = await realpath(link);
    const holds = (a: string, b: string) => a === b || b.startsWith(a.endsWith(path.sep) ? a : a + path.sep);
    if (holds(target, trueRoot) || holds(trueRoot, target)) return false;
    await readdir(target);
    return true;
  } catch {
    return false;
  }
}

const unique = (folders: string[]): string[] => [...new Set(folders.map(className))].sort(byNature);
