// How long a newcomer waits: from an empty data folder to the demo's finished comparison, on a real engine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeDemo } from '../../electron/engine/demo/demo.ts';
import { createEngine } from '../../electron/engine/engine.ts';

export const usage = 'first-start [--json]';

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } });
  const dataDir = mkdtempSync(join(tmpdir(), 'lab-first-start-'));
  try {
    const start = performance.now();
    const running = await createEngine({ host: 'window', dataDir });
    await makeDemo(running);
    const seconds = (performance.now() - start) / 1000;
    await running.close();
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ seconds })}\n`
        : `The demo's comparison stood after ${seconds.toFixed(1)} s (bar: 60).\n`,
    );
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
