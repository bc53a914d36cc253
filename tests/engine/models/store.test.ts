// Which models there are, adding and removing them, and falling back when a device is gone.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSessions } from '../../../electron/engine/models/sessions.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { copyModel, openStore, type TestStore } from './store-for-tests.ts';

let lab: TestStore;
beforeEach(() => {
  lab = openStore();
});
afterEach(() => lab.close());
const RESNET = fixturePath('tiny-resnet');
const PROVIDER_IDS = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'];

describe('the list', () => {
  test('has the built-in backbone first, then what is on disk, then the catalog', async () => {
    const list = await lab.store.list();
    expect(list[0]).toMatchObject({ id: 'hog', family: 'hog', source: 'built-in', pretrained: false, installed: true });
    expect(list.find((model) => model.id === 'tiny-clip')).toMatchObject({
      family: 'dual',
      source: 'models-dir',
      hasText: true,
      installed: true,
      dim: 32,
      imageSize: 64,
      problem: null,
    });
    expect(list.find((model) => model.id === 'tiny-bert')).toMatchObject({ family: 'text', outputs: [] });
    expect(list.find((model) => model.id === 'clip-vit-base-patch32')).toMatchObject({
      source: 'catalog',
      installed: false,
      path: null,
      repo: 'Xenova/clip-vit-base-patch32',
    });
    expect(new Set(list.map((model) => model.id)).size).toBe(list.length);
  });
  test('shows a broken folder with what is wrong, and a repaired one as it is now', async () => {
    const folder = copyModel(RESNET, path.join(lab.dirs.models, 'mine'), (at) =>
      rmSync(path.join(at, 'preprocessor_config.json')),
    );
    expect(await lab.store.get('mine')).toMatchObject({
      installed: false,
      problem: expect.stringMatching(/preprocessor_config\.json/),
    });
    await expect(lab.store.embedder('mine')).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(/mine has no preprocessor_config\.json/),
    });
    copyModel(path.join(RESNET, 'preprocessor_config.json'), path.join(folder, 'preprocessor_config.json'));
    expect(await lab.store.get('mine')).toMatchObject({ installed: true, problem: null });
  });
  test('takes the first of a name: --models-dir before the app’s own', async () => {
    copyModel(RESNET, path.join(lab.dirs.models, 'tiny-clip'));
    expect((await lab.store.get('tiny-clip')).family).toBe('dual');
  });
});

describe('folders by owner, as on the Hub', () => {
  test('are looked into once: models are listed, what only looks like one is not', async () => {
    copyModel(RESNET, path.join(lab.dirs.models, 'someone', 'deep-model'));
    copyModel(RESNET, path.join(lab.dirs.models, 'someone', 'else', 'too-deep'));
    mkdirSync(path.join(lab.dirs.models, 'someone', 'notes'));
    writeFileSync(path.join(lab.dirs.models, 'someone', 'notes', 'config.json'), '{}');
    const ids = (await lab.store.list()).filter(({ source }) => source === 'app').map(({ id }) => id);
    expect(ids).toEqual(['deep-model']);
    expect((await lab.store.embedder('deep-model')).dim).toBe(32);
  });
});

