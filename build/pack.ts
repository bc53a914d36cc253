// `npm run pack`: the app as a folder that runs (out/), or with `npm run pack -- --installer` as this platform's installers.
// What goes in stands in package.json under "build"; here is only what the machine decides.
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build, type Configuration, Platform } from 'electron-builder';
import { bundleIfStale } from './bundle.ts';
import { type ElectronBinary, findElectron } from './electron.ts';
import { ROOT } from './root.ts';

/** Where the packed app's program is. */
export function packedProgram(): string {
  const out = path.join(ROOT, 'out');
  if (process.platform === 'darwin')
    return path.join(out, `mac-${process.arch}`, 'Fewshot Lab.app/Contents/MacOS/Fewshot Lab');
  if (process.platform === 'win32')
    return path.join(out, process.arch === 'arm64' ? 'win-arm64-unpacked' : 'win-unpacked', 'Fewshot Lab.exe');
  return path.join(out, process.arch === 'arm64' ? 'linux-arm64-unpacked' : 'linux-unpacked', 'fewshot-lab');
}

/** The Electron in node_modules or .cache, without the stand-in app that makes it usable for development. */
async function distFolder(electron: ElectronBinary): Promise<string> {
  const work = await mkdtemp(path.join(os.tmpdir(), 'lab-electron-'));
  const source = electron.stopgap ? path.dirname(electron.binary) : path.join(ROOT, 'node_modules', 'electron', 'dist');
  const standIn = path.join(source, 'resources', 'app');
  // Links within a macOS framework stay links.
  await cp(source, work, { recursive: true, verbatimSymlinks: true, filter: (file) => file !== standIn });
  return work;
}

/** Packs for this platform. Throws a sentence when there is no Electron to pack. */
export async function pack({ installer = false } = {}): Promise<string> {
  await bundleIfStale();
  const electron = await findElectron();
  if ('missing' in electron) throw new Error(electron.missing);
  if (electron.stopgap)
    process.stderr.write(
      `Packing Electron ${electron.version}, which is for tests: build for users where Electron's site can be reached.\n`,
    );
  if (electron.stopgap && installer) throw new Error('Installers need the official Electron.');
  const dist = await distFolder(electron);
  try {
    const config: Configuration = { electronVersion: electron.version, electronDist: dist };
    await build({
      projectDir: ROOT,
      publish: 'never',
      targets: Platform.current().createTarget(installer ? undefined : 'dir'),
      config,
    });
  } finally {
    await rm(dist, { recursive: true, force: true });
  }
  const program = packedProgram();
  if (!existsSync(program)) throw new Error(`electron-builder ended without ${program}.`);
  return program;
}

if (import.meta.main) {
  try {
    process.stdout.write(`${await pack({ installer: process.argv.includes('--installer') })}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
