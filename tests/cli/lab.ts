// Runs the shell as a user does, as a process of its own, and makes small folders of images to run it on.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { randomOf } from '../../shared/protocol.ts';

const MAIN = fileURLToPath(new URL('../../electron/cli/main.ts', import.meta.url));

export type Ended = { code: number | null; stdout: string; stderr: string };

/** A folder that goes away with `remove`; the data folder of its runs lies in it. */
export function workplace() {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'lab-cli-'));
  return {
    dir,
    at: (...names: string[]) => path.join(dir, ...names),
    remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Starts `lab ARGS` with its data in `dir`/data. */
export function start(
  dir: string,
  args: string[],
  more: Record<string, string> = {},
): { child: ChildProcess; ended: Promise<Ended>; saw(words: RegExp): Promise<void> } {
  const { LAB_MODELS_DIR: _, ...env } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: dir,
    env: { ...env, LAB_DATA_DIR: path.join(dir, 'data'), ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  const watchers: { words: RegExp; tell(): void }[] = [];
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    for (const { words, tell } of watchers) if (words.test(stderr)) tell();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  const saw = (words: RegExp) =>
    new Promise<void>((resolve, reject) => {
      if (words.test(stderr)) resolve();
      watchers.push({ words, tell: resolve });
      void ended.then((end) => reject(new Error(`It ended (${end.code}) without saying ${words}: ${end.stderr}`)));
    });
  return { child, ended, saw };
}

/** Runs `lab ARGS` to its end. */
export const lab = (dir: string, ...args: string[]): Promise<Ended> => start(dir, args).ended;

const SHAPES: Record<string, (x: number, y: number) => string> = {
  circle: (x, y) => `<circle cx="${x}" cy="${y}" r="9"/>`,
  cross: (x, y) => `<path d="M${x - 10} ${y}h20M${x} ${y - 10}v20" stroke="#000" stroke-width="5"/>`,
  square: (x, y) => `<rect x="${x - 8}" y="${y - 8}" width="16" height="16"/>`,
};
export const CLASSES = Object.keys(SHAPES);

/** `each` PNGs of 32 px per class under `folder`/CLASS, every one different; `from` numbers them. */
export async function drawImages(folder: string, each: number, from = 0): Promise<void> {
  for (const [c, [name, shape]] of Object.entries(SHAPES).entries()) {
    mkdirSync(path.join(folder, name), { recursive: true });
    for (let i = from; i < from + each; i++) {
      const random = randomOf(i, c);
      const ground = `rgb(${[0, 1, 2].map(() => Math.round(150 + 100 * random())).join()})`;
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><rect width="32" height="32" fill="${ground}"/>${shape(12 + 8 * random(), 12 + 8 * random())}</svg>`;
      await sharp(Buffer.from(svg))
        .png()
        .toFile(path.join(folder, name, `${name}-${i}.png`));
    }
  }
}
