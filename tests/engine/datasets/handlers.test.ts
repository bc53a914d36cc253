// The dataset calls and their jobs, with the real queue.
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { datasetHandlers } from '../../../electron/engine/handlers/datasets.ts';
import type { Handlers, Job } from '../../../shared/contract.ts';
import { ended, jpeg, openLab, put, type TestLab } from './lab.ts';

let lab: TestLab;
let calls: Pick<Handlers, Extract<keyof Handlers, `dataset.${string}`>>;
beforeEach(async () => {
  lab = await openLab();
  calls = datasetHandlers(lab.engine);
});
afterEach(() => lab.close());

const importWish = () => ({ path: lab.folder, testFraction: 0.2, splitSeed: 0 });
const verified = async (job: Job) => {
  const { verifyJobId } = (await ended(lab, job)).result as { verifyJobId: number };
  return lab.engine.jobs.ended(verifyJobId);
};

test('import answers at once with the dataset and a job; the full decode follows with its own count', async () => {
  const good = await jpeg(1);
  const header = good.subarray(0, Math.floor(good.length * 0.6));
  put(lab.folder, { 'a/1.jpg': good, 'a/2.jpg': await jpeg(2), 'b/1.jpg': await jpeg(3), 'b/broken.jpg': header });
  const { datasetId, job } = await calls['dataset.import'](importWish());
  expect(job).toMatchObject({ kind: 'import', params: { datasetId }, unit: 'files' });
  expect(await ended(lab, job)).toMatchObject({
    status: 'done',
    result: { datasetId, items: 4, problems: 0, classes: ['a', 'b'] },
  });
  expect(await calls['dataset.get']({ id: datasetId })).toMatchObject({
    state: 'ready',
    items: 4,
    verified: { total: 4 },
  });
  expect(await verified(job)).toMatchObject({ kind: 'verify', status: 'done', result: { checked: 4, problems: 1 } });
  expect(await calls['dataset.get']({ id: datasetId })).toMatchObject({
    files: 4,
    items: 3,
    problems: 1,
    verified: { done: 4, total: 4 },
  });
  const { total, problems } = await calls['dataset.problems']({ id: datasetId, limit: 10 });
  expect(total).toBe(1);
  expect(problems[0]?.path).toBe('b/broken.jpg');
  expect(problems[0]?.reason.length).toBeGreaterThan(8);
  expect(await calls['dataset.list']({})).toEqual([await calls['dataset.get']({ id: datasetId })]);
});

test('~ in a typed path is the home folder, for a dataset as in the folder browser', async () => {
  for (const name of ['HOME', 'USERPROFILE']) vi.stubEnv(name, path.dirname(lab.folder));
  put(lab.folder, { 'cat/1.jpg': await jpeg(1), 'dog/2.jpg': await jpeg(2) });
  const { datasetId, job } = await calls['dataset.import']({ ...importWish(), path: '~/images' });
  await ended(lab, job);
  expect(await calls['dataset.get']({ id: datasetId })).toMatchObject({ path: lab.folder, items: 2 });
  vi.unstubAllEnvs();
});

test('a wrong folder is refused before any job starts', async () => {
  await expect((async () => calls['dataset.import'](importWish()))()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringContaining('no images'),
  });
  expect(lab.engine.jobs.list(10)).toEqual([]);
  expect(await calls['dataset.list']({})).toEqual([]);
});

