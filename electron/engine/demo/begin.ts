// The hosts with a screen make the demo at the first start; the shell makes it when asked (`lab compare demo`).
import type { RunningEngine } from '../engine.ts';
import { makeDemo } from './demo.ts';

/** Starts making the demo in the background unless it was made. LAB_DEMO=off leaves it out, for tests. */
export function beginDemo(running: RunningEngine): void {
  if (process.env.LAB_DEMO === 'off') return;
  makeDemo(running).catch((error: unknown) =>
    running.engine.log('warn', `The demo could not be made: ${error instanceof Error ? error.message : String(error)}`),
  );
}
