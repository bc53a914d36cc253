// From what the command line names (a folder, a list, two folders, "demo") to an imported dataset, reused when it is known.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readlinkSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { type Dataset, LabError } from '../../shared/contract.ts';
import { demoDataset } from '../engine/demo/demo.ts';
import { UsageError } from './command.ts';
import type { Session } from './session.ts';

export type DatasetChoice = {
  /** A folder, a CSV/JSON list, or "demo". */
  source: string;
  /** A second folder with the test images. */
  testDir?: string | undefined;
};

/** Imports what is new, scans again what is known, and returns the dataset as it then stands. */
export async function openDataset(
  session: Session,
  choice: DatasetChoice,
  { mayBeEmpty = false } = {},
): Promise<Dataset> {
  const id = await datasetId(session, choice);
  const { client } = session;
  const dataset = await client.call('dataset.get', { id });
  if (dataset.items === 0 && !mayBeEmpty)
    throw new LabError(
      'bad-request',
      `${choice.source} holds no usable image (${dataset.files} files with an image's extension, ${dataset.problems} of them with a problem).`,
    );
  return dataset;
}

/**
 * Draws this share of each class as the test, whatever the folders say, for the time of `work` only: the next command, and
 * the window, find the split that the dataset had.
 */
export async function withTestFraction<T>(
  { client }: Session,
  dataset: Dataset,
  testFraction: number | undefined,
  work: (dataset: Dataset) => Promise<T>,
): Promise<T> {
  const { id, splitSource, splitSeed: seed } = dataset;
  const drawn = splitSource === 'stratified';
  if (testFraction === undefined || (drawn && dataset.testFraction === testFraction)) return work(dataset);
  const split = await client.call('dataset.split', { id, mode: 'stratified', testFraction, seed });
  try {
    return await work(split);
  } finally {
    const before = drawn ? { mode: 'stratified' as const, testFraction: dataset.testFraction, seed } : FOLDERS;
    await client.call('dataset.split', { id, ...before });
  }
}

const FOLDERS = { mode: 'folders' } as const;

async function datasetId(session: Session, { source, testDir }: DatasetChoice): Promise<number> {
  const { client, running, wait } = session;
  if (source === 'demo') {
    if (existsSync(source)) session.progress.say('demo is the built-in set; ./demo is the folder of that name here.');
    return demoDataset(running);
  }
  const chosen = path.resolve(source);
  if (!existsSync(chosen)) throw new LabError('not-found', `There is no folder or list ${chosen}.`);
  const target = testDir === undefined ? chosen : pairFolder(running.engine.dirs.data, chosen, path.resolve(testDir));
  const known = knownDataset(session, target);
  if (known !== null) {
    await wait(await client.call('dataset.rescan', { id: known }));
    return known;
  }
  const { datasetId: id, job } = await client.call('dataset.import', {
    path: target,
    ...(testDir === undefined ? {} : { name: path.basename(chosen) }),
  });
  await wait(job);
  return id;
}

/** The dataset of this folder or list, by its path or what that leads to. */
function knownDataset({ running }: Session, target: string): number | null {
  const isList = statSync(target).isFile();
  const paths = [target, realpathSync(target)];
  const rows = running.engine.db.prepare('SELECT id, root, list FROM dataset ORDER BY id').all() as {
    id: number;
    root: string;
    list: string | null;
  }[];
  const found = rows.find((row) => {
    if ((row.list !== null) !== isList) return false;
    return paths.includes(row.list === null ? row.root : path.resolve(row.root, row.list));
  });
  return found?.id ?? null;
}

/**
 * Training and test images in two places are one dataset whose folder holds two links, train and test: it lies in the data
 * folder, is scanned like any other, and is found again by the same two paths.
 */
function pairFolder(dataDir: string, trainDir: string, testDir: string): string {
  for (const [option, folder] of [
    ['The folder', trainDir],
    ['--test-dir', testDir],
  ] as const)
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw new UsageError(`${option} ${folder} is not a folder.`);
  const [train, test] = [realpathSync(ownSplit(trainDir, 'train')), realpathSync(ownSplit(testDir, 'test'))];
  const holds = (outer: string, inner: string) => outer === inner || inner.startsWith(outer + path.sep);
  if (holds(train, test) || holds(test, train))
    throw new UsageError(
      `--test-dir ${testDir} and ${trainDir} lie in one another: the test would hold training images.`,
    );
  const name = createHash('sha256').update(`${train}\0${test}`).digest('hex').slice(0, 16);
  const folder = path.join(dataDir, 'pairs', name);
  mkdirSync(folder, { recursive: true });
  link(train, path.join(folder, 'train'));
  link(test, path.join(folder, 'test'));
  return folder;
}

/** DIR/train where DIR has both splits itself, else DIR. */
const ownSplit = (folder: string, split: 'train' | 'test') => {
  const inside = path.join(folder, split);
  return statSync(inside, { throwIfNoEntry: false })?.isDirectory() ? inside : folder;
};

function link(target: string, at: string): void {
  const there = lstatSync(at, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() && readlinkSync(at) === target) return;
  if (there) rmSync(at, { recursive: true });
  symlinkSync(target, at, 'junction'); // a junction needs no privilege on Windows; elsewhere the type is ignored
}
