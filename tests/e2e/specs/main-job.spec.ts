// The main job from end to end: a folder in, the few-shot chart out, a wrong image looked at, an engine killed on the way.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { ROOT } from '../../../build/root.ts';
import type { Report } from '../../../shared/report.ts';
import { expect, type Lab, test } from '../launch.ts';
import { compareScreen } from '../pages/compare.ts';
import { importFolder } from '../pages/data.ts';
import { frame } from '../pages/frame.ts';

test.describe.configure({ timeout: 240_000 });

const CLASSES = ['battery', 'cloud', 'home', 'phone'];

/** Real pictures that are told apart, but not always: four classes of the demo's icons, as a user's folder. */
function iconFolder(dir: string): string {
  const folder = path.join(dir, 'icons of mine');
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(path.join(ROOT, 'models', 'demo-icons.zip'))))) {
    const [, split, label, file] = /^icons\/(train|test)\/([^/]+)\/([^/]+)$/.exec(name) ?? [];
    if (!file || !CLASSES.includes(label!)) continue;
    mkdirSync(path.join(folder, split!, label!), { recursive: true });
    writeFileSync(path.join(folder, split!, label!, file), bytes);
  }
  return folder;
}

/** Imports, and starts a comparison of all methods that apply at 1, 2, 4 and 8 shots. Returns its number of rows. */
async function startComparison(lab: Lab, seeds: number): Promise<number> {
  await importFolder(lab, iconFolder(lab.dir));
  await lab.page.getByRole('button', { name: 'Compare methods on this' }).click();
  const compare = compareScreen(lab.page);
  await compare.setSeeds(seeds);
  await compare.shots('16 labels per class').click();
  await compare.start.click();
  return 4 * 4 * seeds; // nearest mean, k-NN, linear probe, discriminant
}

/** The same run's report, as the lab exports it. */
const reportOf = (lab: Lab): Promise<Report> =>
  lab.page.evaluate(async () => (await (await fetch('export/compare/1/report.json')).json()) as Report);

test('import a folder, compare, read the chart, open a wrong image', async ({ lab }) => {
  const rows = await startComparison(lab, 2);
  const compare = compareScreen(lab.page);
  await compare.finished(rows);

  // The chart, the table and the exported report say the same.
  const report = await reportOf(lab);
  expect(report.complete).toBe(true);
  expect(report.classes).toEqual(CLASSES);
  expect(report.results).toHaveLength(rows);
  await expect.poll(async () => (await compare.marks()).length).toBe(report.summary.length);
  const drawn = await compare.marks();
  for (const { method, shots, mean } of report.summary) {
    expect(drawn).toContainEqual({ method, shots: String(shots), mean });
    expect(mean).toBeGreaterThan(report.baselines.chance);
  }
  const best = report.summary.filter((row) => row.shots === 8).sort((a, b) => b.mean - a.mean)[0]!;
  await expect(compare.table).toContainText((best.mean * 100).toFixed(1));

  // A point's confusions count what its row says, and a wrong image opens large.
  await compare.mark('nearest-mean', 1).press('Enter'); // marks may lie on one another; the keyboard tells them apart
  const row = report.results.find((each) => each.method === 'nearest-mean' && each.shots === 1 && each.seed === 0)!;
  const tested = report.counts.test;
  await expect(compare.panel).toContainText(`${Math.round(row.accuracy * tested)} of ${tested} right`);
  await compare.wrong.first().click();
  const image = lab.page.getByRole('dialog').getByRole('img');
  await expect(image).toBeVisible();
  await expect.poll(() => image.evaluate((img) => (img as HTMLImageElement).naturalWidth)).toBe(64);
  await expect(lab.page.getByRole('dialog')).toContainText(/Said \w+, is \w+/);
  await lab.page.keyboard.press('Escape');
  expect(lab.errors).toEqual([]);
});

test('kill the engine in mid-job, resume, restart: the same numbers are there', async ({ lab }) => {
  const rows = await startComparison(lab, 80);
  const compare = compareScreen(lab.page);
  // Some rows are there, others are not.
  await expect.poll(async () => (await compare.marks()).length).toBeGreaterThan(0);
  await lab.killEngine();
  await frame(lab.page).goTo('Compare');
  await lab.page.getByRole('button', { name: 'Resume' }).click();
  await compare.finished(rows);
  const before = await compare.marks();
  expect((await reportOf(lab)).results).toHaveLength(rows);

  await lab.restart();
  await frame(lab.page).goTo('Compare');
  await compareScreen(lab.page).finished(rows);
  await expect.poll(() => compareScreen(lab.page).marks()).toEqual(before); // the plot is measured before it is drawn
});
