// The download job on a whole engine against a hub on this machine: done, cancelled, resumed, and the model usable.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine, type RunningEngine } from '../../../electron/engine/engine.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { type FakeHub, fakeHub } from '../models/fake-hub.ts';

let dir: string;
let hub: FakeHub;
let lab: RunningEngine;
const pushed: string[] = [];

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'lab-download-job-'));
  const read = (name: string) => readFileSync(fixturePath(`tiny-resnet/${name}`));
  hub = await fakeHub({
    'config.json': read('config.json'),
    'preprocessor_config.json': read('preprocessor_config.json'),
    'onnx/model.onnx': read('onnx/model.onnx'),
  });
  const shipped = path.join(dir, 'shipped');
  mkdirSync(shipped);
  const tiny = {
    id: 'tiny',
    name: 'Tiny ResNet',
    repo: 'Xenova/tiny',
    revision: 'main',
    family: 'vision',
    files: ['config.json', 'preprocessor_config.json', 'onnx/model.onnx'],
    bytes: 90_000,
    licence: 'MIT',
    outputs: ['logits', 'pooler_output'],
    dim: 10,
    imageSize: 64,
    goodFor: 'tests',
  };
  writeFileSync(path.join(shipped, 'catalog.json'), JSON.stringify({ models: [tiny] }));
  lab = await createEngine({ host: 'cli', dataDir: path.join(dir, 'data'), shippedDir: shipped });
  lab.on((event, payload) => void (event === 'model.changed' && pushed.push((payload as { id: string }).id)));
  await lab.handlers['settings.set']({ hubUrl: hub.url, device: 'cpu', threads: 1, demoMade: true });
}, 60_000);
afterAll(async () => {
  await lab.close();
  await hub.close();
  rmSync(dir, { recursive: true, force: true });
});

test('nothing is asked of the network until the user does', async () => {
  await lab.handlers['model.list']({});
  expect(hub.requests).toEqual([]);
});

test('is cancelled with its bytes kept, resumed, and the model then runs', async () => {
  hub.pace = 100_000;
  const job = await lab.handlers['model.download']({ id: 'tiny' });
  expect(job).toMatchObject({ kind: 'download', title: 'Tiny ResNet', unit: 'bytes' });
  // asking again while it runs is the same job
  expect((await lab.handlers['model.download']({ id: 'tiny' })).id).toBe(job.id);
  await expect.poll(() => lab.engine.jobs.get(job.id).done, { timeout: 10_000, interval: 20 }).toBeGreaterThan(10_000);
  await lab.handlers['job.cancel']({ id: job.id });
  const stopped = await lab.engine.jobs.ended(job.id);
  expect(stopped).toMatchObject({ status: 'cancelled', resumable: true });
  expect((await lab.engine.models.get('tiny')).installed).toBe(false);

  hub.pace = 0;
  hub.requests.length = 0;
  await lab.handlers['job.resume']({ id: job.id });
  const done = await lab.engine.jobs.ended(job.id);
  expect(done).toMatchObject({ status: 'done', result: { id: 'tiny' } });
  expect(done.done).toBe(done.total);
  expect(hub.requests.find(({ path }) => path.startsWith('/store/'))?.range).toMatch(/^bytes=\d{5}-$/);
  expect(pushed).toEqual(['tiny']);

  const info = await lab.engine.models.get('tiny');
  // the catalog says which output is the feature of a model it knows
  expect(info).toMatchObject({
    installed: true,
    source: 'app',
    repo: 'Xenova/tiny',
    licence: 'MIT',
    outputs: ['logits', 'pooler_output'],
  });
  expect((await lab.engine.models.embedder('tiny')).output).toBe('logits');
  await expect(lab.handlers['model.download']({ id: 'tiny' })).rejects.toMatchObject({ code: 'conflict' });
}, 60_000);

test('a failure says what to do and can be resumed', async () => {
  await lab.handlers['model.remove']({ id: 'tiny' });
  hub.token = 'hf_secret';
  const job = await lab.handlers['model.download']({ id: 'tiny' });
  expect(await lab.engine.jobs.ended(job.id)).toMatchObject({
    status: 'failed',
    resumable: true,
    error: { code: 'network', message: expect.stringMatching(/access token/) },
  });
  await lab.handlers['settings.set']({ hubToken: 'hf_secret' });
  await lab.handlers['job.resume']({ id: job.id });
  expect((await lab.engine.jobs.ended(job.id)).status).toBe('done');
}, 60_000);

test('a model the catalog does not have is refused with those it has', async () => {
  await expect(lab.handlers['model.download']({ id: 'nope' })).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringMatching(/It has tiny/),
  });
});
