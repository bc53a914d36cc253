// `lab compare` on images, as a process: what it writes, what it prints, how it ends.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine } from '../../electron/engine/engine.ts';
import type { Report } from '../../shared/report.ts';
import { CLASSES, drawImages, lab, start, workplace } from './lab.ts';

const { dir, at, remove } = workplace();
const folder = at('shapes');

beforeAll(async () => {
  await drawImages(at('shapes', 'train'), 8);
  await drawImages(at('shapes', 'test'), 5, 100);
  writeFileSync(at('shapes', 'train', 'circle', 'broken.png'), 'this is no image');
  writeFileSync(at('none.txt'), '# a comment only\n');
  writeFileSync(at('blank.json'), '{"circle": " "}');
  writeFileSync(at('again.csv'), 'class,words\ncircle,a ring\ncircle,a disc\n');
}, 120_000);
afterAll(remove);

test('writes every file, prints the table, and counts what it left out', async () => {
  const { code, stdout, stderr } = await lab(
    dir,
    'compare',
    folder,
    '--shots',
    '1,4',
    '--seeds',
    '3',
    '--out',
    at('out'),
  );
  expect(stderr).not.toMatch(/ at .*\.ts:/);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^shapes: 3 classes, 15 test images, 3 seeds, hog \(no pretraining\)/);
  expect(stdout).toContain('1 file left out');
  const report = JSON.parse(readFileSync(at('out', 'report.json'), 'utf8')) as Report;
  expect(report).toMatchObject({
    version: 1,
    classes: CLASSES,
    complete: true,
    omitted: [],
    model: 'hog',
    dataset: { name: 'shapes', path: folder },
  });
  expect(report.counts).toMatchObject({
    train: 24,
    test: 15,
    excluded: 1,
    perClass: { circle: { train: 8, val: 0, test: 5 } },
  });
  expect(report.excluded).toEqual([{ path: 'train/circle/broken.png', reason: expect.any(String) }]);
  // nearest-mean, knn, linear-probe, discriminant; zero-shot was not asked for and does not apply
  expect(report.results).toHaveLength(4 * 2 * 3);
  for (const row of report.results) {
    expect(Object.keys(row)).toEqual(
      expect.arrayContaining([
        'method',
        'model',
        'shots',
        'seed',
        'accuracy',
        'macroF1',
        'logLoss',
        'ece',
        'perClass',
        'fitMs',
      ]),
    );
    expect(row.accuracy).toBeGreaterThanOrEqual(0);
    expect(row.accuracy).toBeLessThanOrEqual(1);
  }
  expect(report.summary).toHaveLength(4 * 2);
  expect(report.summary.find((row) => row.method === 'linear-probe' && row.shots === 4)!.mean).toBeGreaterThan(0.6);
  expect(report.environment.lab).toBe('0.1.0');

  const predictions = parse(readFileSync(at('out', 'predictions.csv')), { columns: true }) as Record<string, string>[];
  expect(predictions).toHaveLength(24 * 15);
  const probe = report.results.find((row) => row.method === 'linear-probe' && row.shots === 4 && row.seed === 2)!;
  const own = predictions.filter((line) => line.method === 'linear-probe' && line.shots === '4' && line.seed === '2');
  expect(own.filter((line) => line.label === line.predicted).length / own.length).toBeCloseTo(probe.accuracy, 12);
  expect(own.every((line) => line.path!.startsWith(`test/${line.label}/`))).toBe(true);
  for (const name of ['chart.svg', 'chart.png', 'report.html']) expect(existsSync(at('out', name))).toBe(true);
}, 120_000);

test('--json prints the report and nothing else; a second run embeds nothing and says the same numbers', async () => {
  const { code, stdout } = await lab(dir, 'compare', folder, '--shots', '1,4', '--seeds', '3', '--json');
  expect(code).toBe(0);
  const again = JSON.parse(stdout) as Report;
  const first = JSON.parse(readFileSync(at('out', 'report.json'), 'utf8')) as Report;
  expect(again.models[0]!.embedded).toBe(0);
  const numbers = (report: Report) => report.results.map(({ fitMs: _, ...row }) => row);
  expect(numbers(again)).toEqual(numbers(first));
  expect(existsSync(at('lab-report'))).toBe(false);
  const db = new Sqlite(at('data', 'lab.sqlite'), { readonly: true });
  expect(db.prepare('SELECT count(*) FROM dataset').pluck().get()).toBe(1);
  db.close();
}, 120_000);

