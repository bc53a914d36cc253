// What a kind of long work has to say about itself. A new kind is one file with a `JobKindDef` and one line in kinds.ts.
import type { z } from 'zod';
import type { Engine, Log } from '../context.ts';

export type JobContext = {
  jobId: number;
  /** Aborted by cancel and at shutdown: check it once a step (`signal.throwIfAborted()`). */
  signal: AbortSignal;
  /** Stored and announced at most ten times a second. `unit` replaces the kind's own while a phase counts something else. */
  progress(done: number, total: number, note?: string, unit?: string): void;
  /** Batched; drawn live by the screens. */
  metric(name: string, step: number, value: number): void;
  /** A line in this job's own log. */
  log: Log;
  engine: Engine;
};

export type JobKindDef<P> = {
  /** Rows outlive code: stored params are parsed again before each run. */
  params: z.ZodType<P>;
  title(params: P, engine: Engine): string;
  /** What `done` and `total` count, such as "images". */
  unit: string;
  /** `work` jobs run one after the other; a `background` job runs beside them. */
  lane: 'work' | 'background';
  /**
   * Does the work and returns its result (JSON). Running it again after it was cut off must go on where it stopped:
   * what was done is found in the database or the cache. A LabError with code 'offline' or 'no-space' pauses the job.
   */
  run(params: P, job: JobContext): Promise<unknown>;
  /** The user gave it up, while it ran or later: what it kept on disk to go on with may go. */
  cancelled?(jobId: number, engine: Engine): void;
};

/** The kinds that make a dataset equal to its folder, and whether stored params mean this dataset. */
export const READING = ['import', 'rescan'] as const;
export const onDataset =
  (datasetId: number) =>
  (params: unknown): boolean =>
    (params as { datasetId?: unknown } | null)?.datasetId === datasetId;

/** Keeps P known inside a definition while the table holds kinds of different params. */
export const defineJob = <P>(def: JobKindDef<P>): JobKindDef<P> => def;
