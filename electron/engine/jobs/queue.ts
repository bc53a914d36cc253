// The job queue: rows in the database, one job of the work lane at a time, background ones beside it.
// A job that is cut off is found again: `interrupted` after a crash, `paused` when a folder or the disk is gone.
import type { Database } from 'better-sqlite3';
import {
  type Job,
  type JobKind,
  type JobStatus,
  LabError,
  type LogLine,
  type Metric,
} from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { asSpaceError } from '../datasets/roots.ts';
import type { JobContext, JobKindDef } from './kind.ts';
import { createPace, type Pace } from './progress.ts';

type Row = {
  id: number;
  kind: JobKind;
  title: string;
  params: string;
  status: JobStatus;
  done: number;
  total: number;
  note: string;
  result: string | null;
  error: string | null;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
};

export type JobQueue = {
  /** Queues the work and returns its row. Throws `bad-request` when the params do not fit the kind. */
  start(kind: JobKind, params: unknown): Job;
  get(id: number): Job;
  list(limit: number): Job[];
  /** Jobs that are queued or running. */
  active(): Job[];
  cancel(id: number): Job;
  resume(id: number): Job;
  remove(id: number): void;
  /** Job `by` has done what others of these kinds, cut off before, had begun on the same thing: they are done too. */
  settle(by: number, kinds: readonly JobKind[], same: (params: unknown) => boolean): void;
  log(id: number): LogLine[];
  metrics(id: number, afterStep: number): Metric[];
  /** Resolves when the job has ended one way or another (paused counts). */
  ended(id: number): Promise<Job>;
  /** Stops what runs (it becomes `interrupted`) and waits for it. */
  close(): Promise<void>;
};

const PROGRESS_EVERY_MS = 100;
const METRICS_EVERY_MS = 100;
const PAUSING: readonly string[] = ['offline', 'no-space'];
const SHUTDOWN = 'shutdown';
const CANCELLED = 'Cancelled.';

type Running = { controller: AbortController; done: Promise<void>; pace: Pace; unit: string };

