// `lab finetune`, and `lab compare` with methods that train, as processes: files, JSON, exit codes, what is refused.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forecastLine, misfit } from '../../electron/cli/forecast.ts';
import { createEngine } from '../../electron/engine/engine.ts';
import type { FinetuneForecast, FinetuneReport } from '../../shared/finetune.ts';
import type { Report } from '../../shared/report.ts';
import { fixturePath, sharedPath } from '../helpers/shared.ts';
import { CLASSES, drawImages, lab, start, workplace } from './lab.ts';

const { dir, at, remove } = workplace();
const CLIP = fixturePath('tiny-clip');
const QUICK = [
  '--epochs',
  '2',
  '--batch',
  '6',
  '--lr',
  '1e-3',
  '--head-lr',
  '1e-2',
  '--augment',
  'none',
  '--threads',
  '1',
];

beforeAll(async () => {
  await drawImages(at('shapes', 'train'), 8);
  await drawImages(at('shapes', 'test'), 5, 100);
  writeFileSync(at('shapes', 'train', 'circle', 'broken.png'), 'this is no image');
}, 120_000);
afterAll(remove);

test('trains, prints the report alone, and writes a model that every command reads', async () => {
  const out = at('models', 'shapes-clip');
  const args = ['finetune', at('shapes'), '--model', CLIP, '--shots', '4', ...QUICK, '--out', out];
  const run = await lab(dir, ...args, '--control', at('shapes'), '--control-labels', 'a ring,a plus,a box', '--json');
  expect(run.stderr).not.toMatch(/\n\s+at /);
  expect(run.code).toBe(0);
  const report = JSON.parse(run.stdout) as FinetuneReport;
  expect(report).toMatchObject({
    method: 'fine-tune',
    classes: CLASSES,
    shots: 4,
    counts: { train: 12, test: 15, excluded: 1 },
    settings: { epochs: 2, batch: 6, lr: 1e-3, headLr: 1e-2, augment: 'none' },
    control: { by: 'captions', classes: 3 },
  });
  expect(report.excluded).toEqual([{ path: 'train/circle/broken.png', reason: expect.any(String) }]);
  expect(report.wise[0]!.control).toBe(report.control!.before);
  expect(report.wise.at(-1)!.control).toBe(report.control!.after);
  expect(run.stderr).toContain('broken.png');
  // nothing is left among the app's own models
  expect(existsSync(at('data', 'models')) ? readdirSync(at('data', 'models')) : []).toEqual([]);
  expect(readFileSync(path.join(out, 'README.md'), 'utf8')).toContain('shapes');

  const listed = await lab(dir, 'models', '--models-dir', at('models'), '--json');
  const models = JSON.parse(listed.stdout) as { id: string; hasText?: boolean }[];
  expect(models.map(({ id }) => id)).toContain('shapes-clip');
  const compared = await lab(
    dir,
    ...['compare', at('shapes'), '--model', out, '--methods', 'linear-probe', '--shots', '4', '--seeds', '1', '--json'],
  );
  expect(compared.code).toBe(0);
  expect((JSON.parse(compared.stdout) as Report).results).toHaveLength(1);
  const sorted = await lab(dir, 'classify', at('shapes', 'test'), '--model', out, '--labels', 'circle,cross,square');
  expect(sorted.code).toBe(0);
  expect((parse(sorted.stdout, { columns: true }) as unknown[]).length).toBe(15);

  const again = await lab(dir, ...args);
  expect(again).toMatchObject({ code: 2, stdout: '' });
  expect(again.stderr).toContain(`--out ${out}: there is something there already`);
}, 120_000);

test('in words says the accuracy, the probe beside it, and what was saved', async () => {
  const out = at('models', 'half');
  const lora = ['--method', 'lora', '--targets', 'q,v', '--rank', '2', '--encoders', 'vision'];
  const args = [...lora, '--shots', 'all', '--wise', '0.5', '--out', out];
  const { code, stdout, stderr } = await lab(dir, 'finetune', at('shapes'), '--model', CLIP, ...QUICK, ...args);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^lora of .* on shapes: \d+ images \(all/);
  expect(stdout).toMatch(/the probe on the same images: [\d.]+ %/);
  expect(stdout).toContain(`Saved to ${out}.`);
  expect(stderr).toMatch(/^Forecast: \d+ steps of [\d.e-]+ s, about \d+ s in all; [\d.]+ GB of memory/m);
}, 120_000);

