// The `lab` fixture: the lab in a browser or in Electron's window, on a data folder of its own, the same for both projects.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test as base, chromium, type ElectronApplication, expect, type Page } from '@playwright/test';
import { chromiumPath, chromiumSwitches } from '../../build/chromium.ts';
import { ROOT } from '../../build/root.ts';
import { startElectron } from './electron-app.ts';
import { frame } from './pages/frame.ts';

export type Lab = {
  host: 'browser' | 'electron';
  /** The page now: another one after `restart`. */
  readonly page: Page;
  /** A folder of this test alone; `data` in it is the lab's. */
  dir: string;
  /** Errors the page threw or logged so far. */
  errors: string[];
  /** Chooses `path` in whichever dialog `open` brings up: the native one, or the engine's folder browser. */
  choose(path: string, open: () => Promise<void>): Promise<void>;
  /** Kills the engine with SIGKILL and waits until another answers. */
  killEngine(): Promise<void>;
  /** Quits the whole lab and opens it again on the same data. */
  restart(): Promise<void>;
};

type Running = {
  page: Page;
  app?: ElectronApplication;
  /** Does what it takes until another engine is on its way. */
  afterKill(): Promise<void>;
  quit(): Promise<void>;
};

/** The test's own environment: its data, no demo, and nothing of the developer's. */
function environment(dir: string): Record<string, string> {
  const {
    LAB_MODELS_DIR: _models,
    LAB_ENGINE_NODE: _node,
    NO_COLOR: _colour,
    ...env
  } = process.env as Record<string, string>;
  return { ...env, LAB_DATA_DIR: path.join(dir, 'data'), LAB_DEMO: 'off' };
}

async function openElectron(dir: string, extra: Record<string, string>): Promise<Running> {
  const app = await startElectron(ROOT, { ...environment(dir), ...extra });
  const page = await app.firstWindow();
  // The app forks another engine by itself.
  return { page, app, afterKill: async () => {}, quit: () => app.close() };
}

async function openBrowser(dir: string, extra: Record<string, string>): Promise<Running> {
  let { url, server } = await startServer(dir, extra);
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumSwitches() });
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  await page.goto(url);
  return {
    page,
    async afterKill() {
      // The server is the engine: the user starts it again and opens the new address.
      await ended(server);
      ({ url, server } = await startServer(dir, extra));
      await page.goto(url);
    },
    async quit() {
      await browser.close();
      server.kill('SIGTERM');
      await ended(server);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** The built server, and the address it prints. */
async function startServer(dir: string, extra: Record<string, string>): Promise<{ url: string; server: ChildProcess }> {
  const server = spawn(process.execPath, [path.join(ROOT, 'dist/engine/server.js')], {
    env: { ...environment(dir), ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform === 'linux', // as build/launch.ts starts it
  });
  // Ctrl+C in the terminal does not reach another session
  const end = () => void server.kill();
  process.once('exit', end);
  server.once('exit', () => process.off('exit', end));
  let printed = '';
  let said = '';
  server.stderr!.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const url = await new Promise<string>((resolve, reject) => {
    server.once('exit', (code) =>
      reject(new Error(`The server ended with ${code} before it printed an address: ${said}`)),
    );
    server.stdout!.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+\/[\w-]+\//.exec(printed);
      if (found) resolve(found[0]);
    });
  });
  return { url, server };
}

/** The process that owns the data folder; null while it has not written its name. */
function enginePid(dir: string): number | null {
  try {
    return (JSON.parse(readFileSync(path.join(dir, 'data', 'owner.json'), 'utf8')) as { pid: number }).pid;
  } catch {
    return null;
  }
}

export function makeLab(host: Lab['host'], dir: string, extra: Record<string, string>) {
  const errors: string[] = [];
  let running: Running | null = null;

  async function open(): Promise<void> {
    running = await (host === 'electron' ? openElectron : openBrowser)(dir, extra);
    running.page.on('pageerror', (error) => errors.push(String(error)));
    running.page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await frame(running.page).connected();
  }
  const lab: Lab = {
    host,
    dir,
    errors,
    get page() {
      return running!.page;
    },
    async choose(chosen, openDialog) {
      if (running!.app) {
        // The native dialog belongs to the system; it answers as if the user had chosen.
        await running!.app.evaluate(({ dialog }, filePath) => {
          dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [filePath] });
        }, chosen);
        await openDialog();
        return;
      }
      await openDialog();
      const browser = running!.page.getByRole('dialog');
      await browser.getByRole('textbox', { name: 'Path' }).fill(chosen);
      await browser.getByRole('button', { name: 'Use this path' }).click();
    },
    async killEngine() {
      const pid = enginePid(dir);
      if (pid === null) throw new Error('No engine owns the data folder.');
      process.kill(pid, 'SIGKILL');
      await running!.afterKill();
      await expect.poll(() => enginePid(dir) ?? pid, { timeout: 30_000 }).not.toBe(pid);
      await frame(running!.page).connected();
    },
    async restart() {
      await running?.quit();
      await open();
    },
  };
  return { lab, open, quit: async () => running?.quit() };
}

/** `engineEnv`: more of the engine's environment, such as LAB_MODELS_DIR or LAB_DEMO. */
export const test = base.extend<{ lab: Lab; engineEnv: Record<string, string> }>({
  engineEnv: [{}, { option: true }],
  lab: async ({ engineEnv }, use, info) => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'lab-e2e-'));
    mkdirSync(path.join(dir, 'data'));
    const { lab, open, quit } = makeLab(info.project.name === 'electron' ? 'electron' : 'browser', dir, engineEnv);
    try {
      await open();
      await use(lab);
      if (info.status !== info.expectedStatus) {
        await info.attach('page', { body: await lab.page.screenshot(), contentType: 'image/png' });
        await info.attach('page errors', { body: lab.errors.join('\n'), contentType: 'text/plain' });
      }
    } finally {
      await quit().catch(() => {});
      rmSync(dir, { recursive: true, force: true });
    }
  },
});
export { expect };
