// Worker threads: every worker file lies in this folder, so that source (.ts) and bundle (.js) find it the same way.
import { Tinypool } from 'tinypool';

/** The file of the worker `name` (workers/NAME.ts, bundled as NAME.js beside this module). */
export const workerFile = (name: string) =>
  new URL(`./${name}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url).href;

/** A pool of `threads` threads running workers/NAME; end it with `destroy()`. */
export const workerPool = (name: string, threads: number, workerData?: unknown) =>
  new Tinypool({
    filename: workerFile(name),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 10_000,
    workerData: workerData as object,
    concurrentTasksPerWorker: 1,
  });
