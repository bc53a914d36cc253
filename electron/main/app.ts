// The app's life: opens the window, keeps the engine alive beside it, and hands each the line to the other.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { app, BrowserWindow, dialog, powerSaveBlocker, shell } from 'electron';
import type { ForkEngine } from './fork.ts';
import { setMenu } from './menu.ts';
import { declareScheme, servePage } from './protocol.ts';
import { answerRequests } from './requests.ts';
import { type Supervisor, superviseEngine } from './supervisor.ts';
import { lockSession, openWindow } from './window.ts';

export type AppOptions = {
  /** The built page. */
  bundleDir: string;
  preload: string;
  /** The program that is forked as the engine, with the data folder as its argument. */
  engineEntry: string;
  dataDir: string;
  /** The engine's environment. */
  env: NodeJS.ProcessEnv;
  fork: ForkEngine;
};

/** Runs the app; must be called before Electron is ready. */
export function runApp(options: AppOptions): void {
  declareScheme();
  drawWithoutGpu();
  app.on('second-instance', focus);
  app.on('window-all-closed', () => app.quit());
  void app.whenReady().then(() => begin(options));
}

/** Where Linux has no GPU at all, Chromium's own discovery of that fails in mid-start now and then, and the page never loads. */
function drawWithoutGpu(): void {
  const gpu = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg'].some((device) => existsSync(device));
  if (process.platform === 'linux' && !gpu) app.disableHardwareAcceleration();
}

function focus(): void {
  const [window] = BrowserWindow.getAllWindows();
  if (window?.isMinimized()) window.restore();
  window?.focus();
}

function begin({ bundleDir, preload, engineEntry, dataDir, env, fork }: AppOptions): void {
  const logFile = path.join(dataDir, 'lab.log');
  const showLogs = () => shell.showItemInFolder(logFile);
  const engine = superviseEngine({
    fork: () => fork(engineEntry, [dataDir], env),
    onBusy: stayAwake(),
    onRefused: giveUp,
    onGivenUp: () => void askWhatNow(engine, logFile, showLogs),
    onOutput: (text) => void process.stderr.write(text),
  });
  lockSession();
  servePage(engine, bundleDir);
  answerRequests(engine, showLogs);
  setMenu({ restartEngine: engine.restart, showLogs, openDataFolder: () => void shell.openPath(dataDir) });
  openWindow(preload);
  stopEngineFirst(engine);
}

function giveUp(message: string): void {
  process.stderr.write(`${message}\n`);
  dialog.showErrorBox('Fewshot Lab cannot open', message);
  app.exit(1);
}

async function askWhatNow(engine: Supervisor, logFile: string, showLogs: () => void): Promise<void> {
  const { response } = await dialog.showMessageBox({
    type: 'error',
    message: 'The engine keeps stopping',
    detail: `It ended four times within a minute. The log may say why: ${logFile}`,
    buttons: ['Try again', 'Show log file', 'Quit'],
    defaultId: 0,
  });
  if (response === 0) engine.restart();
  else if (response === 1) showLogs();
  else app.quit();
}

/** Keeps the machine awake while a job runs. */
function stayAwake(): (busy: boolean) => void {
  let blocker: number | null = null;
  return (busy) => {
    if (busy && blocker === null) blocker = powerSaveBlocker.start('prevent-app-suspension');
    if (!busy && blocker !== null) {
      powerSaveBlocker.stop(blocker);
      blocker = null;
    }
  };
}

/** The engine stores where its jobs are before the app goes. */
function stopEngineFirst(engine: Supervisor): void {
  let stopped = false;
  app.on('will-quit', (event) => {
    if (stopped) return;
    event.preventDefault();
    void engine.stop().finally(() => {
      stopped = true;
      app.quit();
    });
  });
}
