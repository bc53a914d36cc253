// Who is in train, val and test: as the folders or the list say, or drawn by a seed in equal shares of every class.
import { setImmediate as breath } from 'node:timers/promises';
import { LabError, type Split } from '../../../shared/contract.ts';
import { stratifiedSplit } from '../../../shared/protocol.ts';
import type { Engine } from '../context.ts';
import { datasetChanged, datasetRow } from './store.ts';

type Member = { id: number; hash: string; label: number; split: Split | null; folder: Split | null };
type Db = Engine['db'];

const PAGE = 4000;
const SLICE = 1000;

/** Gives every item of a dataset its split, after a scan: the stored way of splitting stays, items that have their place keep it. */
export async function assignSplits(engine: Engine, datasetId: number): Promise<void> {
  const row = datasetRow(engine.db, datasetId);
  if (row.split_source === 'folders' || row.split_source === 'list') return; // written by the scan itself
  const members = await readMembers(engine.db, datasetId);
  if (row.split_source === 'stratified') return fill(engine.db, members, row.test_fraction, row.split_seed);
  const labelled = members.filter((member) => member.label >= 0);
  if (labelled.length === 0) return;
  const source = labelled.some((member) => member.folder === 'test')
    ? row.list === null
      ? 'folders'
      : 'list'
    : 'stratified';
  if (source === 'stratified') await draw(engine.db, members, row.test_fraction, row.split_seed);
  engine.db.prepare('UPDATE dataset SET split_source = ? WHERE id = ?').run(source, datasetId);
}

/** Changes the way of splitting. Throws `bad-request` when there is nothing to split by. */
export async function changeSplit(
  engine: Engine,
  datasetId: number,
  wish: { mode: 'folders' | 'stratified'; testFraction?: number | undefined; seed?: number | undefined },
): Promise<void> {
  const { db } = engine;
  const row = datasetRow(db, datasetId);
  const members = await readMembers(db, datasetId);
  if (wish.mode === 'folders') {
    if (!members.some((member) => member.folder !== null))
      throw new LabError(
        'bad-request',
        `${row.list === null ? 'The folder' : 'The list'} of ${row.name} does not say what is train and what is test. Split it by a fraction and a seed instead.`,
      );
    await write(db, members, (member) => member.folder);
    db.prepare('UPDATE dataset SET split_source = ? WHERE id = ?').run(
      row.list === null ? 'folders' : 'list',
      datasetId,
    );
  } else {
    if (!members.some((member) => member.label >= 0))
      throw new LabError('bad-request', `${row.name} has no labels, so there are no classes to split evenly.`);
    const fraction = wish.testFraction ?? row.test_fraction;
    const seed = wish.seed ?? row.split_seed;
    await draw(db, members, fraction, seed);
    db.prepare(`UPDATE dataset SET split_source = 'stratified', test_fraction = ?, split_seed = ? WHERE id = ?`).run(
      fraction,
      seed,
      datasetId,
    );
  }
  datasetChanged(engine, datasetId);
}

/** Usable items in the order of their paths, so that the same folder and seed give the same split on every machine. */
async function readMembers(db: Db, datasetId: number): Promise<Member[]> {
  const query = db
    .prepare(
      `SELECT id, path, hash, class_id, split, folder_split FROM item
       WHERE dataset_id = ? AND path > ? AND status <> 'problem' ORDER BY path LIMIT ${PAGE}`,
    )
    .raw();
  const classes = db
    .prepare('SELECT id FROM class WHERE dataset_id = ? ORDER BY position, id')
    .pluck()
    .all(datasetId) as number[];
  const labelOf = new Map(classes.map((id, index) => [id, index]));
  const members: Member[] = [];
  let after = '';
  for (;;) {
    const rows = query.all(datasetId, after) as [number, string, string, number | null, Split | null, Split | null][];
    for (const [id, at, hash, classId, split, folder] of rows) {
      members.push({ id, hash, label: classId === null ? -1 : (labelOf.get(classId) ?? -1), split, folder });
      after = at;
    }
    if (rows.length < PAGE) return members;
    await breath();
  }
}

/** A fresh draw. val of the folders stays; equal contents stay on one side, so that the draw itself never leaks. */
async function draw(db: Db, members: Member[], fraction: number, seed: number): Promise<void> {
  const contents = new Map<string, number>();
  const labels: number[] = [];
  for (const member of members) {
    if (member.label < 0 || member.folder === 'val' || contents.has(member.hash)) continue;
    contents.set(member.hash, labels.length);
    labels.push(member.label);
  }
  const isTest = stratifiedSplit(Int32Array.from(labels), fraction, seed);
  await write(db, members, (member) => {
    if (member.label < 0 || member.folder === 'val') return member.folder;
    return isTest[contents.get(member.hash)!] ? 'test' : 'train';
  });
}

/**
 * Places for items that came later. Copies go where their content is; the others fill each class's test up to its share, in
 * the order of their hashes, which is as good as chance and the same every time.
 */
async function fill(db: Db, members: Member[], fraction: number, seed: number): Promise<void> {
  if (!members.some((member) => member.split !== null && member.folder !== 'val'))
    return draw(db, members, fraction, seed);
  const placed = new Map<string, Split>();
  const fresh = new Map<number, string[]>();
  const tally = new Map<number, { test: number; all: number }>();
  for (const { hash, label, split, folder } of members) {
    if (split === null || label < 0 || folder === 'val' || placed.has(hash)) continue;
    placed.set(hash, split);
    count(tally, label, split === 'test');
  }
  for (const { hash, label, split, folder } of members) {
    if (split !== null || label < 0 || folder === 'val' || placed.has(hash)) continue;
    placed.set(hash, 'train');
    count(tally, label, false);
    fresh.set(label, [...(fresh.get(label) ?? []), hash]);
  }
  for (const [label, hashes] of fresh) {
    const { test, all } = tally.get(label)!;
    const share = all < 2 ? 0 : Math.min(all - 1, Math.max(1, Math.round(all * fraction)));
    for (const hash of hashes.sort().slice(0, Math.max(0, share - test))) placed.set(hash, 'test');
  }
  await write(db, members, (member) => {
    if (member.label < 0 || member.folder === 'val') return member.folder;
    return member.split ?? placed.get(member.hash) ?? 'train';
  });
}

function count(tally: Map<number, { test: number; all: number }>, label: number, isTest: boolean): void {
  const { test, all } = tally.get(label) ?? { test: 0, all: 0 };
  tally.set(label, { test: test + (isTest ? 1 : 0), all: all + 1 });
}

async function write(db: Db, members: Member[], splitOf: (member: Member) => Split | null): Promise<void> {
  const update = db.prepare('UPDATE item SET split = ? WHERE id = ?');
  const changed = members.filter((member) => splitOf(member) !== member.split);
  for (let at = 0; at < changed.length; at += SLICE) {
    db.transaction(() => {
      for (const member of changed.slice(at, at + SLICE)) update.run(splitOf(member), member.id);
    })();
    await breath();
  }
}
