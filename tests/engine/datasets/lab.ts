// A real engine for dataset tests, without models: its own data folder, the real job queue, the real image threads.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import type { Engine } from '../../../electron/engine/context.ts';
import { openCache, openDatabase } from '../../../electron/engine/db/open.ts';
import { createImagePool } from '../../../electron/engine/images/pool.ts';
import { importJob } from '../../../electron/engine/jobs/import.ts';
import type { JobKindDef } from '../../../electron/engine/jobs/kind.ts';
import { createJobQueue } from '../../../electron/engine/jobs/queue.ts';
import { rescanJob } from '../../../electron/engine/jobs/rescan.ts';
import { verifyJob } from '../../../electron/engine/jobs/verify.ts';
import type { EventName, Job, JobKind } from '../../../shared/contract.ts';

export type TestLab = {
  engine: Engine;
  /** Scratch for the images of a test. */
  folder: string;
  events: { event: EventName; payload: unknown; at: number }[];
  /** Closes the engine and keeps its data: `openLab(lab.dir)` is the next start. */
  stop(): Promise<void>;
  close(): Promise<void>;
  dir: string;
};

const kinds = { import: importJob, rescan: rescanJob, verify: verifyJob } as unknown as Record<
  JobKind,
  JobKindDef<never>
>;

export async function openLab(dir = mkdtempSync(path.join(tmpdir(), 'lab-datasets-'))): Promise<TestLab> {
  const data = path.join(dir, 'data');
  const folder = path.join(dir, 'images');
  mkdirSync(folder, { recursive: true });
  const events: TestLab['events'] = [];
  const db = await openDatabase(path.join(data, 'lab.sqlite'));
  const cache = await openCache(path.join(data, 'cache', 'cache.sqlite'));
  const images = createImagePool(2, path.join(data, 'cache', 'thumbnails'));
  const dirs = {
    data,
    cache: path.join(data, 'cache'),
    models: path.join(data, 'models'),
    modelsDirs: [],
    shipped: '',
  };
  const partial: Omit<Engine, 'jobs' | 'models' | 'settings'> = {
    db,
    cache,
    dirs,
    images,
    log: () => {},
    push: (event, payload) => void events.push({ event, payload, at: performance.now() }),
  };
  const engine = partial as Engine; // no model and no setting is asked for here
  engine.jobs = createJobQueue(db, kinds, () => engine);
  const stop = async () => {
    await engine.jobs.close();
    await images.close();
    db.close();
    cache.close();
  };
  return {
    engine,
    folder,
    events,
    dir,
    stop,
    async close() {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Waits for a job and hands back its last state. */
export const ended = ({ engine }: TestLab, job: Job): Promise<Job> => engine.jobs.ended(job.id);

/** A small JPEG whose content depends on `seed` alone. */
export async function jpeg(seed: number, width = 24, height = 16): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  let state = (seed + 1) * 2654435761;
  for (let i = 0; i < pixels.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    pixels[i] = state >>> 24;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 80 })
    .toBuffer();
}

/** Writes `files` (relative path -> content) below `folder`, making folders as needed; an empty path part ends in '/'. */
export function put(folder: string, files: Record<string, Buffer | string>): void {
  for (const [rel, content] of Object.entries(files)) {
    const full = path.join(folder, rel);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
}
