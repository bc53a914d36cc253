// The packed app, as a user starts it. Its fuses close the inspector that Playwright's Electron driver needs, so the window is
// driven over its debugging port. Under the Electron of the npm registry the engine runs under LAB_ENGINE_NODE.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { type Browser, chromium, expect, type Page, test } from '@playwright/test';
import { findElectron, launchArguments } from '../../../build/electron.ts';
import { packedProgram } from '../../../build/pack.ts';
import { frame } from '../pages/frame.ts';

const program = packedProgram();
const dir = mkdtempSync(path.join(os.tmpdir(), 'lab-packed-'));
let env: Record<string, string>;
let child: ChildProcess;
let browser: Browser;
let page: Page;

/** Starts the program and returns the address of its debugging port, which it prints. */
async function start(): Promise<string> {
  child = spawn(program, [...launchArguments(), '--remote-debugging-port=0'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let printed = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The packed app ended with ${code}:\n${printed}`)));
    child.stderr!.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const found = /DevTools listening on (ws:\S+)/.exec(printed);
      if (found) resolve(found[1]!);
    });
  });
}

test.beforeAll(async () => {
  if (!existsSync(program)) throw new Error(`${program} is not there: run npm run pack first.`);
  const found = await findElectron();
  if ('missing' in found) throw new Error(found.missing);
  const { ELECTRON_OVERRIDE_DIST_PATH: _override, ...forEngine } = found.env;
  env = { ...(process.env as Record<string, string>), ...forEngine, LAB_DATA_DIR: path.join(dir, 'data') };
  browser = await chromium.connectOverCDP(await start());
  const context = browser.contexts()[0]!;
  page = context.pages()[0] ?? (await context.waitForEvent('page'));
});
test.afterAll(async () => {
  await browser?.close();
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  rmSync(dir, { recursive: true, force: true });
});

test('opens its window with a connected engine', async () => {
  await expect(page).toHaveTitle(/Fewshot Lab/);
  expect(page.url()).toBe('app://lab/');
  await frame(page).connected();
});

test('makes the demo with what it carries: the models folder, the workers and the native packages', async () => {
  await frame(page).goTo('Data');
  await expect(page.getByText('600 of 600 files usable')).toBeVisible({ timeout: 60_000 });
  // A thumbnail came from the engine through app://.
  await expect
    .poll(() =>
      page
        .getByRole('main')
        .locator('img')
        .first()
        .evaluate((img) => (img as HTMLImageElement).naturalWidth),
    )
    .toBeGreaterThan(0);
  await frame(page).idle(90_000);
  const log = readFileSync(path.join(dir, 'data', 'lab.log'), 'utf8');
  expect(log).not.toContain('"level":"error"');
  expect(log).not.toContain('could not be made');
});

test('a second start on the same data hands over to the first and ends', async () => {
  const second = spawn(program, launchArguments(), { env, stdio: 'ignore' });
  const [code] = (await once(second, 'exit')) as [number];
  expect(code).toBe(0);
  await frame(page).connected();
});

test('its fuses are set', async () => {
  const wire = await getCurrentFuseWire(program);
  const off = [
    FuseV1Options.RunAsNode,
    FuseV1Options.EnableNodeOptionsEnvironmentVariable,
    FuseV1Options.EnableNodeCliInspectArguments,
    FuseV1Options.GrantFileProtocolExtraPrivileges,
  ];
  const on = [
    FuseV1Options.EnableCookieEncryption,
    FuseV1Options.OnlyLoadAppFromAsar,
    FuseV1Options.EnableEmbeddedAsarIntegrityValidation,
  ];
  for (const fuse of off) expect(wire[fuse], FuseV1Options[fuse]).toBe(FuseState.DISABLE);
  for (const fuse of on) expect(wire[fuse], FuseV1Options[fuse]).toBe(FuseState.ENABLE);
});