test('LoRA on both encoders or one, as long as CLIP-LoRA’s', async () => {
  const trained = async (...args: string[]) => {
    const given = ['--method', 'lora', '--shots', '2', '--steps-per-shot', '3', '--augment', 'none', '--json', ...args];
    const end = await lab(dir, 'finetune', at('shapes'), '--model', CLIP, ...given);
    expect(end.code, end.stderr).toBe(0);
    const { settings, trainedParameters, epochs } = JSON.parse(end.stdout) as FinetuneReport;
    // 3 steps for each of 2 shots, all images in one batch
    expect([settings.epochs, epochs.length]).toEqual([6, 6]);
    return [settings.encoders, trainedParameters];
  };
  const [vision, text] = [2 * 3 * 2 * 2 * 64, 2 * 3 * 2 * 2 * 32];
  expect(await trained()).toEqual(['both', vision + text]);
  // an embedding of 32 numbers, and a bias, for each of 3 classes
  expect(await trained('--encoders', 'vision')).toEqual(['vision', vision + 3 * 33]);
  const both = await lab(
    dir,
    ...['finetune', at('shapes'), '--model', CLIP, '--method', 'lora', '--epochs', '1', '--steps-per-shot', '3'],
  );
  expect(both).toMatchObject({ code: 1, stdout: '' });
  expect(both.stderr).toContain('Epochs and steps per shot both say how long a run is. Give one of them.');
}, 120_000);

test('--recompute, more blocks than there are, and what a control set cost, in words', async () => {
  const args = ['--method', 'last-blocks', '--blocks', '9', '--recompute', '--shots', '2', '--control', at('shapes')];
  const { code, stdout, stderr } = await lab(dir, 'finetune', at('shapes'), '--model', CLIP, ...QUICK, ...args);
  expect(stderr).toContain('The model has 2 blocks, not 9: all of them are trained.');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ {2}[+-][\d.]+ on yours, [+-][\d.]+ on the control$/m);
}, 120_000);

test('a model that cannot be saved leaves the run, and says so; a control set that tells nothing is said once', async () => {
  const out = at('x'.repeat(300));
  const args = ['--method', 'biases', '--shots', '1', '--control', at('shapes'), '--out', out];
  const end = await lab(dir, 'finetune', at('shapes'), '--model', fixturePath('tiny-resnet'), ...QUICK, ...args);
  expect(end.code).toBe(1);
  expect(end.stderr).toContain('The run is kept: the screen Fine-tune (lab serve) saves it as a model');
  expect(end.stderr.match(/None of the control set’s classes/g)).toHaveLength(1);
}, 120_000);

test('a run that cannot fit is refused with what fits, as options', () => {
  const told: FinetuneForecast = {
    settings: {} as FinetuneForecast['settings'],
    trainItems: 12,
    steps: 24,
    secondsPerStep: 0.7083,
    seconds: 20.2,
    memoryBytes: 5.1e9,
    freeMemoryBytes: 2e9,
    diskBytes: 1e8,
    freeDiskBytes: 2e10,
    trainedParameters: 1000,
    problem: null,
    offers: [],
  };
  expect(misfit(told)).toBeNull();
  expect(forecastLine(told)).toBe(
    '24 steps of 0.71 s, about 21 s in all; 5.1 GB of memory (2.0 GB are free), 0.1 GB on the disk (20.0 GB are free)',
  );
  const problem = 'It needs about 5.1 GB of memory; 1.5 GB can be used.';
  expect(misfit({ ...told, problem })).toBe(
    `${problem} No lighter way of training this model fits either. --force runs it all the same.`,
  );
  const offers: FinetuneForecast['offers'] = [
    { label: 'worked out again', settings: { microBatch: 4, recompute: true }, memoryBytes: 1.4e9 },
    { label: 'the last block', method: 'last-blocks', settings: { blocks: 1, microBatch: 2 }, memoryBytes: 1e9 },
  ];
  const lines = misfit({ ...told, problem, offers })!.split('\n');
  expect(lines[1]).toMatch(/^ {2}--micro-batch 4 --recompute +worked out again: 1\.4 GB of memory$/);
  expect(lines[2]).toMatch(/^ {2}--method last-blocks --blocks 1 --micro-batch 2 +the last block: 1\.0 GB/);
});

