// How fast a folder becomes a dataset, beside the loop it has to keep up with (import-reference.py) on the same warm files.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import type { Engine } from '../../electron/engine/context.ts';
import { importFolder } from '../../electron/engine/datasets/import.ts';
import { openDatabase } from '../../electron/engine/db/open.ts';

export const usage = 'import [FOLDER] [--files 20000] [--rounds 4] [--python PYTHON with Pillow]';

/** `cpuSeconds` of all threads: what is left to compare on a busy machine. */
type Speed = { files: number; seconds: number; cpuSeconds: number; filesPerSecond: number };
/** `deafMs`: the longest the engine could not have answered; `gridMs`: when the first items could be seen. */
type LabSpeed = Speed & { deafMs: number; gridMs: number };

export async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      files: { type: 'string', default: '20000' },
      rounds: { type: 'string', default: '4' },
      python: { type: 'string' },
    },
  });
  const scratch = mkdtempSync(path.join(tmpdir(), 'lab-bench-'));
  try {
    const folder = positionals[0] ? path.resolve(positionals[0]) : await makeImages(scratch, Number(values.files));
    const lab: LabSpeed[] = [];
    const python: Speed[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      lab.push(await importOnce(folder, path.join(scratch, `lab-${round}.sqlite`)));
      if (values.python) python.push(reference(values.python, folder));
    }
    const median = (speeds: Speed[], key: 'filesPerSecond' | 'cpuSeconds') =>
      speeds.map((speed) => speed[key]).sort((a, b) => a - b)[speeds.length >> 1];
    const medians = (speeds: Speed[]) => ({
      filesPerSecond: median(speeds, 'filesPerSecond'),
      cpuSeconds: median(speeds, 'cpuSeconds'),
    });
    const summary = { lab: medians(lab), ...(python.length > 0 ? { python: medians(python) } : {}) };
    process.stdout.write(`${JSON.stringify({ ...summary, rounds: { lab, python } }, null, 1)}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Small JPEGs of about 5 kB in 100 classes, all different: what follows the end of the picture is part of the content. */
async function makeImages(scratch: string, count: number): Promise<string> {
  const folder = path.join(scratch, 'images');
  const noise = Buffer.alloc(96 * 96 * 3, 0).map((_, i) => (Math.imul(i, 2654435761) >>> 24) & 255);
  const picture = await sharp(noise, { raw: { width: 96, height: 96, channels: 3 } })
    .blur(1.5)
    .jpeg({ quality: 80 })
    .toBuffer();
  for (let i = 0; i < count; i++) {
    const inside = path.join(folder, `class ${i % 100}`);
    if (i < 100) mkdirSync(inside, { recursive: true });
    writeFileSync(path.join(inside, `${i}.jpg`), Buffer.concat([picture, Buffer.from(String(i))]));
  }
  return folder;
}

async function importOnce(folder: string, file: string): Promise<LabSpeed> {
  const db = await openDatabase(file);
  const started = performance.now();
  let gridMs = -1;
  const engine = {
    db,
    log: () => {},
    push: () => {
      if (gridMs < 0 && db.prepare('SELECT 1 FROM item LIMIT 1').get()) gridMs = performance.now() - started;
    },
  } as unknown as Engine; // an import asks for nothing else
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const cpu = process.cpuUsage();
  const { items, problems, seconds } = await importFolder(engine, { path: folder });
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  db.close();
  const files = items + problems;
  return {
    files,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    filesPerSecond: Math.round(files / seconds),
    deafMs: Math.round(delay.max / 1e6),
    gridMs: Math.round(gridMs),
  };
}

const reference = (python: string, folder: string): Speed =>
  JSON.parse(
    execFileSync(python, [fileURLToPath(new URL('import-reference.py', import.meta.url)), folder], {
      encoding: 'utf8',
    }),
  ) as Speed;
