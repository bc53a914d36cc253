// How soon another screen stands while a job runs: real clicks on the rail in Chromium and in Electron's window while a model
// embeds a folder and hundreds of fits follow. A wait runs from the moment the system handed over the click (the queue of
// a busy page counts) to the second animation frame after the new screen's frame, and then its content, is in the page.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Page } from '@playwright/test';
import { bundleIfStale } from '../../build/bundle.ts';
import { provideDisplay } from '../../build/display.ts';
import { drawMany } from '../e2e/images.ts';
import { type Lab, makeLab } from '../e2e/launch.ts';
import { compareScreen } from '../e2e/pages/compare.ts';
import { importFolder } from '../e2e/pages/data.ts';
import { frame, type ScreenName } from '../e2e/pages/frame.ts';
import { fixturePath, sharedPath } from '../helpers/shared.ts';

export const usage = 'screens [--host browser|electron|both] [--images N] [--seeds N] [--seconds N] [--json]';

/** What has to be in a screen before it counts as shown: its answer's first content, not the frame around it. */
const CONTENT: Record<ScreenName, string> = {
  Data: '[role=option] img',
  Compare: '.few-shot svg',
  Prompt: '.main-body > *',
  'Fine-tune': '.main-body > *',
  Models: 'tbody tr',
  Runs: 'tbody tr',
  Settings: 'section',
};
type Sample = { screen: ScreenName; phase: string; frameMs: number; contentMs: number };

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      host: { type: 'string', default: 'both' },
      images: { type: 'string', default: '2000' },
      seeds: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
    },
  });
  await bundleIfStale();
  const hosts = (['browser', 'electron'] as const).filter((host) => [host, 'both'].includes(values.host));
  for (const host of hosts) {
    if (host === 'electron') await provideDisplay();
    const samples = await measure(host, Number(values.images), Number(values.seeds), Number(values.seconds));
    process.stdout.write(values.json ? `${JSON.stringify({ host, samples })}\n` : table(host, samples));
  }
}

