// Runs that do not end as they should: killed, shut down, stopped, cancelled, without their drive, on a full disk.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runFolder } from '../../../electron/engine/finetune/store.ts';
import { readSafetensors } from '../../../electron/engine/training/safetensors.ts';
import type { Job } from '../../../shared/contract.ts';
import type { FinetuneReport, FinetuneSettings } from '../../../shared/finetune.ts';
import { randomOf } from '../../../shared/protocol.ts';
import { start as shell } from '../../cli/lab.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { numbersOf, openLab, paint, type TrainLab } from './lab.ts';

const SETTINGS: FinetuneSettings = { epochs: 4, batch: 4, lr: 1e-3, headLr: 1e-2, augment: 'strong' };

/** Of what a run leaves: the trained weights, bit by bit. */
const weightsOf = (folder: string) =>
  createHash('sha256')
    .update(readFileSync(path.join(folder, 'trained.safetensors')))
    .digest('hex');

describe('kill -9', () => {
  let lab: TrainLab;
  beforeAll(async () => {
    lab = await openLab();
    await paint(lab.at('looks'), 15);
    await lab.running.close();
  }, 60_000);
  afterAll(() => lab.close());

  const EVERY = ['--shots', '4', '--epochs', '20', '--batch', '4', '--augment', 'strong', '--threads', '1', '--json'];
  const cases: [string, string[]][] = [
    ['fine-tune', ['--ema', '0.9']],
    ['lora', ['--targets', 'all', '--rank', '4', '--dropout', '0.25', '--micro-batch', '2']],
    // what the frozen blocks make of the images is kept, and lost with the process
    ['last-blocks', ['--blocks', '1', '--augment', 'none']],
    ['flyp', ['--templates', 'a photo of a {}.', '--templates', 'one {} more']],
  ];
  const run = (data: string, args: string[], seconds: string) =>
    shell(lab.dir, ['finetune', lab.at('looks'), '--model', fixturePath('tiny-clip'), ...EVERY, ...args], {
      LAB_DATA_DIR: lab.at(data),
      LAB_CHECKPOINT_SECONDS: seconds,
    });

  test.each(cases)(
    'at any step of %s, it goes on to the same numbers and weights',
    async (method, more) => {
      const args = ['--method', method, ...more];
      const whole = await run(`${method}-whole`, args, '60').ended;
      expect(whole.stderr).not.toMatch(/\n\s+at /);
      expect(whole.code).toBe(0);
      const random = randomOf(method.length, 5);
      const checkpoint = lab.at(`${method}-cut`, 'finetunes', '1', 'checkpoint.safetensors');
      const cuts: number[] = [];
      for (let k = 0; k < 3; k++) {
        const { child, ended } = run(`${method}-cut`, args, '0');
        const before = cuts.at(-1) ?? 0;
        while (child.exitCode === null && stepOf(checkpoint) <= before) await sleep(5);
        await sleep(random() * 150);
        child.kill('SIGKILL');
        await ended;
        cuts.push(stepOf(checkpoint)); // a whole file, whenever it was cut
      }
      expect(cuts[0]).toBeGreaterThan(0);
      expect(cuts).toEqual([...new Set(cuts)].sort((a, b) => a - b));
      const last = await run(`${method}-cut`, args, '60').ended;
      expect(last.code).toBe(0);
      expect(last.stderr).toContain('Going on with the run that was cut off');
      const [a, b] = [whole, last].map(({ stdout }) => JSON.parse(stdout) as FinetuneReport);
      expect(numbersOf(b!)).toEqual(numbersOf(a!));
      expect(weightsOf(lab.at(`${method}-cut`, 'finetunes', '1'))).toBe(
        weightsOf(lab.at(`${method}-whole`, 'finetunes', '1')),
      );
      expect(readdirSync(lab.at(`${method}-cut`, 'finetunes'))).toEqual(['1']);
    },
    120_000,
  );
});

/** Throws where the file is not whole. */
const stepOf = (checkpoint: string) => (existsSync(checkpoint) ? Number(readSafetensors(checkpoint).metadata.step) : 0);

