// The other commands of the shell, each as a process: import, embed, classify, search, models, doctor, serve, help.
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readNpy } from '../../electron/engine/npy.ts';
import { fixturePath } from '../helpers/shared.ts';
import { CLASSES, drawImages, lab, start, workplace } from './lab.ts';

const { dir, at, remove } = workplace();
const folder = at('shapes');
const TIMEOUT = 120_000;

beforeAll(async () => {
  await drawImages(folder, 4);
  cpSync(fixturePath('tiny-clip'), at('models', 'tiny-clip'), { recursive: true });
  writeFileSync(at('shapes', 'cross', 'empty.jpg'), '');
}, 120_000);
afterAll(remove);

test(
  'import counts items, classes and problems',
  async () => {
    const { code, stdout } = await lab(dir, 'import', folder, '--json');
    expect(code).toBe(0);
    const found = JSON.parse(stdout) as Record<string, unknown>;
    expect(found).toMatchObject({ items: 12, classes: 3, classNames: CLASSES, files: 13 });
    expect(found.problems).toEqual([{ path: 'cross/empty.jpg', reason: expect.stringMatching(/\w/) }]);
    expect(found.seconds).toEqual(expect.any(Number));
  },
  TIMEOUT,
);

test(
  'import lists every file with a problem, however many there are',
  async () => {
    cpSync(at('shapes', 'circle'), at('broken', 'circle'), { recursive: true });
    for (let i = 0; i < 10_001; i++) writeFileSync(at('broken', 'circle', `${i}.jpg`), '');
    const { code, stdout } = await lab(dir, 'import', at('broken'), '--json');
    expect(code).toBe(0);
    const { problems, items, files } = JSON.parse(stdout) as { problems: unknown[]; items: number; files: number };
    expect([items, files, problems.length]).toEqual([4, 10_005, 10_001]);
  },
  TIMEOUT,
);

test(
  'import --verify finds what only a full decode finds',
  async () => {
    const whole = readFileSync(at('shapes', 'circle', 'circle-0.png'));
    writeFileSync(at('shapes', 'circle', 'cut.png'), whole.subarray(0, whole.length - 60));
    const { code, stdout } = await lab(dir, 'import', folder, '--verify', '--json');
    expect(code).toBe(0);
    const { problems, items } = JSON.parse(stdout) as { problems: { path: string }[]; items: number };
    expect(items).toBe(12);
    expect(problems.map((one) => one.path).sort()).toEqual(['circle/cut.png', 'cross/empty.jpg']);
  },
  TIMEOUT,
);

test(
  'embed writes unit rows and says what each row is; --raw leaves them as they are',
  async () => {
    const end = await lab(dir, 'embed', folder, '--out', at('hog.npy'));
    expect(end).toMatchObject({ code: 0 });
    expect(end.stderr).toContain('Left out: cross/empty.jpg');
    const { shape, data, dtype } = readNpy(readFileSync(at('hog.npy')), 'hog.npy');
    expect([dtype, shape[0]]).toEqual(['<f4', 12]);
    const length = (row: number, values = data as Float32Array, d = shape[1]!) =>
      Math.hypot(...values.subarray(row * d, (row + 1) * d));
    for (let row = 0; row < 12; row++) expect(length(row)).toBeCloseTo(1, 5);
    const rows = parse(readFileSync(at('hog.csv')), { columns: true }) as Record<string, string>[];
    expect(rows).toHaveLength(12);
    for (const { path, sha256, label } of rows) {
      expect(
        createHash('sha256')
          .update(readFileSync(at('shapes', path!)))
          .digest('hex'),
      ).toBe(sha256);
      expect(path!.startsWith(`${label}/`)).toBe(true);
    }
    const raw = await lab(dir, 'embed', folder, '--out', at('raw.npy'), '--raw', '--json');
    expect(JSON.parse(raw.stdout)).toMatchObject({ items: 12, dim: shape[1], model: 'hog' });
    const unscaled = readNpy(readFileSync(at('raw.npy')), 'raw.npy').data as Float32Array;
    const scale = length(0, unscaled);
    expect(Math.abs(scale - 1)).toBeGreaterThan(1e-3);
    for (let d = 0; d < shape[1]!; d++) expect(unscaled[d]! / scale).toBeCloseTo((data as Float32Array)[d]!, 5);
  },
  TIMEOUT,
);