test('a row that cannot be had ends with 3 and says which and why', async () => {
  const { code, stdout, stderr } = await lab(
    dir,
    'compare',
    folder,
    '--methods',
    'zero-shot,knn',
    '--shots',
    '1,64',
    '--seeds',
    '2',
    '--json',
  );
  expect(code).toBe(3);
  expect(stderr).toMatch(/Missing: 64 shots: .*training items/);
  expect(stderr).toMatch(/Missing: zero-shot, hog: .*no text side/);
  const report = JSON.parse(stdout) as Report;
  expect(report.complete).toBe(false);
  expect(report.results).toHaveLength(2);
}, 120_000);

test('--test-dir takes the test from another folder; --test-fraction draws it', async () => {
  const pair = await lab(
    dir,
    'compare',
    at('shapes', 'train'),
    '--test-dir',
    at('shapes', 'test'),
    '--methods',
    'nearest-mean',
    '--shots',
    '4',
    '--seeds',
    '1',
    '--json',
  );
  expect(pair.stderr).not.toContain('Error');
  const paired = JSON.parse(pair.stdout) as Report;
  expect(paired.dataset.name).toBe('train');
  expect(paired.counts).toMatchObject({ train: 24, test: 15, excluded: 1 });

  const drawn = await lab(
    dir,
    'compare',
    at('shapes', 'test'),
    '--test-fraction',
    '0.4',
    '--methods',
    'nearest-mean',
    '--shots',
    '2',
    '--seeds',
    '1',
    '--json',
  );
  expect((JSON.parse(drawn.stdout) as Report).counts).toMatchObject({ train: 9, test: 6 });
  const other = await lab(
    dir,
    'compare',
    at('shapes', 'test'),
    '--test-fraction',
    '0.2',
    '--methods',
    'nearest-mean',
    '--shots',
    '2',
    '--seeds',
    '1',
    '--json',
  );
  expect((JSON.parse(other.stdout) as Report).counts).toMatchObject({ train: 12, test: 3 });
  const inside = await lab(dir, 'compare', folder, '--test-dir', at('shapes', 'train', 'circle'));
  expect(inside).toMatchObject({ code: 2, stdout: '' });
}, 120_000);

test('--test-dir reads both folders as an import does: splits by any name, val beside train, a folder around all', async () => {
  await drawImages(at('apart', 'Train'), 4, 200);
  await drawImages(at('apart', 'Valid'), 2, 210);
  await drawImages(at('tests', 'images'), 3, 220);
  const counts = async (test: string) => {
    const args = ['--methods', 'nearest-mean', '--shots', '1', '--seeds', '1', '--json'];
    const { stdout } = await lab(dir, 'compare', at('apart'), '--test-dir', test, ...args);
    const report = JSON.parse(stdout) as Report;
    expect(report.classes).toEqual(CLASSES);
    return report.counts;
  };
  expect(await counts(at('tests'))).toMatchObject({ train: 12, val: 6, test: 9 });
  expect(await counts(at('apart', 'Valid'))).toMatchObject({ train: 12, val: 0, test: 6 });
  const flat = await lab(dir, 'compare', at('apart'), '--test-dir', at('tests', 'images', 'circle'));
  expect(flat).toMatchObject({ code: 1, stderr: expect.stringContaining('holds no usable image of a class') });
  const none = await lab(dir, 'compare', at('tests'), '--test-dir', at('apart'));
  expect(none).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('images for train and val, but none for test'),
  });
}, 120_000);

