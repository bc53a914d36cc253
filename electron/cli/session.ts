// The lab as a command has it: an engine in this process, a line to it, progress on stderr, and Ctrl C.
import os from 'node:os';
import path from 'node:path';
import { type Job, LabError } from '../../shared/contract.ts';
import { defaultDataDir } from '../../shared/data-dir.ts';
import { type Client, connect } from '../../shared/rpc.ts';
import { wirePair } from '../../shared/wires.ts';
import type { RunningEngine } from '../engine/engine.ts';
import { text, texts, type Values } from './command.ts';
import { createProgress, type Progress, progressLine } from './progress.ts';

export type Session = {
  running: RunningEngine;
  client: Client;
  progress: Progress;
  /** Aborted by Ctrl C. */
  signal: AbortSignal;
  /** Shows a job's progress until it has ended well; throws what it failed with, `cancelled` after Ctrl C. */
  wait(job: Job): Promise<Job>;
};

/**
 * Opens the data folder, runs `work` and closes again. Throws `conflict` naming the owner when another engine (a window,
 * a server) holds the folder. Ctrl C cancels the jobs that run; a second one ends the process at once.
 */
export async function withLab<T>(
  values: Values,
  work: (session: Session) => Promise<T>,
  extra: { modelsDirs?: string[] } = {},
): Promise<T> {
  return interruptible(async (signal) => {
    const progress = createProgress();
    const { createEngine } = await import('../engine/engine.ts'); // a wrong command line is answered without it
    const running = await createEngine({
      host: 'cli',
      dataDir:
        text(values, 'data-dir') ??
        defaultDataDir({ platform: process.platform, home: os.homedir(), env: process.env }),
      modelsDirs: [...(extra.modelsDirs ?? []), ...texts(values, 'models-dir')].map((dir) => path.resolve(dir)),
    });
    const [near, far] = wirePair();
    running.accept(far);
    const client = connect(near);
    client.on('notice', ({ text }) => progress.say(text));
    try {
      return await work({ running, client, progress, signal, wait: (job) => waitFor(job, client, progress, signal) });
    } finally {
      progress.clear();
      await running.close();
    }
  });
}

/** Runs `work` with a signal that Ctrl C (or SIGTERM) aborts. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new LabError('cancelled', 'Cancelled.'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** Of one job, on stderr. */
const MOST_WARNINGS = 10;

async function waitFor(job: Job, client: Client, progress: Progress, signal: AbortSignal): Promise<Job> {
  const cancel = () => void client.call('job.cancel', { id: job.id }).catch(() => {});
  signal.addEventListener('abort', cancel);
  if (signal.aborted) cancel();
  try {
    const ended = await new Promise<Job>((resolve, reject) => {
      const look = (now: Job) => {
        if (now.id !== job.id) return;
        if (now.status === 'running') {
          if (now.total > 0) progress.show(progressLine(now), now.note);
        } else if (now.status !== 'queued') resolve(now);
      };
      client.on('job.changed', look);
      client.call('job.get', { id: job.id }).then(look, reject); // it may have ended before anyone listened
    });
    progress.clear();
    signal.throwIfAborted();
    if (ended.status === 'done') {
      const warnings = (await client.call('job.log', { id: job.id })).filter((line) => line.level === 'warn');
      for (const { text } of warnings.slice(0, MOST_WARNINGS)) progress.say(text);
      if (warnings.length > MOST_WARNINGS) progress.say(`${warnings.length - MOST_WARNINGS} more warnings.`);
      return ended;
    }
    if (ended.error) throw new LabError(ended.error.code, ended.error.message);
    throw new LabError('cancelled', 'Cancelled.');
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
