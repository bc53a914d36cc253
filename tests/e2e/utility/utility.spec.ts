// The engine as a real utilityProcess: forked by the app's own main process, MessagePorts handed over, death and return.
// On Electron 33 the whole engine cannot run there (its database needs a newer Node), so a stand-in takes its place.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type ElectronApplication, expect, type Page, test } from '@playwright/test';
import { build } from 'vite';
import { nodeBundle, preload } from '../../../build/vite.ts';
import type { Client } from '../../../shared/rpc.ts';
import { startElectron } from '../electron-app.ts';

type TestWindow = { openEngine: () => Promise<Client>; client: Client; evalOutcome: string };
const here = import.meta.dirname;
const dir = mkdtempSync(path.join(os.tmpdir(), 'lab-utility-'));
let app: ElectronApplication;
let page: Page;

/** The stand-in app in a folder of its own, laid out as dist/ is. */
async function makeApp(): Promise<void> {
  const into = (name: string) => path.join(dir, name);
  const own = (input: Record<string, string>, format: 'es' | 'cjs', extension: string) => {
    const config = nodeBundle(input, dir, format, extension);
    return build({ ...config, build: { ...config.build, emptyOutDir: false } });
  };
  await own({ main: path.join(here, 'app/main.ts') }, 'cjs', 'cjs');
  await own({ engine: path.join(here, 'app/engine.ts') }, 'es', 'js');
  const real = preload();
  await build({ ...real, build: { ...real.build, outDir: dir, emptyOutDir: false } });
  await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      outDir: into('page'),
      lib: { entry: path.join(here, 'app/page.ts'), formats: ['es'], fileName: () => 'page.js' },
    },
  });
  mkdirSync(into('page'), { recursive: true });
  writeFileSync(
    into('page/index.html'),
    '<!doctype html><title>Stand-in</title><script type="module" src="./page.js"></script>',
  );
  writeFileSync(
    into('package.json'),
    JSON.stringify({ name: 'stand-in', version: '1.0.0', type: 'module', main: 'main.cjs' }),
  );
  // Packages of the engine stay outside the bundle.
  symlinkSync(path.join(here, '../../../node_modules'), into('node_modules'));
}

test.beforeAll(async () => {
  await makeApp();
  // Not under another Node: that is the other way.
  app = await startElectron(dir, {
    ...(process.env as Record<string, string>),
    LAB_DATA_DIR: path.join(dir, 'data'),
    LAB_ENGINE_NODE: '',
  });
  page = await app.firstWindow();
  await page.waitForFunction(() => document.title === 'Stand-in');
});
test.afterAll(async () => {
  await app?.close();
  rmSync(dir, { recursive: true, force: true });
});

const openLine = () =>
  page.evaluate(async () => {
    const w = window as unknown as TestWindow;
    w.client = await w.openEngine();
  });
const enginePid = () =>
  page.evaluate(async () =>
    Number((await (window as unknown as TestWindow).client.call('app.doctor', {})).checks[0]!.detail),
  );

test('the window talks to a utilityProcess over a MessagePort', async () => {
  await openLine();
  const answer = await page.evaluate(() => (window as unknown as TestWindow).client.call('app.doctor', {}));
  expect(answer.checks[0]).toMatchObject({ name: 'process', ok: true });
  // Electron counts it among its own processes.
  const kinds = await app.evaluate(({ app: electronApp }) =>
    electronApp.getAppMetrics().map((each) => ({ pid: each.pid, type: each.type, name: each.name })),
  );
  expect(kinds.find((each) => each.pid === Number(answer.checks[0]!.detail))).toMatchObject({
    type: 'Utility',
    name: 'Fewshot Lab engine',
  });
});

test('files come from the engine through app://, with ranges', async () => {
  const answer = await page.evaluate(async () => {
    const response = await fetch('./media/thumbnail/ab', { headers: { range: 'bytes=0-9' } });
    return { status: response.status, text: await response.text() };
  });
  expect(answer).toEqual({ status: 206, text: '/media/thumbnail/ab bytes=0-9' });
});

test('the machine stays awake while a job runs', async () => {
  const blocked = () =>
    app.evaluate(({ powerSaveBlocker }) => powerSaveBlocker.isStarted(0) || powerSaveBlocker.isStarted(1));
  await page.evaluate(() => (window as unknown as TestWindow).client.call('job.cancel', { id: 1 }));
  await expect.poll(blocked).toBe(true);
  await page.evaluate(() => (window as unknown as TestWindow).client.call('job.cancel', { id: 2 }));
  await expect.poll(blocked).toBe(false);
});

test('a dead engine rejects what is pending, and another takes its place', async () => {
  const before = await enginePid();
  const outcome = await page.evaluate(async () => {
    const { client } = window as unknown as TestWindow;
    const calls = [client.call('dataset.rename', { id: 1, name: 'x' }), client.call('dataset.delete', { id: 1 })];
    return (await Promise.allSettled(calls)).map((each) =>
      each.status === 'rejected' ? (each.reason as { code: string }).code : 'fulfilled',
    );
  });
  expect(outcome).toEqual(['disconnected', 'disconnected']);
  // As the page does: ask again until the line holds.
  await expect
    .poll(async () => {
      await openLine();
      return enginePid().catch(() => before);
    })
    .not.toBe(before);
});

test('the page is shut in: no Node, no foreign page, no new window, no network', async () => {
  const found = await page.evaluate(async () => {
    const w = window as unknown as Record<string, unknown>;
    const network = await fetch('http://127.0.0.1:9/').then(
      () => 'allowed',
      () => 'denied',
    );
    return {
      require: typeof w.require,
      process: typeof w.process,
      opened: window.open('https://example.org'),
      network,
    };
  });
  expect(found).toMatchObject({ require: 'undefined', process: 'undefined', opened: null, network: 'denied' });
  await page.evaluate(() => {
    const link = document.createElement('a');
    link.href = 'https://example.org';
    link.target = '_blank';
    document.body.append(link);
    link.click();
    location.href = 'https://example.org';
  });
  await page.waitForTimeout(300);
  expect(page.url()).toBe('app://lab/');
  expect(app.windows()).toHaveLength(1);
  const unsafe = await page.evaluate(() => (window as unknown as TestWindow).evalOutcome);
  expect(unsafe).toBe('EvalError');
});
