// The calls about fine-tuning: what is refused before the queue and in which words, settings at once, stopping and deleting.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runFolder } from '../../../electron/engine/finetune/store.ts';
import type { Parsed } from '../../../shared/contract.ts';
import { finetuneParams } from '../../../shared/finetune.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { openLab, paint, SMALL, type TrainLab } from './lab.ts';

const models = mkdtempSync(path.join(tmpdir(), 'lab-handlers-'));
let lab: TrainLab;
let datasetId: number;

/** A CLIP whose images pass a ResNet, though its config does not say so: both fixtures give 32 numbers. */
function clipOfConvolutions(): void {
  const folder = path.join(models, 'clip-resnet');
  cpSync(fixturePath('tiny-resnet'), folder, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'onnx/text_model.onnx'])
    copyFileSync(path.join(fixturePath('tiny-clip'), name), path.join(folder, name));
  const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as object;
  writeFileSync(
    path.join(folder, 'config.json'),
    JSON.stringify({ ...config, model_type: 'clip', architectures: null }),
  );
}

beforeAll(async () => {
  clipOfConvolutions();
  lab = await openLab({ modelsDirs: [fixturePath(''), models] });
  await paint(lab.at('looks'), 8);
  datasetId = await lab.dataset('looks');
}, 60_000);
afterAll(async () => {
  await lab.close();
  rmSync(models, { recursive: true, force: true });
});

const params = (part: object): Parsed<'finetune.start'> =>
  finetuneParams.parse({ datasetId, model: { id: 'tiny-clip' }, method: 'fine-tune', shots: 2, ...part });
const start = async (part: object) => lab.running.handlers['finetune.start'](params(part));

test.each([
  ['hog', { model: { id: 'hog' } }, /no weights to train.*Get a model/],
  ['a model without images', { model: { id: 'tiny-bert' } }, /takes no images/],
  ['an unknown model', { model: { id: 'nowhere' } }, /nowhere/],
  ['one that was not downloaded', { model: { id: 'clip-vit-base-patch32' } }, /Download it under Models/],
  [
    'captions without a text side',
    { model: { id: 'tiny-resnet' }, method: 'flyp' },
    /FLYP.*tiny-resnet has no text side/,
  ],
  ['ZS-LP without a text side', { model: { id: 'tiny-resnet' }, method: 'zs-probe' }, /ZS-LP.*no text side/],
  ['an unknown dataset', { datasetId: 999 }, /no dataset 999/],
  ['an unknown control set', { control: { datasetId: 998, labels: [] } }, /no dataset 998/],
])('%s is refused before the queue', async (_, part, words) => {
  const jobs = lab.running.engine.jobs.list(100).length;
  await expect(start(part)).rejects.toThrow(words);
  await expect(async () => lab.running.handlers['finetune.forecast'](params(part))).rejects.toThrow(words);
  expect(lab.running.engine.jobs.list(100)).toHaveLength(jobs);
  expect(await lab.running.handlers['finetune.list']({})).toEqual([]);
});

test('a dataset whose folder is away, or with one class, is refused', async () => {
  await paint(lab.at('away'), 4);
  const away = await lab.dataset('away');
  renameSync(lab.at('away'), lab.at('gone'));
  await expect(start({ datasetId: away })).rejects.toMatchObject({
    code: 'offline',
    message: expect.stringContaining('away'),
  });
  await paint(lab.at('single'), 4, { classes: ['blue'] });
  const single = await lab.dataset('single');
  await expect(start({ datasetId: single })).rejects.toThrow(/single has one class;/);
});

test('settings are spelt out at once, the asked ones among them, a batch never above the images', async () => {
  const call = lab.running.handlers['finetune.settings'];
  expect(await call(params({ method: 'lora', settings: { epochs: 3, rank: 4 } }))).toMatchObject({
    epochs: 3,
    rank: 4,
    batch: 8,
    augment: 'crop',
  });
  expect(await call(params({ method: 'fine-tune' }))).not.toHaveProperty('rank');
});

test('settings say what LoRA trains: both encoders against captions, or vision alone with a head', async () => {
  const own = async (id: string, method: string, settings = {}) =>
    lab.running.handlers['finetune.settings'](params({ model: { id }, method, settings }));
  const both = await own('tiny-clip', 'lora');
  expect(both).toMatchObject({ encoders: 'both', targets: ['q', 'k', 'v'] });
  expect(both).not.toHaveProperty('headLr');
  expect(await own('tiny-clip', 'lora', { encoders: 'vision' })).toMatchObject({ encoders: 'vision', headLr: 1e-4 });
  const convolutions = await own('clip-resnet', 'lora');
  expect(convolutions).toMatchObject({ encoders: 'vision', targets: ['all'], headLr: 3e-4 });
  expect(await own('clip-resnet', 'lora', { encoders: 'both' })).not.toHaveProperty('headLr');
  for (const id of ['tiny-clip', 'clip-resnet']) expect(await own(id, 'flyp')).not.toHaveProperty('headLr');
  for (const method of ['fine-tune', 'last-blocks', 'biases', 'lp-ft', 'zs-probe', 'clap'])
    expect(await own('tiny-clip', method), method).toHaveProperty('headLr');
});

test('LoRA of a CLIP of convolutions trains a head, at the rate that was asked for', async () => {
  const settings = { ...SMALL, headLr: 0.02 };
  const asked = { datasetId, model: { id: 'clip-resnet' }, method: 'lora' as const, shots: 2, settings };
  const { settings: used, head, trainedParameters } = await lab.report(asked);
  expect(used).toMatchObject({ encoders: 'vision', headLr: 0.02 });
  expect(head).toBe('zero-shot');
  const other = await lab.report({ ...asked, settings: { ...SMALL, encoders: 'both' } });
  expect(other.trainedParameters).not.toBe(trainedParameters);
}, 60_000);

test('a run can be stopped while it trains, is deleted only after, and takes its folder with it', async () => {
  const { handlers, engine } = lab.running;
  const { finetuneId: id, job } = await start({ settings: { ...SMALL, epochs: 5000 } });
  await expect(async () => handlers['finetune.delete']({ id })).rejects.toThrow(/not over/);
  await expect
    .poll(async () => (await handlers['finetune.get']({ id })).epochs.length, { timeout: 30_000 })
    .toBeGreaterThan(1);
  expect(await handlers['finetune.stop']({ id })).toMatchObject({ id: job.id, status: 'running' });
  expect(await engine.jobs.ended(job.id)).toMatchObject({ status: 'done' });
  const run = await handlers['finetune.get']({ id });
  expect(run.report).toMatchObject({ ended: 'stopped by you' });
  expect(run.accuracy).toBe(run.report!.test.accuracy);
  await expect(async () => handlers['finetune.stop']({ id })).rejects.toThrow(/has ended/);
  expect(existsSync(runFolder(engine, id))).toBe(true);
  await handlers['finetune.delete']({ id });
  expect(existsSync(runFolder(engine, id))).toBe(false);
  await expect(async () => handlers['finetune.get']({ id })).rejects.toThrow(/may have been deleted/);
}, 60_000);