test('items by page and by filter', async () => {
  put(lab.folder, {
    'train/cat/1.jpg': await jpeg(1),
    'train/dog/2.jpg': await jpeg(2),
    'train/dog/100%_odd.jpg': await jpeg(6),
    'test/cat/3.jpg': await jpeg(1),
    'test/dog/4.jpg': await jpeg(4),
    'loose.jpg': await jpeg(5),
    'train/cat/bad.jpg': 'x',
  });
  const { datasetId: id, job } = await calls['dataset.import'](importWish());
  await ended(lab, job);
  const paths = async (filter: object, offset = 0, limit = 100) => {
    const { total, items } = await calls['dataset.items']({ id, filter, offset, limit });
    return [total, ...items.map((item) => item.path)];
  };
  const all = [
    'loose.jpg',
    'test/cat/3.jpg',
    'test/dog/4.jpg',
    'train/cat/1.jpg',
    'train/cat/bad.jpg',
    'train/dog/100%_odd.jpg',
    'train/dog/2.jpg',
  ];
  expect(await paths({})).toEqual([7, ...all]);
  expect(await paths({}, 2, 2)).toEqual([7, all[2], all[3]]);
  expect(await paths({}, 50)).toEqual([7]);
  expect(await paths({ label: 'dog', split: 'train' })).toEqual([2, 'train/dog/100%_odd.jpg', 'train/dog/2.jpg']);
  expect(await paths({ label: null })).toEqual([1, 'loose.jpg']);
  expect(await paths({ split: null })).toEqual([1, 'loose.jpg']);
  expect(await paths({ status: 'problem' })).toEqual([1, 'train/cat/bad.jpg']);
  expect(await paths({ text: '0%_' })).toEqual([1, 'train/dog/100%_odd.jpg']);
  expect(await paths({ text: 'TEST/' })).toEqual([2, 'test/cat/3.jpg', 'test/dog/4.jpg']);
  expect(await paths({ duplicates: true })).toEqual([2, 'test/cat/3.jpg', 'train/cat/1.jpg']);
  expect(await paths({ leaks: true })).toEqual([1, 'test/cat/3.jpg']);
  const { items } = await calls['dataset.items']({ id, filter: {}, offset: 3, limit: 1 });
  expect(await calls['dataset.item']({ itemId: items[0]!.id })).toEqual({ ...items[0], datasetId: id });
  await expect((async () => calls['dataset.item']({ itemId: 9999 }))()).rejects.toMatchObject({ code: 'not-found' });
  await expect(
    (async () => calls['dataset.items']({ id: 9999, filter: {}, offset: 0, limit: 1 }))(),
  ).rejects.toMatchObject({ code: 'not-found' });
});

test('deleting forgets the rows and leaves the files; while a job works on it, it is refused', async () => {
  const files: Record<string, Buffer> = {};
  const picture = await jpeg(1);
  for (let i = 0; i < 2000; i++) files[`a/${i}.jpg`] = Buffer.concat([picture, Buffer.from(String(i))]);
  put(lab.folder, files);
  const { datasetId: id, job } = await calls['dataset.import'](importWish());
  for (const refused of [
    calls['dataset.delete']({ id }),
    (async () => calls['dataset.rescan']({ id }))(),
    calls['dataset.split']({ id, mode: 'folders' }),
  ])
    await expect(refused).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('import') });
  await ended(lab, job);
  expect(await calls['dataset.delete']({ id })).toBeNull(); // its full decode under way is stopped for it
  expect(await calls['dataset.list']({})).toEqual([]);
  expect(existsSync(path.join(lab.folder, 'a', '0.jpg'))).toBe(true);
  expect(lab.engine.db.prepare('SELECT count(*) FROM item').pluck().get()).toBe(0);
  const again = await calls['dataset.import'](importWish());
  expect(again.datasetId).not.toBe(id);
  await ended(lab, again.job);
});

test('only a demo inside the data folder goes with its dataset', async () => {
  const demo = path.join(lab.engine.dirs.data, 'demo');
  put(demo, { 'a/1.jpg': await jpeg(1) });
  const { importFolder } = await import('../../../electron/engine/datasets/import.ts');
  const own = await importFolder(lab.engine, { path: demo, demo: true });
  put(lab.folder, { 'a/1.jpg': await jpeg(1) });
  const elsewhere = await importFolder(lab.engine, { path: lab.folder, demo: true });
  await calls['dataset.delete']({ id: own.datasetId });
  await calls['dataset.delete']({ id: elsewhere.datasetId });
  expect(existsSync(demo)).toBe(false);
  expect(existsSync(path.join(lab.folder, 'a/1.jpg'))).toBe(true);
});

test('rename, split and relink through their calls', async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 10; i++) files[`${i % 2 ? 'a' : 'b'}/${i}.jpg`] = await jpeg(i);
  put(lab.folder, files);
  const { datasetId: id, job } = await calls['dataset.import'](importWish());
  await verified(job);
  expect(await calls['dataset.rename']({ id, name: ' Pets ' })).toMatchObject({ name: 'Pets' });
  expect(await calls['dataset.split']({ id, mode: 'stratified', testFraction: 0.4, seed: 3 })).toMatchObject({
    splitSeed: 3,
    classes: [
      { name: 'a', train: 3, test: 2 },
      { name: 'b', train: 3, test: 2 },
    ],
  });
  const moved = path.join(lab.dir, 'moved');
  renameSync(lab.folder, moved);
  const lost = await ended(lab, await calls['dataset.rescan']({ id }));
  expect(lost).toMatchObject({ status: 'paused', resumable: true, error: { code: 'offline' } });
  expect(await calls['dataset.get']({ id })).toMatchObject({ state: 'offline' });
  expect(await ended(lab, await calls['dataset.relink']({ id, path: moved }))).toMatchObject({
    status: 'done',
    result: { added: 0, changed: 0, moved: 0, deleted: 0, unchanged: 10 },
  });
  expect(await calls['dataset.get']({ id })).toMatchObject({ state: 'ready', path: moved, splitSeed: 3 });
});