test(
  'ID:OUTPUT picks an output, one with a colon in its name too',
  async () => {
    const model = at('models', 'tiny-clip');
    for (const output of ['pooler_output', 'last_hidden_state:mean']) {
      const { code, stdout } = await lab(dir, 'embed', folder, '--model', `${model}:${output}`, '--out', at('o.npy'));
      expect(stdout).toContain(`12 rows of 64 (${output})`);
      expect(code).toBe(0);
    }
    const wrong = await lab(dir, 'embed', folder, '--model', `${model}:last_hidden_state:max`, '--out', at('o.npy'));
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('no output "last_hidden_state:max"') });
  },
  TIMEOUT,
);

test(
  'classify gives every image its probabilities, by a model given as a folder',
  async () => {
    const { code, stdout, stderr } = await lab(
      dir,
      'classify',
      folder,
      '--model',
      at('models', 'tiny-clip'),
      '--labels',
      'a circle,a cross,"x"',
    );
    expect(stderr).not.toMatch(/Error/);
    expect(code).toBe(0);
    const rows = parse(stdout, { columns: true }) as Record<string, string>[];
    expect(rows).toHaveLength(12);
    const labels = ['a circle', 'a cross', '"x"'];
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(['path', 'predicted', 'p', ...labels]);
      const p = labels.map((label) => Number(row[label]));
      expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
      expect(row.predicted).toBe(labels[p.indexOf(Math.max(...p))]);
      expect(Number(row.p)).toBe(Math.max(...p));
    }
  },
  TIMEOUT,
);

test(
  'zero-shot joins the comparison when the model has a text side',
  async () => {
    writeFileSync(at('words.csv'), 'class,words\ncircle,a round thing\ncross,a plus\n');
    const args = [
      '--model',
      at('models', 'tiny-clip'),
      '--model',
      'hog',
      '--test-fraction',
      '0.5',
      '--shots',
      '1',
      '--seeds',
      '2',
      '--templates',
      'a drawing of {}.',
    ];
    const { code, stdout, stderr } = await lab(
      dir,
      'compare',
      folder,
      ...args,
      '--class-names',
      at('words.csv'),
      '--json',
    );
    expect(stderr).not.toMatch(/Error/);
    const report = JSON.parse(stdout);
    expect(report.model).toBe('tiny-clip, hog');
    expect(report.results.filter((row: { method: string }) => row.method === 'zero-shot')).toMatchObject([
      { model: 'tiny-clip', shots: 0, seed: null },
    ]);
    expect(report.protocol).toMatchObject({
      templates: ['a drawing of {}.'],
      classNames: { circle: 'a round thing', cross: 'a plus', square: 'square' },
    });
    expect(code).toBe(0);
    writeFileSync(at('wrong.json'), '{"triangle": "three corners"}');
    const wrong = await lab(dir, 'compare', folder, '--class-names', at('wrong.json'));
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('names the class "triangle"') });
  },
  TIMEOUT,
);

test(
  'a model whose text side is broken still runs what needs no captions',
  async () => {
    cpSync(at('models', 'tiny-clip'), at('models', 'half-clip'), { recursive: true });
    rmSync(at('models', 'half-clip', 'tokenizer.json'));
    const args = ['compare', folder, '--model', at('models', 'half-clip'), '--test-fraction', '0.5', '--shots', '1'];
    const all = await lab(dir, ...args, '--seeds', '1', '--json');
    expect(all.code).toBe(0);
    expect(JSON.parse(all.stdout).protocol.methods).toEqual(['nearest-mean', 'knn', 'linear-probe', 'discriminant']);
    const asked = await lab(dir, ...args, '--seeds', '1', '--methods', 'zero-shot,nearest-mean', '--json');
    expect(asked).toMatchObject({ code: 3, stderr: expect.stringContaining('half-clip has no text side') });
    expect(JSON.parse(asked.stdout).results).toMatchObject([{ method: 'nearest-mean' }]);
    rmSync(at('models', 'half-clip'), { recursive: true });
  },
  TIMEOUT,
);

