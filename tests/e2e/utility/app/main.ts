// The real app with the stand-in engine: everything of electron/main but its entry.
import path from 'node:path';
import { app } from 'electron';
import { runApp } from '../../../../electron/main/app.ts';
import { forkUtility } from '../../../../electron/main/fork.ts';

const root = app.getAppPath();
const dataDir = process.env.LAB_DATA_DIR!;
app.setPath('userData', path.join(dataDir, 'window'));
runApp({
  bundleDir: path.join(root, 'page'),
  preload: path.join(root, 'preload.cjs'),
  engineEntry: path.join(root, 'engine.js'),
  dataDir,
  env: process.env,
  fork: forkUtility,
});
