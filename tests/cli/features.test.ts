// `lab compare --features`: given vectors, against sums done here and against figures stated for real CLIP features.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readNpy, writeNpy } from '../../electron/engine/npy.ts';
import { randomOf } from '../../shared/protocol.ts';
import type { Report } from '../../shared/report.ts';
import { sharedPath } from '../helpers/shared.ts';
import { lab, start, workplace } from './lab.ts';

const { dir, at, remove } = workplace();
afterAll(remove);

const NAMES = ['zebra', 'ant', 'mole, blind'];
const [N, DIM, K] = [90, 8, 3];
/** Steps of 1/64, which half precision holds exactly. */
const features = new Float32Array(N * DIM);
const texts = new Float32Array(K * DIM);
const truth = Array.from({ length: N }, (_, i) => i % K);
const splits = truth.map((_, i) => (i < 45 ? 'train' : i < 57 ? 'val' : 'test'));
const NO_LABEL = [50, 60, 61];

/** Little-endian half precision of multiples of 1/64 below 8. */
function half(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, (value) => {
    if (value === 0) return 0;
    const exponent = Math.floor(Math.log2(Math.abs(value)));
    return (
      (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024)
    );
  });
}

function npy(descr: string, body: ArrayBufferView, rows: number, fortran = false): Uint8Array {
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${rows}, ${DIM}), }`;
  const header = `${dict.padEnd(117)}\n`;
  return Buffer.concat([
    Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0]),
    Buffer.from(header),
    Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  ]);
}

beforeAll(() => {
  const random = randomOf(3);
  const step = (value: number) => Math.round(value * 64) / 64;
  for (let c = 0; c < K; c++) for (let d = 0; d < DIM; d++) texts[c * DIM + d] = step(random() - 0.5);
  for (let i = 0; i < N; i++)
    for (let d = 0; d < DIM; d++) features[i * DIM + d] = step(texts[truth[i]! * DIM + d]! + 2 * (random() - 0.5));
  writeFileSync(at('X.npy'), writeNpy(features, [N, DIM]));
  writeFileSync(at('X16.npy'), npy('<f2', half(features), N));
  writeFileSync(at('T.npy'), writeNpy(texts, [K, DIM]));
  writeFileSync(at('names.json'), JSON.stringify(NAMES));
  const lines = truth.map((c, i) => `"${NO_LABEL.includes(i) ? '' : NAMES[c]}",${splits[i]},img/${i}.png`);
  writeFileSync(at('y.csv'), `label,split,path\n${lines.join('\n')}\n`);
});

const row = (matrix: Float32Array, i: number) => {
  const values = Array.from(matrix.subarray(i * DIM, (i + 1) * DIM));
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
};
const dot = (a: number[], b: number[]) => a.reduce((sum, value, d) => sum + value * b[d]!, 0);
const used = truth.flatMap((_, i) => (NO_LABEL.includes(i) ? [] : [i]));
const test_ = used.filter((i) => splits[i] === 'test');
const nearest = (centres: number[][]) =>
  test_
    .map((i) => centres.map((centre) => dot(row(features, i), centre)))
    .map((cosines) => cosines.indexOf(Math.max(...cosines)));
const share = (predicted: number[]) => predicted.filter((c, n) => c === truth[test_[n]!]).length / test_.length;

const run = (...args: string[]) => lab(dir, 'compare', '--features', at('X.npy'), '--labels', at('y.csv'), ...args);

test('zero-shot and nearest mean agree with sums done by hand', async () => {
  const { code, stdout, stderr } = await run(
    '--text-features',
    at('T.npy'),
    '--class-names',
    at('names.json'),
    '--methods',
    'zero-shot,nearest-mean',
    '--shots',
    'all',
    '--seeds',
    '2',
    '--json',
    '--out',
    at('out'),
  );
  expect(stderr).not.toMatch(/Error/);
  expect(code).toBe(0);
  const report = JSON.parse(stdout) as Report;
  expect(report.classes).toEqual(NAMES);
  expect(report.counts).toMatchObject({ train: 45, val: 11, test: 31, excluded: 3 });
  expect(report.excluded).toContainEqual({ path: 'img/60.png', reason: 'no label' });

  const byText = nearest(NAMES.map((_, c) => row(texts, c)));
  const means = NAMES.map((_, c) => {
    const own = used.filter((i) => splits[i] === 'train' && truth[i] === c).map((i) => row(features, i));
    const sum = own[0]!.map((_, d) => own.reduce((total, one) => total + one[d]!, 0));
    const length = Math.hypot(...sum);
    return sum.map((value) => value / length);
  });
  const of = (method: string, seed: number | null) =>
    report.results.find((one) => one.method === method && one.seed === seed)!;
  expect(share(byText)).toBeGreaterThan(0.5);
  expect(share(byText)).toBeLessThan(1);
  expect(of('zero-shot', null)).toMatchObject({ shots: 0, accuracy: share(byText) });
  for (const seed of [0, 1]) expect(of('nearest-mean', seed).accuracy).toBeCloseTo(share(nearest(means)), 12);

  const lines = parse(readFileSync(at('out', 'predictions.csv')), { columns: true }) as Record<string, string>[];
  const said = lines.filter((line) => line.method === 'zero-shot');
  expect(said.map((line) => line.predicted)).toEqual(byText.map((c) => NAMES[c]));
  expect(said.map((line) => line.path)).toEqual(test_.map((i) => `img/${i}.png`));
  // softmax(100 x cosine) of the predicted class
  const first = NAMES.map((_, c) => 100 * dot(row(features, test_[0]!), row(texts, c)));
  const p = Math.exp(Math.max(...first)) / first.reduce((sum, logit) => sum + Math.exp(logit), 0);
  expect(Number(said[0]!.p)).toBeCloseTo(p, 4);
}, 120_000);

test('half precision gives the same report; without names the classes are the sorted labels', async () => {
  const args = ['--methods', 'nearest-mean,knn', '--shots', '1,4', '--seeds', '2', '--json'];
  const [single, double] = [
    await run(...args),
    await lab(dir, 'compare', '--features', at('X16.npy'), '--labels', at('y.csv'), ...args),
  ];
  const [a, b] = [JSON.parse(single.stdout) as Report, JSON.parse(double.stdout) as Report];
  expect(a.classes).toEqual(['ant', 'mole, blind', 'zebra']);
  expect(b.results.map((one) => one.accuracy)).toEqual(a.results.map((one) => one.accuracy));
}, 120_000);

test('labels with semicolons, mixed ends of lines and letters as a Mac writes them are the same labels', async () => {
  const plain = JSON.parse(
    (await lab(dir, 'compare', '--features', at('X.npy'), '--labels', at('y.csv'), '--json')).stdout,
  );
  const [head, ...lines] = readFileSync(at('y.csv'), 'utf8').trim().split('\n');
  const accented = lines.map((line) => line.replace('ant', 'a\u0301nt').replace(/,(?=\w+,img)|,(?=img)/g, ';'));
  writeFileSync(at('mixed.csv'), `${head!.replaceAll(',', ';')}\r\n${accented.join('\n')}\n`);
  writeFileSync(at('accented.json'), JSON.stringify(['mole, blind', 'zebra', '\u00e1nt']));
  const more = ['--class-names', at('accented.json'), '--json'];
  const end = await lab(dir, 'compare', '--features', at('X.npy'), '--labels', at('mixed.csv'), ...more);
  expect(end.stderr).not.toMatch(/rror/);
  const mixed: Report = JSON.parse(end.stdout);
  expect(mixed.classes).toEqual(['mole, blind', 'zebra', '\u00e1nt']);
  expect(mixed.counts.test).toBe(plain.counts.test);
}, 60_000);

test('a matrix stored by columns, as pandas hands it out, gives the same report', async () => {
  const columns = features.map((_, at) => features[(at % N) * DIM + Math.floor(at / N)]!);
  writeFileSync(at('XF.npy'), npy('<f4', columns, N, true));
  const args = ['--labels', at('y.csv'), '--methods', 'nearest-mean,knn', '--shots', '2', '--seeds', '2', '--json'];
  const [byRows, byColumns] = [
    await lab(dir, 'compare', '--features', at('X.npy'), ...args),
    await lab(dir, 'compare', '--features', at('XF.npy'), ...args),
  ];
  const numbers = ({ stdout }: { stdout: string }) =>
    (JSON.parse(stdout) as Report).results.map(({ accuracy, logLoss }) => [accuracy, logLoss]);
  expect(numbers(byColumns)).toEqual(numbers(byRows));
}, 120_000);

test('without a split column the test is drawn from every class', async () => {
  writeFileSync(at('plain.csv'), `label\n${truth.map((c) => `"${NAMES[c]}"`).join('\n')}\n`);
  const end = await lab(
    dir,
    'compare',
    '--features',
    at('X.npy'),
    '--labels',
    at('plain.csv'),
    '--test-fraction',
    '0.3',
    '--methods',
    'nearest-mean',
    '--shots',
    '2',
    '--seeds',
    '1',
    '--json',
  );
  const { counts, protocol } = JSON.parse(end.stdout) as Report;
  expect(counts.perClass).toEqual(
    Object.fromEntries([...NAMES].sort().map((name) => [name, { train: 21, val: 0, test: 9 }])),
  );
  expect(protocol.splitSource).toBe('stratified, seed 0, test fraction 0.3');
}, 120_000);

test('a drawn test leaves val alone and takes rows without a split', async () => {
  const lines = truth.map((c, i) => `"${NAMES[c]}",${i < 6 ? '' : splits[i]}`);
  writeFileSync(at('partly.csv'), `label,split\n${lines.join('\n')}\n`);
  const args = ['--labels', at('partly.csv'), '--test-fraction', '0.5', '--methods', 'nearest-mean', '--shots', '1'];
  const end = await lab(dir, 'compare', '--features', at('X.npy'), ...args, '--seeds', '1', '--json');
  expect((JSON.parse(end.stdout) as Report).counts).toMatchObject({ train: 39, val: 12, test: 39, excluded: 0 });
}, 120_000);

test('what does not fit is said with both numbers', async () => {
  writeFileSync(at('short.csv'), 'label\na\nb\n');
  writeFileSync(at('other.csv'), `label\n${truth.map((_, i) => `name${i % 4}`).join('\n')}\n`);
  writeFileSync(at('T5.npy'), writeNpy(new Float32Array(K * 5).fill(1), [K, 5]));
  writeFileSync(at('T2.npy'), writeNpy(new Float32Array(2 * DIM).fill(1), [2, DIM]));
  writeFileSync(at('digits.csv'), `label\n${truth.join('\n')}\n`);
  writeFileSync(at('digits.json'), '{"2": "two", "0": "zero", "1": "one"}');
  writeFileSync(at('no-column.csv'), 'class,split\na,train\n');
  const cases: [string[], number, RegExp][] = [
    [['--labels', at('short.csv')], 1, /X\.npy has 90 rows, .*short\.csv has 2/],
    [['--labels', at('other.csv'), '--class-names', at('names.json')], 1, /row 0: the label "name0" is not in/],
    [['--labels', at('y.csv'), '--text-features', at('T5.npy')], 1, /T5\.npy has 5 dimensions, .*X\.npy has 8/],
    [['--labels', at('y.csv'), '--text-features', at('T2.npy')], 1, /T2\.npy has 2 rows for 3 classes/],
    [['--labels', at('no-column.csv')], 1, /no column "label".*class, split/],
    [[], 2, /--features needs --labels/],
    [['--labels', at('y.csv'), '--model', 'hog'], 2, /--model does nothing with --features/],
    [['--labels', at('y.csv'), '--templates', 'a {}'], 2, /--templates does nothing with --features/],
    [['--labels', at('digits.csv'), '--class-names', at('digits.json')], 1, /digits\.json: numbers as classes/],
  ];
  for (const [args, code, words] of cases) {
    const end = await lab(dir, 'compare', '--features', at('X.npy'), ...args);
    expect(end.stderr).toMatch(words);
    expect(end.code).toBe(code);
  }
}, 120_000);

test('a report is printed whole to a reader that takes its time', async () => {
  const args = ['compare', '--features', at('X.npy'), '--labels', at('y.csv'), '--methods', 'nearest-mean,knn'];
  const run = start(dir, [...args, '--shots', '1,2,4,8', '--seeds', '100', '--json']);
  run.child.stdout!.pause();
  await run.saw(/fitting/);
  await sleep(8000); // longer than the shell waits for what libraries left running
  run.child.stdout!.resume();
  const { code, stdout } = await run.ended;
  expect(stdout.length).toBeGreaterThan(300_000); // more than the system keeps between two processes
  expect((JSON.parse(stdout) as Report).results).toHaveLength(800);
  expect(code).toBe(0);
}, 120_000);

const images = sharedPath('features/clip-b32-image-flickr1000.npy');
test.skipIf(!images)(
  'features/clip-b32-image-flickr1000.npy of ../shared: zero-shot over seven names is 86.71 % of 286, macro recall 89.51 %',
  async () => {
    const words = ['dog', 'boat', 'bicycle', 'horse', 'motorcycle', 'snowboard', 'skateboard'];
    const json = (name: string) => JSON.parse(readFileSync(sharedPath(`features/${name}`)!, 'utf8')) as unknown;
    const captions = Object.values(json('clip-b32-image-flickr1000.captions.json') as Record<string, unknown>);
    const labels = captions.map((caption) => {
      const found = words.filter((word) => new RegExp(`\\b${word}s?\\b`).test(JSON.stringify(caption).toLowerCase()));
      return found.length === 1 ? found[0]! : '';
    });
    const all = readNpy(readFileSync(sharedPath('features/clip-b32-text-lvis1203.npy')!), 'T');
    const names = json('lvis1203.names.json') as string[];
    const chosen = new Float32Array(words.length * 512);
    for (const [c, word] of words.entries())
      chosen.set(
        (all.data as Float32Array).subarray(names.indexOf(word) * 512, (names.indexOf(word) + 1) * 512),
        c * 512,
      );
    writeFileSync(at('T7.npy'), writeNpy(chosen, [7, 512]));
    writeFileSync(at('words.json'), JSON.stringify(words));
    writeFileSync(at('flickr.csv'), `label,split\n${labels.map((label) => `${label},test`).join('\n')}\n`);
    const { code, stdout, stderr } = await lab(
      dir,
      'compare',
      '--features',
      images!,
      '--labels',
      at('flickr.csv'),
      '--text-features',
      at('T7.npy'),
      '--class-names',
      at('words.json'),
      '--methods',
      'zero-shot',
      '--json',
    );
    expect(stderr).not.toMatch(/Error/);
    const report = JSON.parse(stdout) as Report;
    expect(report.counts).toMatchObject({ test: 286, excluded: 714 });
    expect(Object.values(report.counts.perClass).map((one) => one.test)).toEqual([231, 5, 11, 10, 4, 3, 22]);
    const row = report.results[0]!;
    expect((100 * row.accuracy).toFixed(2)).toBe('86.71');
    const recalls = Object.values(row.perClass);
    expect(((100 * recalls.reduce((a, b) => a + b, 0)) / recalls.length).toFixed(2)).toBe('89.51');
    expect(code).toBe(0);
  },
  120_000,
);