test(
  'a class whose every image breaks off is left out like an empty one, with its captions',
  async () => {
    await drawImages(at('torn'), 4);
    for (let i = 0; i < 4; i++) {
      const whole = readFileSync(at('torn', 'cross', `cross-${i}.png`));
      writeFileSync(at('torn', 'cross', `cross-${i}.png`), whole.subarray(0, whole.length - 60));
    }
    const args = [
      '--model',
      at('models', 'tiny-clip'),
      '--methods',
      'zero-shot,nearest-mean',
      '--test-fraction',
      '0.5',
    ];
    const more = ['--shots', '1,2', '--seeds', '1', '--json'];
    const { code, stdout } = await lab(dir, 'compare', at('torn'), ...args, ...more);
    const report = JSON.parse(stdout);
    expect(report.classes).toEqual(['circle', 'square']);
    expect(report.protocol.classNames).toEqual({ circle: 'circle', square: 'square' });
    expect(report.excluded).toHaveLength(5);
    expect(report.excluded.at(-1)).toEqual({ path: 'cross', reason: 'the class has no usable image' });
    expect(report.results).toHaveLength(3);
    expect(report.omitted).toEqual([]);
    expect(code).toBe(0);
  },
  TIMEOUT,
);

test(
  'a run that finds every feature cached ends with 0 each time, whatever its threads are doing',
  async () => {
    for (let run = 0; run < 5; run++) {
      const end = await lab(dir, 'embed', folder, '--model', at('models', 'tiny-clip'), '--out', at('cached.npy'));
      expect(end).toMatchObject({ code: 0, stdout: expect.stringContaining('12 rows of 32') });
    }
  },
  TIMEOUT,
);

test(
  'search finds the image itself first',
  async () => {
    const { code, stdout } = await lab(
      dir,
      'search',
      folder,
      '--image',
      at('shapes', 'square', 'square-2.png'),
      '-k',
      '3',
      '--json',
    );
    expect(code).toBe(0);
    const found = JSON.parse(stdout) as { path: string; similarity: number }[];
    expect(found).toHaveLength(3);
    expect(found[0]).toMatchObject({ path: 'square/square-2.png', label: 'square' });
    expect(found[0]!.similarity).toBeCloseTo(1, 5);
    const words = await lab(
      dir,
      'search',
      folder,
      '--text',
      'a cross',
      '--model',
      at('models', 'tiny-clip'),
      '-k',
      '2',
    );
    expect(words.code).toBe(0);
    expect(words.stdout.trim().split('\n')).toHaveLength(2);
    const none = await lab(dir, 'search', folder, '--text', 'a cross');
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('No installed model has a text side') });
    expect((await lab(dir, 'search', folder)).code).toBe(2);
    const many = await lab(dir, 'compare', folder, '--threads', '999');
    expect([many.code, many.stderr]).toEqual([2, expect.stringContaining('a whole number from 0 to 256')]);
    const zero = await lab(dir, 'search', '.', '--text', 'a dog', '-k', '0');
    expect(zero).toMatchObject({ code: 2, stdout: '' });
    expect(zero.stderr).toMatch(/^-k 0: a whole number from 1 on/);
  },
  TIMEOUT,
);

test(
  'search looks at the output that was asked for',
  async () => {
    const models = ['--model', 'tiny-clip:pooler_output', '--models-dir', at('models')];
    const file = at('shapes', 'circle', 'circle-1.png');
    const { stdout } = await lab(dir, 'search', folder, '--image', file, '-k', '12', '--json', ...models);
    await lab(dir, 'embed', folder, '--out', at('pooled.npy'), ...models);
    const { shape, data } = readNpy(readFileSync(at('pooled.npy')), 'pooled.npy');
    const rows = parse(readFileSync(at('pooled.csv')), { columns: true }) as Record<string, string>[];
    const row = (image: string) => {
      const i = rows.findIndex((one) => one.path === image);
      return (data as Float32Array).subarray(i * shape[1]!, (i + 1) * shape[1]!);
    };
    const own = row('circle/circle-1.png');
    const found = JSON.parse(stdout) as { path: string; similarity: number }[];
    expect(found).toHaveLength(12);
    for (const one of found)
      expect(one.similarity).toBeCloseTo(
        row(one.path).reduce((sum, value, d) => sum + value * own[d]!, 0),
        4,
      );
    const words = await lab(dir, 'search', folder, '--text', 'a cross', ...models);
    expect(words).toMatchObject({ code: 1, stderr: expect.stringMatching(/no text side/) });
  },
  TIMEOUT,
);

