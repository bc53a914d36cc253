// The first start on a real engine: made once, in time, and gone on with after a kill.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDemo, unpackDemo } from '../../../electron/engine/demo/demo.ts';
import { createEngine } from '../../../electron/engine/engine.ts';
import { loadComparison } from '../../../electron/engine/report/rows.ts';
import type { Report } from '../../../shared/report.ts';

const TIMEOUT = 120_000;
const MODULES = new URL('../../../electron/engine/', import.meta.url).href;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'lab-demo-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));

/** Makes the demo (or goes on with it) and returns its report and what the database holds then. */
async function make(): Promise<{
  report: Report;
  datasets: number;
  comparisons: number;
  demoMade: boolean;
}> {
  const running = await createEngine({ host: 'window', dataDir: dir });
  try {
    await makeDemo(running);
    const { db } = running.engine;
    const count = (table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    const id = db.prepare('SELECT max(id) FROM comparison').pluck().get() as number;
    const report = loadComparison(db, id).report!;
    return {
      report,
      datasets: count('dataset'),
      comparisons: count('comparison'),
      demoMade: running.engine.settings().demoMade,
    };
  } finally {
    await running.close();
  }
}

const meanOf = ({ summary }: Report, method: string, shots: number) =>
  summary.find((row) => row.method === method && row.shots === shots)!.mean;

test(
  'makes a finished comparison on 600 icons, and only once',
  async () => {
    const first = await make();
    expect(first).toMatchObject({ datasets: 1, comparisons: 1, demoMade: true });
    const { report } = first;
    expect(report).toMatchObject({ complete: true, model: 'hog', excluded: [] });
    expect(report.models[0]!.pretrained).toBe(false);
    expect(report.classes).toHaveLength(12);
    expect(report.counts).toMatchObject({ train: 240, test: 360 });
    expect(report.results).toHaveLength(4 * 5 * 5);
    // Worth looking at: it rises, is far from chance and leaves room above.
    expect(meanOf(report, 'linear-probe', 1)).toBeGreaterThan(0.3);
    expect(meanOf(report, 'linear-probe', 16)).toBeGreaterThan(meanOf(report, 'linear-probe', 1) + 0.2);
    expect(meanOf(report, 'linear-probe', 16)).toBeLessThan(0.95);
    const again = await make();
    expect(again).toMatchObject({ datasets: 1, comparisons: 1 });
  },
  TIMEOUT,
);

test.each(['import', 'compare'])(
  'killed while its %s runs, the next start ends it',
  async (kind) => {
    const program = `import { createEngine } from '${MODULES}engine.ts'; import { makeDemo } from '${MODULES}demo/demo.ts';
    await makeDemo(await createEngine({ host: 'window', dataDir: ${JSON.stringify(dir)} }));`;
    const script = path.join(dir, 'make.mjs');
    writeFileSync(script, program);
    const child = spawn(process.execPath, [script], { stdio: 'inherit' });
    const gone = new Promise((resolve) => child.on('exit', resolve));
    await reached(kind);
    child.kill('SIGKILL');
    await gone;
    const { report, datasets, comparisons, demoMade } = await make();
    expect({ datasets, comparisons, demoMade }).toEqual({ datasets: 1, comparisons: 1, demoMade: true });
    expect(report.complete).toBe(true);
    expect(report.results).toHaveLength(100);
  },
  TIMEOUT,
);

/** Until the job is under way (its first rows are there). */
async function reached(kind: string): Promise<void> {
  const file = path.join(dir, 'lab.sqlite');
  for (let tries = 0; tries < 3000; tries++) {
    await sleep(5);
    if (!existsSync(file)) continue;
    const db = new Sqlite(file, { readonly: true, fileMustExist: true });
    try {
      const wanted =
        kind === 'import'
          ? `SELECT count(*) FROM job WHERE kind = 'import' AND status = 'running'`
          : 'SELECT count(*) > 3 FROM comparison_row';
      if (db.prepare(wanted).pluck().get()) return;
    } catch {
      // the tables are not there yet
    } finally {
      db.close();
    }
  }
  throw new Error(`The ${kind} did not begin.`);
}

test('an archive that was unpacked half is unpacked anew', () => {
  mkdirSync(path.join(dir, 'demo.new', 'icons'), { recursive: true });
  writeFileSync(path.join(dir, 'demo.new', 'icons', 'left over'), '');
  const shipped = path.join(import.meta.dirname, '../../../models');
  const folder = unpackDemo(shipped, dir);
  expect(existsSync(path.join(folder, 'left over'))).toBe(false);
  expect(existsSync(path.join(folder, 'train', 'account'))).toBe(true);
  expect(existsSync(path.join(dir, 'demo', 'LICENSE.txt'))).toBe(true);
  expect(existsSync(path.join(dir, 'demo.new'))).toBe(false);
});