describe('asking for a model', () => {
  test('by its folder, absolute or relative, makes it known', async () => {
    const folder = copyModel(RESNET, path.join(lab.dir, 'elsewhere', 'custom'));
    expect(await lab.store.get(folder)).toMatchObject({ id: 'custom', installed: true });
    expect((await lab.store.embedder('custom')).id).toBe('custom');
    expect((await lab.store.get(path.relative(process.cwd(), folder))).id).toBe('custom');
    const other = copyModel(RESNET, path.join(lab.dir, 'another', 'custom'));
    expect((await lab.store.get(other)).id).toBe('custom-2');
  });
  test('by its repository on the Hub', async () => {
    expect((await lab.store.get('Xenova/dinov2-small')).id).toBe('dinov2-small');
  });
  test('that is nowhere names those there are', async () => {
    await expect(lab.store.get('no-such')).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/no-such.*hog.*tiny-clip.*clip-vit-base-patch32/),
    });
  });
  test('that is not downloaded, takes no images, or lacks the output, says so', async () => {
    await expect(lab.store.embedder('clip-vit-base-patch32')).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/Download it/),
    });
    await expect(lab.store.embedder('tiny-bert')).rejects.toMatchObject({ code: 'unsupported' });
    await expect(lab.store.embedder('tiny-clip', { output: 'nope' })).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(/image_embeds, pooler_output/),
    });
  });
  test('whose graph the runtime cannot open names the file', async () => {
    const folder = copyModel(RESNET, path.join(lab.dirs.models, 'odd'));
    const file = path.join(folder, 'onnx', 'model.onnx');
    const bytes = readFileSync(file);
    writeFileSync(file, Buffer.from(bytes.toString('latin1').replaceAll('MaxPool', 'MixPool'), 'latin1'));
    await expect(lab.store.embedder('odd')).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(/cannot open .*odd/),
    });
  });
});

describe('a key of features', () => {
  test('changes with the model file, the output and the preprocessing, and with nothing else', async () => {
    const key = async (id: string, output?: string) => (await lab.store.embedder(id, output ? { output } : {})).key;
    const folder = copyModel(RESNET, path.join(lab.dirs.models, 'copy'));
    expect(await key('copy')).toBe(await key('tiny-resnet'));
    expect(await key('copy', 'logits')).not.toBe(await key('copy'));
    const before = await key('copy');
    const settings = path.join(folder, 'preprocessor_config.json');
    writeFileSync(settings, readFileSync(settings, 'utf8').replace('"resample": 3', '"resample": 2'));
    expect(await key('copy')).not.toBe(before);
  });
});

test('links that lead up or to themselves neither hold the list up nor spoil the folder', async () => {
  const folder = copyModel(RESNET, path.join(lab.dirs.models, 'linked'));
  const { bytes } = await lab.store.get('linked');
  for (const [name, target] of [
    ['here', '.'],
    ['up', '..'],
    ['self', 'self'],
    ['nothing', 'nowhere'],
    ['onnx/back', '..'],
  ] as const) {
    symlinkSync(target, path.join(folder, name));
    symlinkSync(target, path.join(lab.dirs.models, path.basename(name)));
  }
  expect(await lab.store.get('linked')).toMatchObject({ installed: true, problem: null, bytes });
  expect((await lab.store.add(folder)).id).toBe('linked-2');
  expect(readdirSync(path.join(lab.dirs.models, 'linked-2')).sort()).toEqual(readdirSync(RESNET).sort());
});