test(
  'models are listed, added and removed',
  async () => {
    expect((await lab(dir, 'models', '--models-dir', at('models'))).stdout).toMatch(/tiny-clip +dual +installed/);
    const added = await lab(dir, 'models', 'add', at('models', 'tiny-clip'));
    expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining('Added tiny-clip') });
    const list = JSON.parse((await lab(dir, 'models', 'list', '--json')).stdout) as {
      id: string;
      installed: boolean;
    }[];
    expect(list.filter((model) => model.installed).map((model) => model.id)).toEqual(['hog', 'tiny-clip']);
    expect((await lab(dir, 'models', 'remove', 'tiny-clip')).code).toBe(0);
    expect((await lab(dir, 'models', 'remove', 'tiny-clip')).code).toBe(1);
    expect((await lab(dir, 'models', 'frob')).code).toBe(2);
  },
  TIMEOUT,
);

test(
  'doctor checks the runtime and says where the data lies',
  async () => {
    const { code, stdout } = await lab(dir, 'doctor', '--json');
    const { info, checks, providers } = JSON.parse(stdout);
    expect(info).toMatchObject({ host: 'cli', dataDir: at('data') });
    expect(checks.map((check: { name: string }) => check.name)).toEqual(
      expect.arrayContaining(['database', 'device cpu', 'data folder']),
    );
    expect(providers.find((provider: { id: string }) => provider.id === 'cpu').available).toBe(true);
    expect(code).toBe(checks.every((check: { ok: boolean }) => check.ok) ? 0 : 1);
    const gone = await lab(dir, 'doctor', '--models-dir', at('nowhere'));
    expect(gone.stdout).toMatch(/NO {2}models folder.*nowhere/);
    expect(gone.code).toBe(1);
    const more = await lab(dir, 'doctor', 'strange');
    expect(more).toMatchObject({ code: 2, stdout: '' });
    expect(more.stderr).toContain('lab doctor takes no words: strange is too much.');
  },
  TIMEOUT,
);

test(
  'every command explains itself, with examples',
  async () => {
    const { code, stdout } = await lab(dir, '--help');
    expect(code).toBe(0);
    const names = [...stdout.matchAll(/^ {2}lab (\w+) {2,}\w/gm)].map(([, name]) => name!);
    expect(names).toEqual([
      'compare',
      'finetune',
      'import',
      'embed',
      'classify',
      'search',
      'models',
      'doctor',
      'serve',
    ]);
    for (const end of await Promise.all(names.map((name) => lab(dir, name, '--help')))) {
      expect(end.code).toBe(0);
      expect(end.stdout).toMatch(/Examples\n {2}npm run -s lab -- \w/);
      expect(end.stdout).toContain('--data-dir');
    }
    expect((await lab(dir, '--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await lab(dir)).code).toBe(2);
  },
  TIMEOUT,
);

test(
  'a reader that ends early is no failure',
  async () => {
    const run = start(dir, ['models', '--json']);
    run.child.stdout!.destroy();
    const { code, stderr } = await run.ended;
    expect([code, stderr]).toEqual([0, '']);
  },
  TIMEOUT,
);

test(
  'through npm, paths are meant from where the user stands',
  async () => {
    const npm = { npm_lifecycle_event: 'lab', INIT_CWD: folder };
    const { code, stdout } = await start(dir, ['import', './circle', '--json'], npm).ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout).dataset.path).toBe(at('shapes', 'circle'));
  },
  TIMEOUT,
);
