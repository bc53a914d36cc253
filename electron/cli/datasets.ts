// From what the command line names (a folder, a list, two folders, "demo") to an imported dataset, reused when it is known.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readlinkSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { type Dataset, LabError, type Split } from '../../shared/contract.ts';
import { readLayout } from '../engine/datasets/layout.ts';
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
  return choice.testDir === undefined ? dataset : byFolders(session, dataset, choice.testDir);
}

/** Test images without a class would leave a test drawn from the training images, which nobody asked for. */
async function byFolders({ client }: Session, dataset: Dataset, testDir: string): Promise<Dataset> {
  const { id, splitSource } = dataset;
  const split = splitSource === 'folders' ? dataset : await client.call('dataset.split', { id, ...FOLDERS });
  if (split.classes.every(({ test }) => test === 0))
    throw new LabError(
      'bad-request',
      `--test-dir ${testDir} holds no usable image of a class. It needs a sub-folder for each class, as the training images have.`,
    );
  return split;
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
  const target =
    testDir === undefined ? chosen : await pairFolder(running.engine.dirs.data, chosen, path.resolve(testDir));
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
 * Training and test images in two places are one dataset whose folder holds links, train and test (and val, where the training
 * images have one): it lies in the data folder, is scanned like any other, and is found again by the same paths.
 */
async function pairFolder(dataDir: string, trainDir: string, testDir: string): Promise<string> {
  const train = await splitsIn(trainDir, 'The folder', 'train');
  const test = (await splitsIn(testDir, '--test-dir', 'test')).get('test')!;
  const overlap = (a: string, b: string) => a === b || a.startsWith(b + path.sep) || b.startsWith(a + path.sep);
  if (overlap(train.get('train')!, test))
    throw new UsageError(
      `--test-dir ${testDir} and ${trainDir} lie in one another: the test would hold training images.`,
    );
  const places: [Split, string][] = [
    ['train', train.get('train')!],
    ['test', test],
  ];
  const val = train.get('val');
  if (val !== undefined && !overlap(val, test)) places.push(['val', val]); // one that is named as the test is the test
  const name = createHash('sha256')
    .update(places.map(([, place]) => place).join('\0'))
    .digest('hex')
    .slice(0, 16);
  const folder = path.join(dataDir, 'pairs', name);
  mkdirSync(folder, { recursive: true });
  for (const [split, place] of places) link(place, path.join(folder, split));
  return folder;
}

/** Where a folder's splits lie, as an import of it would find them; one without splits is all `wanted`. */
async function splitsIn(folder: string, option: string, wanted: Split): Promise<Map<Split, string>> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${option} ${folder} is not a folder.`);
  const { prefix, splits } = await readLayout(folder);
  const own = new Map([...splits].map(([name, split]) => [split, realpathSync(path.join(folder, prefix, name))]));
  if (own.size === 0) return new Map([[wanted, realpathSync(path.join(folder, prefix))]]);
  if (!own.has(wanted))
    throw new UsageError(
      `${option} ${folder} has images for ${[...own.keys()].join(' and ')}, but none for ${wanted}.`,
    );
  return own;
}

function link(target: string, at: string): void {
  const there = lstatSync(at, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() && readlinkSync(at) === target) return;
  if (there) rmSync(at, { recursive: true });
  symlinkSync(target, at, 'junction'); // a junction needs no privilege on Windows; elsewhere the type is ignored
}