describe('adding a model', () => {
  test('copies a folder, following links; the second of a name gets a number', async () => {
    const linked = path.join(lab.dir, 'linked');
    mkdirSync(linked);
    for (const name of ['config.json', 'preprocessor_config.json', 'onnx'])
      symlinkSync(path.join(RESNET, name), path.join(linked, name));
    const added = await lab.store.add(linked);
    expect(added).toMatchObject({
      id: 'linked',
      source: 'app',
      installed: true,
      path: path.join(lab.dirs.models, 'linked'),
    });
    rmSync(linked, { recursive: true });
    expect((await lab.store.embedder('linked')).dim).toBe(32);
    expect((await lab.store.add(RESNET)).id).toBe('tiny-resnet-2');
  });
  const files = (prefix: string) =>
    Object.fromEntries(
      ['config.json', 'preprocessor_config.json', 'onnx/model.onnx'].map((name) => [
        prefix + name,
        new Uint8Array(readFileSync(path.join(RESNET, name))),
      ]),
    );
  const zip = (name: string, content: Record<string, Uint8Array>) => {
    const file = path.join(lab.dir, name);
    writeFileSync(file, zipSync(content));
    return file;
  };
  test('unpacks a zip with one top folder, and one without, leaving out what macOS adds', async () => {
    const junk = { '__MACOSX/my model/._config.json': new Uint8Array(4), 'my model/.DS_Store': new Uint8Array(4) };
    expect(await lab.store.add(zip('a.zip', { ...files('my model/'), ...junk }))).toMatchObject({
      id: 'my-model',
      installed: true,
    });
    expect(readdirSync(path.join(lab.dirs.models, 'my-model')).sort()).toEqual([
      'config.json',
      'onnx',
      'preprocessor_config.json',
    ]);
    const warnings: Error[] = [];
    const heed = (warning: Error) => warnings.push(warning);
    process.on('warning', heed);
    const notes = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`note ${i}.txt`, new Uint8Array(9).fill(i)]),
    );
    expect(await lab.store.add(zip('flat.zip', { ...files(''), ...notes }))).toMatchObject({
      id: 'flat',
      installed: true,
    });
    await sleep(0); // warnings come a tick later
    process.off('warning', heed);
    expect(warnings).toEqual([]);
    expect(readFileSync(path.join(lab.dirs.models, 'flat', 'onnx', 'model.onnx'))).toEqual(
      readFileSync(path.join(RESNET, 'onnx', 'model.onnx')),
    );
  });
  test.each([
    [
      'a path that leads out',
      () => zip('slip.zip', { ...files(''), '../evil.txt': new Uint8Array(3) }),
      /leads out of the folder/,
    ],
    [
      'an absolute path',
      () => zip('root.zip', { ...files(''), '/tmp/evil.txt': new Uint8Array(3) }),
      /leads out of the folder/,
    ],
    [
      'two models',
      () => zip('two.zip', { ...files('one/'), ...files('two/') }),
      /holds more than one model: one and two\. Unpack it and add each folder/,
    ],
    [
      'a file that is no zip',
      () => {
        const file = path.join(lab.dir, 'x.zip');
        writeFileSync(file, 'hello');
        return file;
      },
      /not a zip, or is cut short/,
    ],
    [
      'a zip cut short',
      () => {
        const file = zip('cut.zip', files(''));
        writeFileSync(file, readFileSync(file).subarray(0, 20_000));
        return file;
      },
      /not a zip, or is cut short/,
    ],
    [
      'a damaged zip',
      () => {
        const file = zip('damaged.zip', files(''));
        const bytes = readFileSync(file);
        bytes.fill(0, 30_000, 30_100);
        writeFileSync(file, bytes);
        return file;
      },
      /is damaged at/,
    ],
    ['a zip without a model', () => zip('none.zip', { 'readme.txt': new Uint8Array(3) }), /has no model/],
    [
      'a folder without a model',
      () => {
        const folder = path.join(lab.dir, 'empty');
        mkdirSync(folder);
        return folder;
      },
      /has no model/,
    ],
    ['nothing', () => path.join(lab.dir, 'nothing'), /There is nothing at/],
  ])('refuses %s and leaves nothing behind', async (_what, make, message) => {
    await expect(lab.store.add(make())).rejects.toThrow(message);
    expect(readdirSync(lab.dirs.models)).toEqual([]);
    expect(existsSync(path.join(lab.dirs.models, '..', 'evil.txt'))).toBe(false);
  });
  test('what was added can be removed; what lies elsewhere cannot', async () => {
    await lab.store.add(RESNET);
    await lab.store.remove('tiny-resnet-2');
    expect(readdirSync(lab.dirs.models)).toEqual([]);
    await expect(lab.store.remove('tiny-resnet')).rejects.toMatchObject({ code: 'bad-request' });
    expect(existsSync(path.join(RESNET, 'config.json'))).toBe(true);
  });
});