describe('in the engine', () => {
  let lab: TrainLab;
  let datasetId: number;
  let whole: FinetuneReport;
  beforeAll(async () => {
    lab = await openLab();
    await paint(lab.at('looks'), 15);
    datasetId = await lab.dataset('looks');
    whole = await lab.report({ datasetId, settings: SETTINGS });
  }, 60_000);
  afterAll(() => lab.close());

  const get = async (id: number) => lab.running.handlers['finetune.get']({ id });
  const folderOf = (id: number) => runFolder(lab.running.engine, id);
  const resumed = async (id: number): Promise<Job> => {
    const { jobId } = await get(id);
    await lab.running.handlers['job.resume']({ id: jobId });
    return lab.running.engine.jobs.ended(jobId);
  };
  /** Once, as soon as the run has that many epochs; its checkpoint is not written yet. */
  function atEpoch(id: number, epochs: number, act: () => void) {
    let acted = false;
    lab.running.on((event, payload) => {
      if (acted || event !== 'finetune.changed' || (payload as { id: number }).id !== id) return;
      const row = lab.running.engine.db.prepare('SELECT epochs FROM finetune WHERE id = ?').pluck().get(id) as string;
      if ((JSON.parse(row) as unknown[]).length < epochs) return;
      acted = true;
      act();
    });
  }
  /** Once, before the next training image is read. */
  function beforeImages(act: (files: string[]) => void) {
    const { images } = lab.running.engine;
    const { augment } = images;
    images.augment = (files, spec, options) => {
      images.augment = augment;
      act(files);
      return augment(files, spec, options);
    };
  }

  test('stop keeps the best epoch', async () => {
    const { id, ended } = await lab.start({ datasetId, settings: { ...SETTINGS, epochs: 200 } });
    atEpoch(id, 2, () => void lab.running.handlers['finetune.stop']({ id }));
    expect(await ended).toMatchObject({ status: 'done' });
    const report = (await get(id)).report!;
    expect(report.ended).toBe('stopped by you');
    expect(report.epochs).toHaveLength(3);
    expect(report.epochs.at(-1)!.step).toBe(9); // after one step of the third
    expect(report.best).toBeLessThanOrEqual(3);
    expect(() => lab.running.handlers['finetune.stop']({ id })).toThrow(expect.objectContaining({ code: 'conflict' }));
  });

  test('cancel removes what the run kept, while it runs and when it waits', async () => {
    const { id, ended } = await lab.start({ datasetId, settings: { ...SETTINGS, epochs: 200 } });
    const { jobId } = await get(id);
    atEpoch(id, 2, () => void lab.running.handlers['job.cancel']({ id: jobId }));
    expect(await ended).toMatchObject({ status: 'cancelled', error: null });
    expect(existsSync(folderOf(id))).toBe(false);
    expect((await get(id)).report).toBeNull();
    await lab.running.handlers['finetune.delete']({ id });
    await expect(get(id)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('shutting down leaves a run that goes on to the same numbers, in an epoch and after the last', async () => {
    const cut = async (when: (id: number) => Promise<void>) => {
      const { id, ended } = await lab.start({ datasetId, settings: SETTINGS });
      await when(id);
      await lab.running.close();
      expect(await ended).toMatchObject({ status: 'interrupted', resumable: true });
      lab = await openLab({ dir: lab.dir });
      expect(await resumed(id)).toMatchObject({ status: 'done' });
      expect(numbersOf((await get(id)).report!)).toEqual(numbersOf(whole));
      expect(weightsOf(folderOf(id))).toBe(weightsOf(folderOf(1)));
      return (await get(id)).jobId;
    };
    await cut((id) => new Promise((resolve) => atEpoch(id, 2, resolve)));
    const jobId = await cut((id) => new Promise((resolve) => atEpoch(id, 4, () => setTimeout(resolve, 60))));
    const lines = (await lab.running.handlers['job.log']({ id: jobId })).map(({ text }) => text);
    expect(lines).toContain('Goes on after step 16 of 16.');
  }, 60_000);

  test('a run deleted is gone with its files; a model saved from it stays', async () => {
    const { id, ended } = await lab.start({ datasetId, settings: { ...SETTINGS, epochs: 1 } });
    expect(() => lab.running.handlers['finetune.delete']({ id })).toThrow(
      expect.objectContaining({ code: 'conflict' }),
    );
    await ended;
    const saved = await lab.running.handlers['finetune.save']({ id, alpha: 0.5, name: 'my looks' });
    expect((await get(id)).saved).toEqual([saved.id]);
    await expect(lab.running.handlers['finetune.save']({ id, alpha: 0.5, name: 'my looks' })).rejects.toMatchObject({
      code: 'conflict',
    });
    await lab.running.handlers['finetune.delete']({ id });
    expect(existsSync(folderOf(id))).toBe(false);
    expect(existsSync(path.join(saved.path!, 'config.json'))).toBe(true);
    await lab.running.handlers['model.remove']({ id: saved.id });
  });

  test('a drive that is unplugged pauses the run with the reason; plugged in again, it goes on to the same numbers', async () => {
    const { id, ended } = await lab.start({ datasetId, settings: SETTINGS });
    beforeImages(() => renameSync(lab.at('looks'), lab.at('away')));
    const job = await ended;
    renameSync(lab.at('away'), lab.at('looks'));
    expect(job).toMatchObject({ status: 'paused', resumable: true, error: { code: 'offline' } });
    expect(job.error!.message).toContain(lab.at('looks'));
    expect(await resumed(id)).toMatchObject({ status: 'done' });
    expect(numbersOf((await get(id)).report!)).toEqual(numbersOf(whole));
  });
  test('and when only the test images are left to read', async () => {
    const { id, ended } = await lab.start({ datasetId, settings: SETTINGS });
    atEpoch(id, 4, () => renameSync(lab.at('looks'), lab.at('away')));
    const job = await ended;
    renameSync(lab.at('away'), lab.at('looks'));
    expect(job).toMatchObject({ status: 'paused', error: { code: 'offline' } });
    expect(existsSync(path.join(folderOf(id), 'checkpoint.safetensors'))).toBe(true);
    // given up while it waits, it leaves nothing
    await lab.running.handlers['job.cancel']({ id: (await get(id)).jobId });
    expect(existsSync(folderOf(id))).toBe(false);
  });

  test('images that broke or changed since the scan are listed, and the run goes on without them', async () => {
    await paint(lab.at('breaking'), 15);
    const breaking = await lab.dataset('breaking');
    const { id, ended } = await lab.start({ datasetId: breaking, settings: SETTINGS });
    const other = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#123456' } })
      .png()
      .toBuffer();
    let broken: string[] = [];
    beforeImages((files) => {
      broken = files.slice(0, 2);
      writeFileSync(files[0]!, 'this is no image');
      writeFileSync(files[1]!, other);
    });
    const job = await ended;
    expect(job.error).toBeNull();
    const report = (await get(id)).report!;
    expect(report.epochs).toHaveLength(4);
    const relative = (file: string) => path.relative(lab.at('breaking'), file);
    expect(report.excluded.map((one) => one.path).sort()).toEqual(broken.map(relative).sort());
    expect(report.counts.excluded).toBe(2);
    const log = await lab.running.handlers['job.log']({ id: job.id });
    for (const file of broken) expect(log.some(({ text }) => text.includes(file))).toBe(true);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk pauses the run and keeps the last checkpoint', async () => {
    const { id, ended } = await lab.start({ datasetId, settings: SETTINGS });
    // what is written there fails as on a full disk
    atEpoch(id, 3, () => symlinkSync('/dev/full', path.join(folderOf(id), 'checkpoint.safetensors.tmp')));
    expect(await ended).toMatchObject({ status: 'paused', resumable: true, error: { code: 'no-space' } });
    expect(readdirSync(folderOf(id)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(stepOf(path.join(folderOf(id), 'checkpoint.safetensors'))).toBe(8);
    expect(await resumed(id)).toMatchObject({ status: 'done' });
    expect(numbersOf((await get(id)).report!)).toEqual(numbersOf(whole));
  });

  test('a checkpoint that is damaged, or of other images, begins the run again', async () => {
    const { id, ended } = await lab.start({ datasetId, settings: SETTINGS });
    const file = path.join(folderOf(id), 'checkpoint.safetensors');
    mkdirSync(folderOf(id), { recursive: true });
    writeFileSync(file, 'half a fi');
    const job = await ended;
    expect(job.status).toBe('done');
    expect(numbersOf((await get(id)).report!)).toEqual(numbersOf(whole));
    const log = await lab.running.handlers['job.log']({ id: job.id });
    expect(log.some(({ text }) => /checkpoint cannot be read, so the run begins again/.test(text))).toBe(true);

    const next = await lab.start({ datasetId, settings: SETTINGS });
    const seed1 = await lab.start({ datasetId, settings: SETTINGS, seed: 1 });
    const { jobId } = await get(seed1.id);
    let closing: Promise<void> | undefined;
    atEpoch(next.id, 3, () => {
      closing = lab.running.close();
    });
    expect((await next.ended).status).toBe('interrupted');
    await closing;
    const cut = path.join(folderOf(next.id), 'checkpoint.safetensors');
    mkdirSync(folderOf(seed1.id), { recursive: true });
    renameSync(cut, path.join(folderOf(seed1.id), 'checkpoint.safetensors'));
    lab = await openLab({ dir: lab.dir });
    const other = await lab.running.engine.jobs.ended(jobId);
    expect(other.status).toBe('done');
    const said = (await lab.running.handlers['job.log']({ id: jobId })).map(({ text }) => text);
    expect(said.some((text) => /have changed since the run was cut off/.test(text))).toBe(true);
    expect((await get(seed1.id)).epochs[0]!.trainLoss).not.toBe(whole.epochs[0]!.trainLoss);
  }, 60_000);
});
