// A thread of the import: hashes files and reads their headers, while the main thread answers and writes rows.
import { parentPort } from 'node:worker_threads';
import { type Reading, readFile } from '../datasets/read-file.ts';
import './priority.ts';

/** `sizes` and `mtimes` are what is known of each path, -1 when it is new. */
export type ImportTask = { root: string; respell: boolean; paths: string[]; sizes: Float64Array; mtimes: Float64Array };

/** The next readings of the task, in its order; a slow disk gives them in several parts. */
export type ImportAnswer = { part: Reading[]; last: boolean };

const PART_MS = 100;

parentPort?.on('message', ({ root, respell, paths, sizes, mtimes }: ImportTask) => {
  let part: Reading[] = [];
  let since = performance.now();
  for (const [i, path] of paths.entries()) {
    part.push(readFile(root, { path, size: sizes[i]!, mtime: mtimes[i]! }, respell));
    if (performance.now() - since < PART_MS) continue;
    parentPort?.postMessage({ part, last: false } satisfies ImportAnswer);
    part = [];
    since = performance.now();
  }
  parentPort?.postMessage({ part, last: true } satisfies ImportAnswer);
});
