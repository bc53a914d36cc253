// Pictures of the lab for looking at it: `node build/screenshot.ts --screen compare --theme dark --size 1280x800 --out /tmp/x.png`.
// Builds the page aside, runs an engine and a server of its own (or uses --url), and drives Debian's Chromium.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright';
import { build } from 'vite';
import { createEngine } from '../electron/engine/engine.ts';
import { startServer } from '../electron/server/server.ts';
import { chromiumPath, chromiumSwitches } from './chromium.ts';
import { renderer } from './vite.ts';

const HELP = `  --screen NAME     data, compare, prompt, finetune, models, runs or settings (default compare)
  --params JSON     what the screen shows, as in renderer/ui/navigation.ts: '{"datasetId":1}'
  --theme T         light or dark (default light)
  --size WxH        default 1280x800
  --out FILE        a PNG (default /tmp/lab.png)
  --data-dir DIR    the engine's data (default: a fresh one, thrown away)
  --url URL         an engine that runs already; nothing is built then
  --do CODE         JavaScript with "page" (Playwright) in scope, run before the picture; may be given several times
  --wait MS         a pause before the picture (default 500)`;

const { values } = parseArgs({
  options: {
    screen: { type: 'string', default: 'compare' },
    params: { type: 'string', default: '{}' },
    theme: { type: 'string', default: 'light' },
    size: { type: 'string', default: '1280x800' },
    out: { type: 'string', default: '/tmp/lab.png' },
    'data-dir': { type: 'string' },
    url: { type: 'string' },
    do: { type: 'string', multiple: true, default: [] },
    wait: { type: 'string', default: '500' },
    help: { type: 'boolean', default: false },
  },
});

/** An own engine and server on a page built aside, so that others may build meanwhile. */
async function ownServer(): Promise<{ url: string; close(): Promise<void> }> {
  const work = mkdtempSync(path.join(os.tmpdir(), 'lab-screenshot-'));
  const config = renderer();
  await build({ ...config, build: { ...config.build, outDir: path.join(work, 'page') } });
  const engine = await createEngine({ host: 'server', dataDir: values['data-dir'] ?? path.join(work, 'data') });
  const server = await startServer(engine, { bundleDir: path.join(work, 'page') });
  return {
    url: server.url,
    async close() {
      await server.close();
      await engine.close();
      rmSync(work, { recursive: true, force: true });
    },
  };
}

/** Opens the screen by what the page itself remembers between loads. */
async function show(page: Page, url: string): Promise<void> {
  const empty = { data: {}, compare: {}, prompt: {}, finetune: {}, models: {}, runs: {}, settings: {} };
  const place = { screen: values.screen, params: { ...empty, [values.screen]: JSON.parse(values.params) as object } };
  await page.addInitScript((text) => sessionStorage.setItem('place', text), JSON.stringify(place));
  await page.goto(url);
  await page.getByRole('navigation').first().waitFor();
  const AsyncFunction = (async () => {}).constructor as new (...parts: string[]) => (page: Page) => Promise<void>;
  for (const code of values.do) await new AsyncFunction('page', code)(page);
  await page.waitForTimeout(Number(values.wait));
}

async function take(): Promise<void> {
  const server = values.url ? null : await ownServer();
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumSwitches() });
  try {
    const [width = 1280, height = 800] = values.size.split('x').map(Number);
    const page = await browser.newPage({
      viewport: { width, height },
      colorScheme: values.theme === 'dark' ? 'dark' : 'light',
    });
    for (const event of ['console', 'pageerror'] as const)
      page.on(event as 'console', (message) =>
        process.stderr.write(`${event}: ${'text' in message ? message.text() : String(message)}\n`),
      );
    try {
      await show(page, values.url ?? server!.url);
    } finally {
      await page.screenshot({ path: values.out });
      process.stdout.write(`${values.out}\n`);
    }
  } finally {
    await browser.close();
    await server?.close();
  }
}

if (values.help) process.stdout.write(`${HELP}\n`);
else {
  await take();
  process.exit(0);
}