const CLIP_RUN = ['finetune', '.', '--model', CLIP];
test.each([
  [['finetune'], 'The folder is missing'],
  [['finetune', 'a', 'b', '--model', CLIP], 'Only one folder is taken'],
  [['finetune', '.'], '--model is missing'],
  [[...CLIP_RUN, '--method', 'svm'], '--method: there is no method "svm". There are: fine-tune'],
  [[...CLIP_RUN, '--shots', '1,2'], '--shots takes one number'],
  [[...CLIP_RUN, '--shots', 'x'], '"x" is neither'],
  [[...CLIP_RUN, '--seed', '-1'], '--seed'],
  [[...CLIP_RUN, '--epochs', '0'], '--epochs 0'],
  [[...CLIP_RUN, '--epochs', 'ten'], '--epochs ten: a number is needed'],
  [[...CLIP_RUN, '--lr', ''], '--lr is given without a value'],
  [[...CLIP_RUN, '--method', 'clap', '--epochs', '3'], '--epochs goes with methods that train the encoder'],
  [[...CLIP_RUN, '--lr', '0'], '--lr 0'],
  [[...CLIP_RUN, '--batch', '1.5'], '--batch 1.5'],
  [[...CLIP_RUN, '--augment', 'wild'], '--augment wild: one of none, flip, crop, strong'],
  [[...CLIP_RUN, '--method', 'lora', '--targets', 'q,z'], '--targets q,z'],
  [[...CLIP_RUN, '--method', 'lora', '--encoders', 'text'], '--encoders text: one of both, vision'],
  [[...CLIP_RUN, '--encoders', 'both'], '--encoders goes with --method lora'],
  [[...CLIP_RUN, '--steps-per-shot', '0'], '--steps-per-shot 0'],
  [[...CLIP_RUN, '--rank', '4'], '--rank goes with --method lora'],
  [[...CLIP_RUN, '--blocks', '4'], '--blocks goes with --method last-blocks'],
  [[...CLIP_RUN, '--wise', '2', '--out', 'x'], '--wise 2: a number from 0 to 1'],
  [[...CLIP_RUN, '--wise', '0.5'], 'goes with --out'],
  [[...CLIP_RUN, '--control-labels', 'a,b'], '--control-labels goes with --control'],
  [[...CLIP_RUN, '--device', 'tpu'], 'there is no device "tpu"'],
  [[...CLIP_RUN, '--nonsense'], '--nonsense'],
])('lab %j ends with 2 and one sentence', async (args, words) => {
  const end = await lab(dir, ...args);
  expect(end.stderr).toContain(words);
  expect(end.code).toBe(2);
  expect(end.stderr).not.toMatch(/\n\s+at /);
  expect(end.stdout).toBe('');
});
test('--out in a file, or on one, is refused before anything is trained', async () => {
  writeFileSync(at('occupied'), 'a file');
  for (const out of [at('occupied'), at('occupied', 'inside')]) {
    const end = await lab(dir, ...CLIP_RUN, '--out', out);
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toContain('occupied');
    expect(end.stderr).not.toMatch(/\n\s+at /);
  }
});
test('as many words as the control set has classes are asked for before anything is trained', async () => {
  const args = ['--control', at('shapes'), '--control-labels', 'a ring,a plus'];
  const end = await lab(dir, 'finetune', at('shapes'), '--model', CLIP, ...QUICK, ...args);
  expect(end).toMatchObject({ code: 2, stdout: '' });
  expect(end.stderr).toContain('--control-labels has 2 names for the 3 classes of shapes: circle, cross, square.');
}, 60_000);
test('a model without weights, or without a text side, ends with 1 and the reason', async () => {
  const hog = await lab(dir, 'finetune', at('shapes'), '--model', 'hog');
  expect(hog).toMatchObject({ code: 1, stdout: '' });
  expect(hog.stderr).toMatch(/no weights to train/);
  const clap = await lab(dir, 'finetune', at('shapes'), '--model', fixturePath('tiny-resnet'), '--method', 'clap');
  expect(clap.code).toBe(1);
  expect(clap.stderr).toMatch(/no text side/);
}, 60_000);

const photos = sharedPath('images/photos-mixed');
const mobilenet = sharedPath('models/mobilenet-v2-imagenet');
const flowers = sharedPath('images/flowers12');
test.skipIf(!photos || !mobilenet || !flowers)(
  'a control set of ImageNet classes by MobileNet’s own (../shared/images/photos-mixed, flowers12, models/mobilenet-v2-imagenet)',
  async () => {
    for (const split of ['train', 'test'])
      for (const name of ['daisy', 'iris', 'pansy']) {
        mkdirSync(at('flowers', split, name), { recursive: true });
        for (const file of readdirSync(path.join(flowers!, split, name)).slice(0, 4))
          copyFileSync(path.join(flowers!, split, name, file), at('flowers', split, name, file));
      }
    for (const file of readdirSync(photos!).slice(7, 19)) {
      const name = file.replace(/^n\d+_|\.JPEG$/g, '');
      mkdirSync(at('photos', name), { recursive: true });
      copyFileSync(path.join(photos!, file), at('photos', name, file));
    }
    const args = ['--shots', '2', '--epochs', '1', '--batch', '6', '--control', at('photos'), '--json'];
    const { code, stdout, stderr } = await lab(dir, 'finetune', at('flowers'), '--model', mobilenet!, ...args);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(0);
    const { control, controlProblem, wise } = JSON.parse(stdout) as FinetuneReport;
    expect(controlProblem).toBeNull();
    expect(control).toMatchObject({ by: 'own-classes', classes: 12, items: 12 });
    expect(control!.before).toBeGreaterThan(0.8); // MobileNet knows them
    expect(wise[0]!.control).toBe(control!.before);
    expect(wise.at(-1)!.control).toBe(control!.after);
  },
  120_000,
);

