// Puts a model's folder, or a zip of one, into the app's models folder: built beside its place, checked, then renamed there.
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { constants, copyFile, mkdir, mkdtemp, open } from 'node:fs/promises';
import path from 'node:path';
import { LabError } from '../../../shared/contract.ts';
import { fullPath } from '../paths.ts';
import { modelFiles } from './files.ts';
import { readModelFolder } from './folder.ts';
import { listZip, unpack } from './zip.ts';

/**
 * Returns the new model's id: the folder's name, with a number where `taken` has it.
 * Throws `bad-request` when it is no model (nothing is left behind then), `no-space` when the disk is full.
 */
export async function addModel(source: string, modelsDir: string, taken: ReadonlySet<string>): Promise<string> {
  const from = fullPath(source);
  if (!existsSync(from)) throw new LabError('not-found', `There is nothing at ${from}.`);
  const building = await mkdtemp(path.join(modelsDir, '.adding-'));
  const folder = path.join(building, 'model');
  try {
    const name = statSync(from).isDirectory() ? await copyFolder(from, folder) : await unpackZip(from, folder);
    readModelFolder(folder);
    const id = freeName(name, modelsDir, taken);
    renameSync(folder, path.join(modelsDir, id));
    return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new LabError('no-space', `The disk of ${modelsDir} is full. Free some space and add the model again.`);
    if (error instanceof LabError) throw new LabError(error.code, error.message.replaceAll(folder, from));
    throw error;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** Links are followed, so that the copy stands alone. */
async function copyFolder(from: string, to: string): Promise<string> {
  readModelFolder(from);
  for (const { at } of modelFiles(from)) {
    const target = path.join(to, at);
    await mkdir(path.dirname(target), { recursive: true });
    await copyFile(path.join(from, at), target, constants.COPYFILE_FICLONE);
  }
  return path.basename(from);
}

async function unpackZip(file: string, to: string): Promise<string> {
  const handle = await open(file, 'r');
  let names: string[];
  try {
    names = (await listZip(handle, file)).map((entry) => entry.name).filter(isContent);
  } finally {
    await handle.close();
  }
  if (names.length === 0) throw new LabError('bad-request', `${file} is empty.`);
  const depth = (name: string) => name.split('/').length;
  const [config, ...others] = names
    .filter((name) => path.posix.basename(name) === 'config.json')
    .sort((a, b) => depth(a) - depth(b));
  const second = config && others.find((name) => depth(name) === depth(config));
  if (second)
    throw new LabError(
      'bad-request',
      `${file} holds more than one model: ${path.posix.dirname(config)} and ${path.posix.dirname(second)}. Unpack it and add each folder.`,
    );
  // the model is where the outermost config.json is: the zip's root, or one top folder
  const root = config ? path.posix.dirname(config) : commonFolder(names);
  const prefix = root === '.' ? '' : `${root}/`;
  await unpack(file, to, (name) => (isContent(name) && name.startsWith(prefix) ? name.slice(prefix.length) : null));
  return root === '.' || root === '' ? path.basename(file).replace(/\.zip$/i, '') : path.posix.basename(root);
}

/** macOS adds its own folder to every zip. */
const isContent = (name: string) => !name.startsWith('__MACOSX/') && path.posix.basename(name) !== '.DS_Store';

function commonFolder(names: string[]): string {
  const top = names[0]!.split('/')[0]!;
  return names.every((name) => name.startsWith(`${top}/`)) ? top : '.';
}

function freeName(name: string, modelsDir: string, taken: ReadonlySet<string>): string {
  const clean = name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+/, '') || 'model';
  for (let n = 1; ; n++) {
    const id = n === 1 ? clean : `${clean}-${n}`;
    if (!taken.has(id) && !existsSync(path.join(modelsDir, id))) return id;
  }
}
