// The queue on a real database: order, progress, cancel, pause, crash recovery.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Engine } from '../../../electron/engine/context.ts';
import { openDatabase } from '../../../electron/engine/db/open.ts';
import { defineJob, type JobKindDef } from '../../../electron/engine/jobs/kind.ts';
import { createJobQueue } from '../../../electron/engine/jobs/queue.ts';
import { JOB_KINDS, type Job, type JobKind, LabError } from '../../../shared/contract.ts';

let dir: string;
let seen: Job[];
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'lab-queue-'));
  seen = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const steps = z.object({
  steps: z.number().int(),
  ms: z.number().default(1),
  fail: z.enum(['offline', 'bug', 'full', 'none']).default('none'),
});
let ran: number[] = [];

const counting = (lane: 'work' | 'background') =>
  defineJob<z.infer<typeof steps>>({
    params: steps as z.ZodType<z.infer<typeof steps>>,
    title: (p) => `count to ${p.steps}`,
    unit: 'steps',
    lane,
    async run(p, job) {
      for (let i = 1; i <= p.steps; i++) {
        job.signal.throwIfAborted();
        job.progress(i, p.steps, `step ${i}`);
        job.metric('loss', i, 1 / i);
        await sleep(p.ms);
      }
      if (p.fail === 'offline') throw new LabError('offline', 'The drive is gone.');
      if (p.fail === 'full') job.engine.db.prepare('INSERT INTO ballast VALUES (zeroblob(9000))').run();
      if (p.fail === 'bug') throw new TypeError('boom');
      ran.push(p.steps);
      return { counted: p.steps };
    },
  }) as JobKindDef<unknown>;

async function open() {
  const db = await openDatabase(path.join(dir, 'lab.sqlite'));
  const kinds = Object.fromEntries(
    JOB_KINDS.map((kind) => [kind, counting(kind === 'verify' ? 'background' : 'work')]),
  ) as Record<JobKind, JobKindDef<unknown>>;
  const engine = {
    db,
    push: (event: string, payload: unknown) => event === 'job.changed' && seen.push(payload as Job),
    log: () => {},
  } as unknown as Engine;
  ran = [];
  return { db, queue: createJobQueue(db, kinds, () => engine) };
}

test('work runs one after the other, background beside it', async () => {
  const { queue, db } = await open();
  const first = queue.start('embed', { steps: 20 });
  const second = queue.start('compare', { steps: 2 });
  const aside = queue.start('verify', { steps: 3 });
  const done = await Promise.all([first, second, aside].map((job) => queue.ended(job.id)));
  expect(ran).toEqual([3, 20, 2]);
  expect(done.map((job) => job.status)).toEqual(['done', 'done', 'done']);
  expect(done[0]!.result).toEqual({ counted: 20 });
  expect(done[0]!.done).toBe(20);
  await queue.close();
  db.close();
});

test('params that do not fit are refused before anything is queued', async () => {
  const { queue, db } = await open();
  expect(() => queue.start('embed', { steps: 'many' })).toThrow(/embed: steps/);
  expect(queue.list(10)).toEqual([]);
  await queue.close();
  db.close();
});

test('cancel ends a running job and a queued one', async () => {
  const { queue, db } = await open();
  const running = queue.start('embed', { steps: 10_000 });
  const waiting = queue.start('embed', { steps: 1 });
  await sleep(50);
  queue.cancel(waiting.id);
  queue.cancel(running.id);
  expect((await queue.ended(running.id)).status).toBe('cancelled');
  expect(queue.get(waiting.id).status).toBe('cancelled');
  expect(queue.get(running.id).resumable).toBe(true);
  await queue.close();
  db.close();
});

test('an unplugged folder pauses the job with the reason; a bug fails it; both are logged', async () => {
  const { queue, db } = await open();
  const paused = await queue.ended(queue.start('embed', { steps: 1, fail: 'offline' }).id);
  expect(paused).toMatchObject({
    status: 'paused',
    error: { code: 'offline', message: 'The drive is gone.' },
    resumable: true,
  });
  const failed = await queue.ended(queue.start('embed', { steps: 1, fail: 'bug' }).id);
  expect(failed).toMatchObject({ status: 'failed', error: { code: 'internal', message: 'boom' } });
  expect(queue.log(failed.id).map((line) => line.text)).toEqual(['boom']);
  await queue.close();
  db.close();
});

test('progress is announced at most ten times a second, metrics are all there', async () => {
  const { queue, db } = await open();
  const job = await queue.ended(queue.start('embed', { steps: 300, ms: 1 }).id);
  const seconds = (Date.parse(job.endedAt!) - Date.parse(job.startedAt!)) / 1000;
  expect(seen.length).toBeLessThanOrEqual(Math.ceil(seconds * 10) + 5);
  expect(queue.metrics(job.id, 290).map((m) => m.step)).toEqual([291, 292, 293, 294, 295, 296, 297, 298, 299, 300]);
  await queue.close();
  db.close();
});

test('shutting down leaves the job interrupted; the next start resumes it on demand', async () => {
  const one = await open();
  const job = one.queue.start('embed', { steps: 10_000 });
  await sleep(30);
  await one.queue.close();
  expect(one.queue.get(job.id).status).toBe('interrupted');
  one.db.close();

  const two = await open();
  expect(two.queue.get(job.id)).toMatchObject({ status: 'interrupted', resumable: true });
  two.db.prepare(`UPDATE job SET params = '{"steps":2}' WHERE id = ?`).run(job.id);
  two.queue.resume(job.id);
  expect((await two.queue.ended(job.id)).status).toBe('done');
  await two.queue.close();
  two.db.close();
});

test('a row left running by a killed process becomes interrupted, a queued one runs', async () => {
  const one = await open();
  one.db
    .prepare(
      `INSERT INTO job (kind, title, params, status, created_at) VALUES ('embed', 'x', '{"steps":1}', 'running', 1), ('embed', 'y', '{"steps":1}', 'queued', 2)`,
    )
    .run();
  await one.queue.close();
  one.db.close();
  const two = await open();
  expect(two.queue.get(1).status).toBe('interrupted');
  expect((await two.queue.ended(2)).status).toBe('done');
  await two.queue.close();
  two.db.close();
});

test('a full disk pauses the job and leaves the engine alive; with room again it goes on', async () => {
  const { db, queue } = await open();
  db.exec('CREATE TABLE ballast (bytes BLOB) STRICT');
  const job = queue.start('import', { steps: 30, ms: 5, fail: 'full' });
  const pages = Number(db.pragma('page_count', { simple: true }));
  db.pragma(`max_page_count = ${pages}`);
  const filler = db.prepare(
    `INSERT INTO job (kind, title, params, status, created_at) VALUES ('import', '', '{}', 'done', 0)`,
  );
  expect(() => {
    for (;;) filler.run(); // behind the job's row, whose page is then full: not even its end can be written
  }).toThrow('full');
  expect(await queue.ended(job.id)).toMatchObject({ status: 'paused', resumable: true, error: { code: 'no-space' } });
  expect(queue.active()).toEqual([]);
  expect(() => queue.start('embed', { steps: 1 })).toThrow(expect.objectContaining({ code: 'no-space' }));

  db.pragma(`max_page_count = ${pages + 1000}`);
  queue.resume(job.id);
  expect(await queue.ended(job.id)).toMatchObject({ status: 'done', error: null, result: { counted: 30 } });
  await queue.close();
  db.close();
});