async function measure(host: Lab['host'], images: number, seeds: number, seconds: number): Promise<Sample[]> {
  const dir = mkdtempSync(path.join(tmpdir(), 'lab-screens-'));
  const models = path.join(dir, 'models');
  mkdirSync(models);
  mkdirSync(path.join(dir, 'data'));
  symlinkSync(fixturePath('tiny-clip'), path.join(models, 'tiny-clip'));
  const real = sharedPath('models/mobilenet-v2-imagenet');
  if (real) symlinkSync(real, path.join(models, 'mobilenet-v2-imagenet'));
  const { lab, open, quit } = makeLab(host, dir, { LAB_MODELS_DIR: models });
  try {
    await open();
    await importFolder(lab, await drawMany(path.join(dir, 'drawn'), images));
    await startComparison(lab, 2, /hog/i, '32 labels per class');
    await compareScreen(lab.page)
      .main.getByText(/of \d+ rows/)
      .waitFor();
    await frame(lab.page).idle(300_000);
    await startComparison(lab, seeds, real ? /mobilenet-v2-imagenet/i : /tiny-clip/i, 'all labels');
    // from its first moment: how many rows there are is only said after the embedding
    await frame(lab.page)
      .status.getByText(/^Comparing/)
      .waitFor();
    return await clicks(lab.page, seconds);
  } finally {
    await quit();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** From the Data screen's button through the form, with one model and one shot count more; "all labels" embeds every image. */
async function startComparison(lab: Lab, seeds: number, model: RegExp, shots: string): Promise<void> {
  const compare = compareScreen(lab.page);
  await frame(lab.page).goTo('Data');
  await lab.page.getByRole('button', { name: 'Compare methods on this' }).click();
  const boxes = compare.main.locator('.model-choice').getByRole('checkbox');
  await boxes.first().waitFor();
  for (const box of await boxes.all()) {
    const name = (await box.locator('..').textContent()) ?? '';
    if (model.test(name) !== (await box.isChecked())) await box.click();
  }
  await compare.setSeeds(seeds);
  await compare.shots(shots).click();
  await compare.start.click();
}

const ROUND: ScreenName[] = ['Data', 'Compare', 'Models', 'Runs', 'Prompt', 'Compare', 'Settings', 'Data', 'Runs'];

/** Clicks from screen to screen until the job has ended or the time is over, a hand's pause between. */
async function clicks(page: Page, seconds: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const { rail, status } = frame(page);
  await page.evaluate(installClock);
  const points = new Map<ScreenName, { x: number; y: number }>();
  for (const name of new Set(ROUND)) {
    const box = (await rail.getByRole('button', { name: new RegExp(`^${name}`) }).boundingBox())!;
    points.set(name, { x: box.x + 20, y: box.y + box.height / 2 });
  }
  let last: ScreenName | null = null;
  const end = performance.now() + seconds * 1000;
  for (let i = 0; performance.now() < end; i++) {
    const words = (await status.locator('span').first().textContent()) ?? '';
    if (words === 'Ready') break;
    const screen = ROUND[i % ROUND.length]!;
    if (screen === last) continue;
    last = screen;
    await page.evaluate(
      ([name, content]) => (window as unknown as Clock).start(name!, content!),
      [screen, CONTENT[screen]],
    );
    const { x, y } = points.get(screen)!;
    await page.mouse.click(x, y);
    const phase = words.includes('·') ? words.slice(words.indexOf('·') + 1).trim() : words;
    const shown = (await page.evaluate(() => (window as unknown as Clock).shown))!;
    samples.push({ screen, phase: phase.replace(/[\d,.]+.*/, '').trim(), ...shown });
    await sleep(60 + ((i * 97) % 240));
  }
  return samples;
}

type Shown = Pick<Sample, 'frameMs' | 'contentMs'>;
type Clock = { start(screen: string, content: string): void; shown: Promise<Shown> | null };

/** Runs in the page: waits for the next trusted click, then for the frame and the content, each and two frames more. */
function installClock(): void {
  const painted = () =>
    new Promise<number>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))));
  const present = (selector: string) =>
    new Promise<void>((done, fail) => {
      const look = () => {
        if (!document.querySelector(selector)) return false;
        observer.disconnect();
        done();
        return true;
      };
      const observer = new MutationObserver(look);
      setTimeout(() => fail(new Error(`${selector} did not come within 10 s.`)), 10_000);
      if (!look()) observer.observe(document.body, { childList: true, subtree: true, attributes: true });
    });
  const clicked = () =>
    new Promise<number>((done) =>
      document.addEventListener('pointerdown', (event) => done(event.timeStamp), { capture: true, once: true }),
    );
  const shown = async (click: Promise<number>, screen: string, content: string): Promise<Shown> => {
    const since = await click;
    const main = `main[aria-label="${screen}"]`;
    const wait = async (selector: string) => {
      await present(selector);
      return (await painted()) - since;
    };
    const [frameMs, contentMs] = await Promise.all([wait(main), wait(`${main} ${content}`)]);
    return { frameMs, contentMs };
  };
  const clock: Clock = {
    shown: null,
    start(screen, content) {
      (window as unknown as Clock).shown = shown(clicked(), screen, content);
    },
  };
  Object.assign(window, clock);
}

function table(host: Lab['host'], samples: Sample[]): string {
  const row = (name: string, some: Sample[]) => {
    const of = (key: 'frameMs' | 'contentMs') => {
      const sorted = some.map((one) => one[key]).sort((a, b) => a - b);
      const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(0);
      return `${at(0.5).padStart(5)} ${at(0.95).padStart(5)} ${at(1).padStart(5)}`;
    };
    return `${name.padEnd(30)} ${String(some.length).padStart(4)}   ${of('frameMs')}   ${of('contentMs')}\n`;
  };
  const groups = [...Map.groupBy(samples, (one) => one.screen), ...Map.groupBy(samples, (one) => one.phase)];
  return [
    `${host}, ms from click to painted    n   frame: median p95 max   content: median p95 max\n`,
    ...groups.map(([name, some]) => row(name, some)),
    row('all', samples),
  ].join('');
}