/** `kinds` by name; `engine` is read when a job runs, as queue and engine are made together. */
export function createJobQueue(
  db: Database,
  kinds: Record<JobKind, JobKindDef<unknown>>,
  engine: () => Engine,
): JobQueue {
  const sql = statements(db);
  const running = new Map<number, Running>();
  const waiters = new Map<number, ((job: Job) => void)[]>();
  /** How jobs ended whose end could not be written, the disk being full; the next start finds them as they were. */
  const unwritten = new Map<number, Pick<Row, 'status' | 'result' | 'error' | 'ended_at'>>();
  let closing = false;

  sql.interrupt.run(Date.now());
  setImmediate(pump); // what was still queued when the last engine ended

  function toJob(stored: Row): Job {
    const row = { ...stored, ...unwritten.get(stored.id) };
    const live = running.get(row.id);
    return {
      id: row.id,
      kind: row.kind,
      title: row.title,
      params: JSON.parse(row.params),
      status: row.status,
      done: row.done,
      total: row.total,
      note: row.note,
      rate: live?.pace.rate ?? null,
      secondsLeft: live?.pace.secondsLeft ?? null,
      unit: live?.unit ?? kinds[row.kind]?.unit ?? '',
      result: row.result === null ? null : JSON.parse(row.result),
      error: row.error === null ? null : JSON.parse(row.error),
      resumable:
        row.status === 'interrupted' ||
        row.status === 'paused' ||
        row.status === 'cancelled' ||
        row.status === 'failed',
      createdAt: new Date(row.created_at).toISOString(),
      startedAt: row.started_at === null ? null : new Date(row.started_at).toISOString(),
      endedAt: row.ended_at === null ? null : new Date(row.ended_at).toISOString(),
    };
  }

  function get(id: number): Job {
    const row = sql.get.get(id) as Row | undefined;
    if (!row) throw new LabError('not-found', `There is no job ${id}.`);
    return toJob(row);
  }

  function announce(id: number): Job {
    const job = get(id);
    engine().push('job.changed', job);
    return job;
  }

  function log(id: number, level: LogLine['level'], text: string): void {
    unlessFull(() => sql.log.run(id, Date.now(), level, text));
    engine().log(level, `job ${id}: ${text}`);
  }

  /** Starts every queued job whose lane is free. */
  function pump(): void {
    if (closing) return;
    for (const row of sql.queued.all() as Row[]) {
      if (unwritten.has(row.id)) continue; // it ended; only a resume starts it again
      const lane = kinds[row.kind].lane;
      const busy = [...running.keys()].some((id) => kinds[(sql.get.get(id) as Row).kind].lane === lane);
      if (!busy && !running.has(row.id)) begin(row);
    }
  }

  function begin(row: Row): void {
    const controller = new AbortController();
    const live: Running = {
      controller,
      done: Promise.resolve(),
      pace: { rate: null, secondsLeft: null },
      unit: kinds[row.kind].unit,
    };
    running.set(row.id, live);
    live.done = work(row, live).finally(() => {
      running.delete(row.id);
      if (!db.open) return;
      const job = announce(row.id);
      for (const tell of waiters.get(row.id) ?? []) tell(job);
      waiters.delete(row.id);
      pump();
    });
  }

  async function work(row: Row, live: Running): Promise<void> {
    const def = kinds[row.kind];
    const report = createReporter(row.id, live);
    const { signal } = live.controller;
    try {
      sql.begin.run(Date.now(), row.id);
      announce(row.id);
      const params = def.params.parse(JSON.parse(row.params));
      const result = await def.run(params, {
        jobId: row.id,
        signal,
        progress: report.progress,
        metric: report.metric,
        log: (level, text) => log(row.id, level, text),
        engine: engine(),
      });
      signal.throwIfAborted();
      report.flush();
      sql.end.run('done', JSON.stringify(result ?? null), null, Date.now(), row.id);
    } catch (thrown) {
      const error = asSpaceError(thrown);
      report.flush();
      const { status, said } = verdict(error, signal);
      if (status === 'failed')
        engine().log('error', `job ${row.id} (${row.kind}): ${error instanceof Error ? error.stack : String(error)}`);
      if (said) log(row.id, status === 'failed' ? 'error' : 'warn', said.message);
      const end = { status, result: null, error: said ? JSON.stringify(said) : null, ended_at: Date.now() };
      if (!unlessFull(() => sql.end.run(end.status, end.result, end.error, end.ended_at, row.id)))
        unwritten.set(row.id, end);
      if (status === 'cancelled') def.cancelled?.(row.id, engine());
    } finally {
      report.stop();
    }
  }

  /** Progress is stored and announced at most ten times a second; metrics travel in batches. */
  function createReporter(id: number, live: Running) {
    const pace = createPace();
    let last = 0;
    let pending: [number, number, string] | null = null;
    let metrics: Metric[] = [];
    let timer: NodeJS.Timeout | null = null;

    const flushProgress = () => {
      if (!pending) return;
      const now = pending;
      unlessFull(() => sql.progress.run(...now, id));
      pending = null;
      last = Date.now();
      announce(id);
    };
    const flushMetrics = () => {
      timer = null;
      if (metrics.length === 0) return;
      const batch = metrics;
      metrics = [];
      unlessFull(
        db.transaction(() => {
          for (const m of batch) sql.metric.run(m.jobId, m.name, m.step, m.value);
        }),
      );
      engine().push('job.metrics', batch);
    };
    const progress: JobContext['progress'] = (done, total, note = '', unit) => {
      if (unit) live.unit = unit;
      live.pace = pace(done, total);
      pending = [done, total, note];
      if (Date.now() - last >= PROGRESS_EVERY_MS) flushProgress();
    };
    return {
      progress,
      metric(name: string, step: number, value: number) {
        metrics.push({ jobId: id, name, step, value });
        timer ??= setTimeout(flushMetrics, METRICS_EVERY_MS);
      },
      flush() {
        flushProgress();
        flushMetrics();
      },
      stop() {
        if (timer) clearTimeout(timer);
      },
    };
  }

  return {
    start(kind, params) {
      const def = kinds[kind];
      const parsed = def.params.safeParse(params);
      if (!parsed.success) {
        const issue = parsed.error.issues[0]!;
        throw new LabError('bad-request', `${kind}: ${issue.path.join('.') || 'params'}: ${issue.message}`);
      }
      const title = def.title(parsed.data, engine());
      const { lastInsertRowid } = needingSpace(() =>
        sql.insert.run(kind, title, JSON.stringify(parsed.data), Date.now()),
      );
      const job = announce(Number(lastInsertRowid));
      setImmediate(pump);
      return job;
    },
    get,
    list: (limit) => (sql.list.all(limit) as Row[]).map(toJob),
    active: () => (sql.active.all() as Row[]).filter((row) => !unwritten.has(row.id)).map(toJob),
    cancel(id) {
      const job = get(id);
      const live = running.get(id);
      if (live) live.controller.abort(new LabError('cancelled', CANCELLED));
      else if (job.status === 'queued' || job.status === 'paused' || job.status === 'interrupted') {
        sql.end.run('cancelled', null, null, Date.now(), id);
        kinds[job.kind].cancelled?.(id, engine());
        return announce(id);
      }
      return get(id);
    },
    resume(id) {
      const job = get(id);
      if (!job.resumable)
        throw new LabError('conflict', `Job ${id} is ${job.status}; only a job that was cut off can be resumed.`);
      needingSpace(() => sql.requeue.run(id));
      unwritten.delete(id);
      setImmediate(pump);
      return announce(id);
    },
    remove(id) {
      if (running.has(id)) throw new LabError('conflict', `Job ${id} is running. Cancel it first.`);
      sql.remove.run(get(id).id);
    },
    settle(by, kindsOf, same) {
      for (const row of sql.cutOff.all() as Row[]) {
        if (row.id === by || !kindsOf.includes(row.kind) || !same(JSON.parse(row.params))) continue;
        unwritten.delete(row.id);
        sql.end.run('done', JSON.stringify({ finishedBy: by }), null, row.ended_at ?? Date.now(), row.id);
        log(row.id, 'info', `Job ${by} did the rest.`);
        announce(row.id);
      }
    },
    log: (id) =>
      (sql.logOf.all(get(id).id) as { at: number; level: LogLine['level']; text: string }[]).map((line) => ({
        ...line,
        at: new Date(line.at).toISOString(),
      })),
    metrics: (id, afterStep) => sql.metricsOf.all(id, afterStep) as Metric[],
    ended(id) {
      const job = get(id);
      if (job.status !== 'queued' && job.status !== 'running') return Promise.resolve(job);
      return new Promise((resolve) => waiters.set(id, [...(waiters.get(id) ?? []), resolve]));
    },
    async close() {
      closing = true;
      for (const live of running.values()) live.controller.abort(new LabError('cancelled', SHUTDOWN));
      await Promise.all([...running.values()].map((live) => live.done));
    },
  };
}

