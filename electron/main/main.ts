// The desktop app's entry: reads what it was started with, and runs the app unless one runs already on this data folder.
import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { app } from 'electron';
import { defaultDataDir } from '../../shared/data-dir.ts';
import { runApp } from './app.ts';
import { forkUnder, forkUtility } from './fork.ts';

/** The value after --NAME or in --NAME=VALUE. */
function argument(name: string): string | undefined {
  const at = process.argv.findIndex((each) => each === `--${name}` || each.startsWith(`--${name}=`));
  const given = process.argv[at];
  if (given === undefined) return undefined;
  return given.includes('=') ? given.slice(given.indexOf('=') + 1) : process.argv[at + 1];
}

const root = app.getAppPath();
const dataDir = path.resolve(
  argument('data-dir') ?? defaultDataDir({ platform: process.platform, home: os.homedir(), env: process.env }),
);
const modelsDirs = [argument('models-dir'), process.env.LAB_MODELS_DIR].filter(Boolean).join(path.delimiter);
const node = process.env.LAB_ENGINE_NODE;

// One app per data folder: Electron's lock goes by this path, and the window's own profile lives in it.
const profile = path.join(dataDir, 'window');
mkdirSync(profile, { recursive: true });
app.setPath('userData', profile);

if (app.requestSingleInstanceLock())
  runApp({
    bundleDir: path.join(root, 'dist', 'renderer'),
    preload: path.join(root, 'dist', 'preload', 'preload.cjs'),
    // A forked program cannot lie inside the archive; the packed app keeps the engine beside it.
    engineEntry: path.join(root.replace(/app\.asar$/, 'app.asar.unpacked'), 'dist', 'engine', 'process.js'),
    dataDir,
    env: { ...process.env, ...(modelsDirs ? { LAB_MODELS_DIR: modelsDirs } : {}) },
    fork: node ? forkUnder(node) : forkUtility,
  });
else app.quit();