test('--test-fraction is of its own run: the next one finds the split of the folder, or the usual fifth', async () => {
  const counts = async (...args: string[]) => {
    const more = ['--methods', 'nearest-mean', '--shots', '1', '--seeds', '1', '--json'];
    const { code, stdout } = await lab(dir, 'compare', ...args, ...more);
    expect(code).toBe(0);
    const { train, test: tested } = (JSON.parse(stdout) as Report).counts;
    return [train, tested];
  };
  expect(await counts(folder, '--test-fraction', '0.5')).not.toEqual([24, 15]);
  expect(await counts(folder)).toEqual([24, 15]);
  await drawImages(at('fifths'), 10);
  expect(await counts(at('fifths'), '--test-fraction', '0.5')).toEqual([15, 15]);
  expect(await counts(at('fifths'))).toEqual([24, 6]);
}, 120_000);

test.each([
  [['compare'], 2, 'The folder is missing'],
  [['compare', 'a', 'b'], 2, 'Only one folder is taken: b is too much'],
  [['compare', '.', '--methods', 'svm'], 2, 'there is no method "svm"'],
  [['compare', '.', '--shots', '1,x'], 2, '"x" is neither'],
  [['compare', '.', '--seeds', '0'], 2, '--seeds 0'],
  [['compare', '.', '--test-fraction', '1'], 2, '--test-fraction 1'],
  [['compare', '.', '--templates', 'a photo'], 2, 'nor a template with {}'],
  [['compare', '.', '--data-dir', ''], 2, '--data-dir is given without a value'],
  [['classify', '.', '--model', 'x', '--labels', 'a,b,a'], 2, '--labels names "a" twice'],
  [['compare', '.', '--nonsense'], 2, '--nonsense'],
  [['compare', '.', '--methods', ','], 2, '--methods names no method'],
  [['compare', '.', '--epochs', '3'], 2, '--epochs goes with methods that train'],
  [['compare', '.', '--templates', './none.txt'], 2, './none.txt: the file holds no template'],
  [['compare', '.', '--class-names', './blank.json'], 1, 'the class "circle" has no words'],
  [['compare', '.', '--class-names', './again.csv'], 1, 'names the class "circle" twice'],
  [['compare', '.', '--model', 'hog', '--model', 'hog'], 2, '--model hog is given twice'],
  [['compare', '.', '--device', 'tpu'], 2, 'there is no device "tpu"'],
  [['compare', './nowhere'], 1, 'There is no folder or list'],
  [['compare', '.', '--model', 'gpt-9'], 1, 'gpt-9'],
  [['frobnicate'], 2, 'There is no command "frobnicate"'],
])('lab %j ends with %i and one sentence', async (args, code, words) => {
  const end = await lab(dir, ...args);
  expect(end.code).toBe(code);
  expect(end.stderr).toContain(words);
  expect(end.stderr).not.toMatch(/\n\s+at /);
  expect(end.stdout).toBe('');
});

test('a class without a usable image is left out with the reason, and the rows are all there', async () => {
  await drawImages(at('gaps'), 5);
  mkdirSync(at('gaps', 'hexagon'));
  mkdirSync(at('gaps', 'aardvark'));
  writeFileSync(at('gaps', 'aardvark', 'broken.png'), 'this is no image');
  const args = ['--methods', 'nearest-mean', '--shots', '1', '--seeds', '2', '--json', '--out', at('gaps-out')];
  const { code, stdout } = await lab(dir, 'compare', at('gaps'), ...args);
  const report = JSON.parse(stdout) as Report;
  expect(report).toMatchObject({ classes: CLASSES, complete: true, omitted: [] });
  expect(report.excluded).toEqual([
    { path: 'aardvark/broken.png', reason: expect.any(String) },
    { path: 'aardvark', reason: 'the class has no usable image' },
    { path: 'hexagon', reason: 'the class has no usable image' },
  ]);
  expect(report.baselines.chance).toBeCloseTo(1 / CLASSES.length);
  const rows = parse(readFileSync(at('gaps-out', 'predictions.csv')), { columns: true }) as {
    label: string;
    path: string;
  }[];
  for (const row of rows) expect(row.path.startsWith(`${row.label}/`)).toBe(true);
  expect(code).toBe(0);
}, 120_000);

