// How fast a folder becomes a dataset: node tests/bench/import.ts FOLDER [PYTHON]. Prints files/s of the lab and, given a Python
// with Pillow, of the reference loop on the same (warm) files; and how long the engine was deaf at most meanwhile.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../../electron/engine/context.ts';
import { importFolder } from '../../electron/engine/datasets/import.ts';
import { openDatabase } from '../../electron/engine/db/open.ts';

type Speed = {
  files: number;
  seconds: number;
  cpuSeconds: number;
  filesPerSecond: number;
  deafMs?: number;
  gridMs?: number;
};

async function lab(folder: string): Promise<Speed> {
  const dir = mkdtempSync(path.join(tmpdir(), 'lab-bench-'));
  const db = await openDatabase(path.join(dir, 'lab.sqlite'));
  const started = performance.now();
  let gridMs: number | undefined;
  const engine = {
    db,
    log: () => {},
    push: () => {
      if (gridMs === undefined && db.prepare('SELECT 1 FROM item LIMIT 1').get()) gridMs = performance.now() - started;
    },
  } as unknown as Engine; // an import asks for nothing else
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const cpu = process.cpuUsage();
  const { items, problems, seconds } = await importFolder(engine, { path: folder });
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  db.close();
  rmSync(dir, { recursive: true });
  const files = items + problems;
  const cpuSeconds = (user + system) / 1e6; // of all threads
  return {
    files,
    seconds,
    cpuSeconds,
    filesPerSecond: Math.round(files / seconds),
    deafMs: Math.round(delay.max / 1e6),
    gridMs: Math.round(gridMs ?? -1),
  };
}

const reference = (python: string, folder: string): Speed =>
  JSON.parse(
    execFileSync(python, [fileURLToPath(new URL('import-reference.py', import.meta.url)), folder], {
      encoding: 'utf8',
    }),
  ) as Speed;

const [folder, python] = process.argv.slice(2);
if (!folder) throw new Error('Name the folder to import: node tests/bench/import.ts FOLDER [PYTHON]');
const speeds: { lab: Speed[]; python: Speed[] } = { lab: [], python: [] };
for (let round = 0; round < 4; round++) {
  speeds.lab.push(await lab(path.resolve(folder)));
  if (python) speeds.python.push(reference(python, path.resolve(folder)));
}
console.log(JSON.stringify(speeds, null, 1));