describe('lab compare with methods that train', () => {
  const grid = (...more: string[]) => [
    'compare',
    at('shapes'),
    '--model',
    CLIP,
    '--methods',
    'linear-probe,fine-tune,lora',
    '--shots',
    '1,2',
    ...more,
  ];
  const TRAIN = ['--epochs', '3', '--batch', '6', '--lr', '1e-3', '--augment', 'none', '--threads', '1'];

  test('has their rows beside the others, in every file; what cannot be trained is said', async () => {
    const { code, stdout, stderr } = await lab(
      dir,
      ...grid('--model', 'hog', '--seeds', '2', '--out', at('report'), ...TRAIN),
    );
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(3);
    expect(stderr).toMatch(/Missing: fine-tune, hog: .*no weights to train/);
    expect(stderr).toMatch(/Missing: lora, hog: /);
    expect(stdout).toMatch(/^Fine-tune, tiny-clip +\d/m);
    const report = JSON.parse(readFileSync(at('report', 'report.json'), 'utf8')) as Report;
    const count = (method: string, model: string) =>
      report.results.filter((row) => row.method === method && row.model === model).length;
    expect(['linear-probe', 'fine-tune', 'lora'].map((method) => count(method, 'tiny-clip'))).toEqual([4, 4, 4]);
    expect(['linear-probe', 'fine-tune', 'lora'].map((method) => count(method, 'hog'))).toEqual([4, 0, 0]);
    expect(report.complete).toBe(false);
    const rows = parse(readFileSync(at('report', 'predictions.csv')), { columns: true }) as Record<string, string>[];
    expect(rows).toHaveLength(16 * 15);
    for (const result of report.results.filter(({ method }) => method !== 'linear-probe')) {
      const own = rows.filter(
        (row) => row.method === result.method && row.shots === String(result.shots) && row.seed === String(result.seed),
      );
      expect(own).toHaveLength(15);
      expect(own.filter((row) => row.label === row.predicted).length / 15).toBeCloseTo(result.accuracy, 12);
    }
    expect(readFileSync(at('report', 'chart.svg'), 'utf8')).toMatch(/LoRA/i);
    expect(existsSync(at('report', 'report.html'))).toBe(true);
    expect(
      existsSync(at('data', 'finetunes'))
        ? readdirSync(at('data', 'finetunes')).filter((name) => /comparison/.test(name))
        : [],
    ).toEqual([]);
  }, 120_000);

  test('goes on after kill -9 with the rows it had', async () => {
    const args = grid('--seeds', '2', '--json', ...TRAIN);
    const whole = await lab(dir, ...args);
    expect(whole.code).toBe(0);
    const { child, ended } = start(dir, args, { LAB_DATA_DIR: at('killed') });
    const read = () => {
      if (!existsSync(at('killed', 'lab.sqlite'))) return [];
      const db = new Sqlite(at('killed', 'lab.sqlite'), { readonly: true });
      try {
        return db.prepare("SELECT * FROM comparison_row WHERE method <> 'linear-probe'").all() as { result?: string }[];
      } catch {
        return []; // its tables are not made yet
      } finally {
        db.close();
      }
    };
    while (child.exitCode === null && read().length < 3) await sleep(10);
    child.kill('SIGKILL');
    await ended;
    const had = read();
    expect(had.length).toBeGreaterThanOrEqual(3);
    expect(had.length).toBeLessThan(8);

    const { handlers, engine, close } = await createEngine({
      host: 'cli',
      dataDir: at('killed'),
      modelsDirs: [fixturePath('')],
    });
    try {
      const job = handlers['job.list']({ limit: 10 }) as { id: number; kind: string; status: string }[];
      const cut = job.find(({ kind }) => kind === 'compare')!;
      expect(cut.status).toBe('interrupted');
      await handlers['job.resume']({ id: cut.id });
      expect(await engine.jobs.ended(cut.id)).toMatchObject({ status: 'done' });
      const now = read();
      for (const row of had) expect(now).toContainEqual(row); // its time of fitting too
      const { report } = (await handlers['compare.get']({ id: 1 })) as { report: Report | null };
      const numbers = (one: Report) =>
        one.results
          .map(({ fitMs: _, ...row }) => row)
          .sort((a, b) =>
            JSON.stringify([a.method, a.shots, a.seed]).localeCompare(JSON.stringify([b.method, b.shots, b.seed])),
          );
      expect(numbers(report!)).toEqual(numbers(JSON.parse(whole.stdout) as Report));
      expect(report!.complete).toBe(true);
    } finally {
      await close();
    }
  }, 120_000);
});