test('a list names files, labels and splits; a second run reuses its dataset', async () => {
  const line = (split: string, name: string, i: number) => `${split}/${name}/${name}-${i}.png,the ${name},${split}`;
  const lines = CLASSES.flatMap((name) => [
    ...Array.from({ length: 4 }, (_, i) => line('train', name, i)),
    line('test', name, 100),
  ]);
  writeFileSync(
    at('shapes', 'list.csv'),
    `path,label,split\n${lines.join('\n')}\ntrain/none/gone.png,the cross,train\ntrain/cross/cross-7.png,the cross,\n`,
  );
  const args = [
    'compare',
    at('shapes', 'list.csv'),
    '--methods',
    'nearest-mean',
    '--shots',
    '2',
    '--seeds',
    '1',
    '--json',
  ];
  const { code, stdout } = await lab(dir, ...args);
  expect(code).toBe(0);
  const report = JSON.parse(stdout) as Report;
  expect(report.classes).toEqual(CLASSES.map((name) => `the ${name}`));
  expect(report.counts).toMatchObject({ train: 12, val: 0, test: 3, excluded: 2 });
  expect(report.excluded).toEqual([
    { path: 'train/none/gone.png', reason: 'the file is not there' },
    { path: 'train/cross/cross-7.png', reason: 'no split' },
  ]);
  const count = () => {
    const db = new Sqlite(at('data', 'lab.sqlite'), { readonly: true });
    const datasets = db.prepare('SELECT count(*) FROM dataset').pluck().get();
    db.close();
    return datasets;
  };
  const before = count();
  expect((await lab(dir, ...args)).code).toBe(0);
  expect(count()).toBe(before);
}, 120_000);

test('an empty folder is refused with its name', async () => {
  mkdirSync(at('empty'));
  const { code, stderr } = await lab(dir, 'compare', at('empty'));
  expect(code).toBe(1);
  expect(stderr).toContain(at('empty'));
});

test('Ctrl C cancels the job and ends with 130; the rows so far are kept', async () => {
  const run = start(dir, ['compare', folder, '--shots', '1,2,4,8,all', '--seeds', '100', '--json']);
  await run.saw(/fitting: /);
  run.child.kill('SIGINT');
  const { code, stdout, stderr } = await run.ended;
  expect(code).toBe(130);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/Cancelled\.\n$/);
  const db = new Sqlite(at('data', 'lab.sqlite'), { readonly: true });
  expect(db.prepare(`SELECT status FROM job WHERE kind = 'compare' ORDER BY id DESC`).pluck().get()).toBe('cancelled');
  db.close();
}, 120_000);

test('a data folder that cannot be made is named in one sentence', async () => {
  writeFileSync(at('occupied'), 'a file');
  const { code, stderr } = await lab(dir, 'import', folder, '--data-dir', at('occupied'));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^The data folder \S+occupied cannot be made .*--data-dir or LAB_DATA_DIR\.\n$/);
});

test.runIf(process.platform === 'linux')(
  'a folder that nothing can be written into is refused before any work (needs Linux: /proc is such a one, for root too)',
  async () => {
    const { code, stdout, stderr } = await lab(dir, 'compare', folder, '--out', '/proc', '--json');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^The folder \/proc cannot be made or written to: .*--out\.\n$/);
  },
);

test('a list that names a file under two labels says which one counts', async () => {
  writeFileSync(at('shapes', 'twice.csv'), 'path,label\ntrain/circle/circle-1.png,a\ntrain/circle/circle-1.png,b\n');
  const { code, stdout, stderr } = await lab(dir, 'import', at('shapes', 'twice.csv'), '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ items: 1, classNames: ['a'] });
  expect(stderr).toContain('line 3: train/circle/circle-1.png is listed again as b; line 2 (a) counts.');
}, 120_000);

test('refuses a data folder that another engine holds, naming it', async () => {
  const holder = await createEngine({ host: 'window', dataDir: at('data') });
  try {
    const { code, stderr } = await lab(dir, 'compare', folder);
    expect(code).toBe(1);
    expect(stderr).toContain(`the lab's window (process ${process.pid})`);
  } finally {
    await holder.close();
  }
  expect((await lab(dir, 'import', folder)).code).toBe(0);
}, 120_000);