describe('devices', () => {
  test('are tried, each with the reason when it cannot be used', async () => {
    const report = await lab.store.providers();
    expect(report.map(({ id }) => id)).toEqual(['cpu', 'webgpu', 'cuda', 'dml', 'coreml']);
    expect(report[0]).toEqual({ id: 'cpu', available: true, reason: null });
    for (const { available, reason } of report) expect(available).toBe(reason === null);
  }, 60_000);
  test('that are gone fall back to the CPU, with a notice', async () => {
    const gone = process.platform === 'win32' ? 'coreml' : 'dml';
    const embedder = await lab.store.embedder('tiny-resnet', { device: gone });
    expect(embedder.device).toBe('cpu');
    expect(lab.notices).toHaveLength(1);
    expect(lab.notices[0]).toMatch(new RegExp(`${gone} cannot be used: .*The CPU is used instead`));
    await lab.store.embedder('tiny-resnet', { device: 'abacus' });
    expect(lab.notices[1]).toMatch(/abacus cannot be used: the lab knows auto, cpu/);
  }, 60_000);
});

test('a session that is not used is closed, and opened again when it is', async () => {
  const sessions = createSessions({ cacheDir: lab.dirs.cache, log: () => {}, notice: () => {}, idleMs: 50 });
  const source = { file: path.join(RESNET, 'onnx', 'model.onnx'), expose: null, device: 'cpu', threads: 1, lanes: 1 };
  const run = async () =>
    (
      await sessions.run(
        source,
        { pixel_values: { type: 'float32', data: new Float32Array(3 * 64 * 64), dims: [1, 3, 64, 64] } },
        ['logits'],
      )
    ).logits!;
  const first = await run();
  expect(first.dims).toEqual([1, 10]);
  expect(sessions.open()).toBe(1);
  await expect.poll(() => sessions.open(), { timeout: 5000 }).toBe(0);
  expect((await run()).data).toEqual(first.data);
  await sessions.close();
  await expect(run()).rejects.toMatchObject({ code: 'cancelled' });
});

test('runs of a small model go side by side and give the same as one after the other', async () => {
  const sessions = createSessions({ cacheDir: lab.dirs.cache, log: () => {}, notice: () => {} });
  const source = {
    file: path.join(RESNET, 'onnx', 'model.onnx'),
    expose: null,
    device: 'cpu',
    threads: 3,
    lanes: 3,
  };
  const run = async (value: number) => {
    const data = new Float32Array(3 * 64 * 64).fill(value);
    const feeds = { pixel_values: { type: 'float32', data, dims: [1, 3, 64, 64] } };
    return [...(await sessions.run(source, feeds, ['logits'])).logits!.data];
  };
  const values = Array.from({ length: 12 }, (_, i) => i / 12);
  const together = await Promise.all(values.map(run));
  for (const [i, value] of values.entries()) expect(await run(value)).toEqual(together[i]);
  expect(sessions.open()).toBe(1);
  await sessions.close();
});

test('what the devices can do is remembered for a day, and tried again for one that is asked for by name', async () => {
  const auto = await lab.store.embedder('tiny-resnet', { device: 'auto' });
  expect(PROVIDER_IDS).toContain(auto.device);
  const file = path.join(lab.dirs.cache, 'devices.json');
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { at: number; trials: [string, { ok: boolean }][] };
  expect(kept.trials.map(([id]) => id)).toEqual(PROVIDER_IDS);
  // a device that has gone since: the note says it is there, the trial says it is not
  const gone = process.platform === 'win32' ? 'coreml' : 'dml';
  writeFileSync(
    file,
    JSON.stringify({
      ...kept,
      trials: kept.trials.map(([id, trial]) => [
        id,
        id === gone ? { ok: false, reason: 'then', milliseconds: 0 } : trial,
      ]),
    }),
  );
  const later = openStore({ modelsDirs: [fixturePath('')] });
  writeFileSync(path.join(later.dirs.cache, 'devices.json'), readFileSync(file));
  await later.store.embedder('tiny-resnet', { device: gone });
  expect(later.notices[0]).toMatch(/only/);
  expect(later.notices[0]).not.toMatch(/then/);
  await later.close();
}, 60_000);