/** Bookkeeping on a full disk is let go, or it would take the engine down; tells whether it was written. */
function unlessFull(write: () => unknown): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (asSpaceError(error) === error) throw error;
    return false;
  }
}

/** Throws `no-space` when the disk is full. */
function needingSpace<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw asSpaceError(error);
  }
}

/** What an ended run's error makes of the job. */
function verdict(
  error: unknown,
  signal: AbortSignal,
): { status: JobStatus; said: { code: string; message: string } | null } {
  if (signal.aborted) {
    const shutdown = signal.reason instanceof LabError && signal.reason.message === SHUTDOWN;
    return { status: shutdown ? 'interrupted' : 'cancelled', said: null };
  }
  if (error instanceof LabError)
    return {
      status: PAUSING.includes(error.code) ? 'paused' : 'failed',
      said: { code: error.code, message: error.message },
    };
  return {
    status: 'failed',
    said: { code: 'internal', message: error instanceof Error ? error.message : String(error) },
  };
}

const statements = (db: Database) => ({
  insert: db.prepare(`INSERT INTO job (kind, title, params, status, created_at) VALUES (?, ?, ?, 'queued', ?)`),
  get: db.prepare(`SELECT * FROM job WHERE id = ?`),
  list: db.prepare(`SELECT * FROM job ORDER BY id DESC LIMIT ?`),
  queued: db.prepare(`SELECT * FROM job WHERE status = 'queued' ORDER BY id`),
  active: db.prepare(`SELECT * FROM job WHERE status IN ('queued', 'running') ORDER BY id`),
  cutOff: db.prepare(`SELECT * FROM job WHERE status IN ('interrupted', 'paused') ORDER BY id`),
  begin: db.prepare(`UPDATE job SET status = 'running', started_at = ?, ended_at = NULL, error = NULL WHERE id = ?`),
  progress: db.prepare(`UPDATE job SET done = ?, total = ?, note = ? WHERE id = ?`),
  end: db.prepare(`UPDATE job SET status = ?, result = ?, error = ?, ended_at = ? WHERE id = ?`),
  requeue: db.prepare(`UPDATE job SET status = 'queued', error = NULL, ended_at = NULL WHERE id = ?`),
  interrupt: db.prepare(`UPDATE job SET status = 'interrupted', ended_at = ? WHERE status = 'running'`),
  remove: db.prepare(`DELETE FROM job WHERE id = ?`),
  log: db.prepare(`INSERT INTO job_log (job_id, at, level, text) VALUES (?, ?, ?, ?)`),
  logOf: db.prepare(`SELECT at, level, text FROM job_log WHERE job_id = ? ORDER BY id`),
  metric: db.prepare(`INSERT OR REPLACE INTO metric (job_id, name, step, value) VALUES (?, ?, ?, ?)`),
  metricsOf: db.prepare(
    `SELECT job_id AS jobId, name, step, value FROM metric WHERE job_id = ? AND step > ? ORDER BY step`,
  ),
});
