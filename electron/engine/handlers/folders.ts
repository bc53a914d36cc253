// The folder browser of the browser host: what a native dialog shows, from the machine the engine runs on.
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import path from 'node:path';
import { type FolderListing, type Handlers, LabError } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { fsReason } from '../datasets/fs-reason.ts';
import { isListName } from '../datasets/list.ts';
import { byNature, isHidden, isImageName } from '../datasets/walk.ts';
import { fullPath } from '../paths.ts';

const COUNT_MS = 300; // folders that are not counted by then show no count

export const folderHandlers = (_engine: Engine): Pick<Handlers, 'folder.list'> => ({
  'folder.list': ({ path: wish, files }) => listFolder(wish, files),
});

/** Null lists the home folder. Throws `not-found` or `bad-request` naming the folder. */
async function listFolder(wish: string | null, files: boolean): Promise<FolderListing> {
  const folder = fullPath(wish?.trim() || '~');
  const found = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new LabError('not-found', `There is no folder ${folder}.`, { cause: error });
    if (error.code === 'ENOTDIR')
      throw new LabError('bad-request', `${folder} is a file, not a folder.`, { cause: error });
    throw new LabError('bad-request', `${folder} cannot be opened: ${fsReason(error)}.`, { cause: error });
  });
  const entries: FolderListing['entries'] = [];
  for (const entry of found) {
    if (isHidden(entry.name)) continue;
    const full = path.join(folder, entry.name);
    const isFolder =
      entry.isDirectory() || (entry.isSymbolicLink() && ((await stat(full).catch(() => null))?.isDirectory() ?? false));
    if (isFolder || (files && isListName(entry.name)))
      entries.push({ name: entry.name, path: full, folder: isFolder, images: null });
  }
  entries.sort((a, b) => Number(b.folder) - Number(a.folder) || byNature(a.name, b.name));
  const until = Date.now() + COUNT_MS;
  for (const entry of entries) if (entry.folder && Date.now() < until) entry.images = await countImages(entry.path);
  const parent = path.dirname(folder);
  return { path: folder, parent: parent === folder ? null : parent, places: await places(), entries };
}

/** Images right inside the folder; null when it cannot be opened. */
async function countImages(folder: string): Promise<number | null> {
  const names = await readdir(folder).catch(() => null);
  return names === null ? null : names.filter((name) => !isHidden(name) && isImageName(name)).length;
}

/** Home, what lies in it by custom, and the drives. */
async function places(): Promise<FolderListing['places']> {
  const home = homedir();
  const customary = ['Desktop', 'Pictures', 'Documents', 'Downloads'].map((name) => ({
    name,
    path: path.join(home, name),
  }));
  return [{ name: 'Home', path: home }, ...customary.filter((place) => existsSync(place.path)), ...(await drives())];
}

async function drives(): Promise<FolderListing['places']> {
  if (process.platform === 'win32') {
    const letters = Array.from({ length: 24 }, (_, i) => `${String.fromCharCode(67 + i)}:\\`); // C: to Z:; A: and B: are floppies
    return letters.filter((letter) => existsSync(letter)).map((letter) => ({ name: letter, path: letter }));
  }
  const user = userInfo().username;
  const parents =
    process.platform === 'darwin' ? ['/Volumes'] : [`/media/${user}`, `/run/media/${user}`, '/media', '/mnt'];
  const mounted: FolderListing['places'] = [];
  for (const parent of parents)
    for (const entry of await readdir(parent, { withFileTypes: true }).catch(() => [])) {
      const full = path.join(parent, entry.name);
      const holdsMore = parents.includes(full) || isHidden(entry.name);
      if (!holdsMore && (entry.isDirectory() || entry.isSymbolicLink())) mounted.push({ name: entry.name, path: full });
    }
  return [...mounted.sort((a, b) => byNature(a.name, b.name)), { name: 'Computer', path: '/' }];
}