test('an import whose engine dies goes on at the next start', async () => {
  const files: Record<string, Buffer> = {};
  const picture = await jpeg(1);
  for (let i = 0; i < 3000; i++) files[`a/${i}.jpg`] = Buffer.concat([picture, Buffer.from(String(i))]);
  put(lab.folder, files);
  const { datasetId: id, job } = await calls['dataset.import'](importWish());
  // A few batches at most are under way when the first rows are there: the rest is still to come.
  const rows = lab.engine.db.prepare('SELECT count(*) FROM item').pluck();
  while (rows.get() === 0) await new Promise((resolve) => setImmediate(resolve));
  await lab.stop();
  lab = await openLab(lab.dir);
  calls = datasetHandlers(lab.engine);
  expect(lab.engine.jobs.get(job.id)).toMatchObject({ status: 'interrupted', resumable: true });
  const half = await calls['dataset.get']({ id });
  expect(half.state).toBe('importing');
  expect(half.files).toBeGreaterThan(0);
  expect(half.files).toBeLessThan(3000);
  lab.engine.jobs.resume(job.id);
  expect(await ended(lab, job)).toMatchObject({ status: 'done', result: { items: 3000 } });
});

test('a re-scan that finishes a killed import settles its row', async () => {
  put(lab.folder, { 'a/1.jpg': await jpeg(1), 'b/1.jpg': await jpeg(2) });
  const { datasetId: id, job } = await calls['dataset.import'](importWish());
  const verify = await verified(job);
  lab.engine.db
    .prepare(`UPDATE job SET status = 'interrupted', result = NULL WHERE id IN (?, ?)`)
    .run(job.id, verify.id); // as after a kill
  const rescan = await ended(lab, await calls['dataset.rescan']({ id }));
  expect(lab.engine.jobs.get(job.id)).toMatchObject({
    status: 'done',
    result: { finishedBy: rescan.id },
    resumable: false,
  });
  expect(lab.engine.jobs.log(job.id).at(-1)?.text).toBe(`Job ${rescan.id} did the rest.`);
  expect(lab.engine.jobs.get(verify.id).status).toBe('interrupted'); // decoding is another matter
});

test('the full decode pauses when the folder goes away and blames no file', async () => {
  put(lab.folder, { 'a/1.jpg': await jpeg(1), 'a/2.jpg': await jpeg(2) });
  const { datasetId: id, job } = await calls['dataset.import'](importWish());
  await verified(job);
  lab.engine.db.prepare('UPDATE item SET verified = 0').run();
  renameSync(lab.folder, `${lab.folder}-away`);
  const paused = await ended(lab, lab.engine.jobs.start('verify', { datasetId: id }));
  expect(paused).toMatchObject({ status: 'paused', error: { code: 'offline' } });
  expect(await calls['dataset.get']({ id })).toMatchObject({ state: 'offline', problems: 0 });
  renameSync(`${lab.folder}-away`, lab.folder);
  lab.engine.jobs.resume(paused.id);
  expect(await ended(lab, paused)).toMatchObject({ status: 'done', result: { checked: 2, problems: 0 } });
  expect(await calls['dataset.get']({ id })).toMatchObject({ state: 'ready', verified: { done: 2, total: 2 } });
});

test('an import of nothing readable in a list ends as failed and leaves no dataset', async () => {
  const list = path.join(lab.folder, 'list.csv');
  writeFileSync(list, 'path,label\nmissing.jpg,cat\n');
  const { job } = await calls['dataset.import']({ ...importWish(), path: list });
  expect(await ended(lab, job)).toMatchObject({ status: 'failed', error: { code: 'bad-request' } });
  expect(await calls['dataset.list']({})).toEqual([]);
});
