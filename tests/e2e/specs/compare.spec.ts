// The Compare screen by keyboard and pointer: points, confusions, seeds, overlays, exports, captions, deletion.

import { EXPORTS } from '../../../shared/urls.ts';
import { drawFolder } from '../images.ts';
import { expect, type Lab, test } from '../launch.ts';
import { compareScreen } from '../pages/compare.ts';
import { importFolder } from '../pages/data.ts';
import { frame } from '../pages/frame.ts';

const CLASSES = ['red', 'lime', 'teal', 'plum'];

/** A run of hog on drawn images: 4 methods at 1, 2 and 4 labels. Returns its number of rows. */
async function compareDrawn(lab: Lab, seeds: number): Promise<number> {
  await importFolder(lab, await drawFolder(`${lab.dir}/drawn`, CLASSES, 15));
  await lab.page.getByRole('button', { name: 'Compare methods on this' }).click();
  return startRun(lab, seeds);
}

async function startRun(lab: Lab, seeds: number): Promise<number> {
  const compare = compareScreen(lab.page);
  await compare.setSeeds(seeds);
  for (const shots of ['8 labels per class', '16 labels per class']) await compare.shots(shots).click();
  await expect(lab.page.getByRole('region', { name: 'Forecast' })).toContainText(`${4 * 3 * seeds} rows`);
  // By key, though the button that was pressed last has the focus.
  await lab.page.keyboard.press('Control+Enter');
  await compare.finished(4 * 3 * seeds);
  return 4 * 3 * seeds;
}

test('the form says why a method does not apply, and what will be left out', async ({ lab }) => {
  await importFolder(lab, await drawFolder(`${lab.dir}/drawn`, CLASSES, 15));
  await lab.page.getByRole('button', { name: 'Compare methods on this' }).click();
  const compare = compareScreen(lab.page);
  await expect(compare.method('Zero-shot')).toHaveAttribute('aria-disabled', 'true');
  await expect(compare.main).toContainText(/Zero-shot.* compare images with captions/);
  await compare.shots('64 labels per class').click();
  await expect(compare.main).toContainText('64 labels per class will be left out');
  for (const name of ['Linear probe', 'Discriminant', 'Nearest mean', 'k-NN']) await compare.method(name).click();
  await expect(lab.page.getByRole('region', { name: 'Forecast' })).toContainText('Choose a method.');
  await lab.page.keyboard.press('Control+Enter');
  await expect(compare.start).toBeVisible();
  await expect(lab.page.getByRole('region', { name: 'Forecast' })).toContainText(/of 60 images embedded already/);
  expect(lab.errors).toEqual([]);
});

test('a chart is read by keyboard, and every point opens its details', async ({ lab }) => {
  await compareDrawn(lab, 2);
  const compare = compareScreen(lab.page);

  // One stop of the Tab key; arrows go along the line, Enter opens the point and moves the focus into the panel.
  const stop = compare.chart.locator('[data-mark][tabindex="0"]');
  await expect(stop).toHaveCount(1);
  await stop.focus();
  const focused = () => lab.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');
  await lab.page.keyboard.press('Home');
  expect(await focused()).toMatch(/, 1 label per class: \d+\.\d %/);
  await lab.page.keyboard.press('ArrowRight');
  expect(await focused()).toMatch(/, 2 labels per class: /);
  const line = (await focused()).split(',')[0]!;
  await lab.page.keyboard.press('Enter');
  await expect(compare.panel).toContainText(`${line}, 2 labels per class`);
  await expect(compare.panel).toBeFocused();

  // The seeds of the point; the confusion matrix answers arrow keys.
  await expect(compare.panel).toContainText('seed 1 of 2');
  await compare.panel.getByRole('button', { name: 'Next seed' }).click();
  await expect(compare.panel).toContainText('seed 2 of 2');
  const matrix = compare.panel.getByRole('application', { name: /^Confusion matrix/ });
  await matrix.focus();
  await lab.page.keyboard.press('ArrowRight');
  await lab.page.keyboard.press('ArrowLeft');
  await expect(compare.panel).toContainText(/\d+ of 3 images of \w+ were recognised/);

  // A cell of the table is the same point; a hidden method leaves the chart, not the table.
  await compare.table.getByRole('button', { name: /^k-NN, 4 labels per class/ }).click();
  await expect(compare.panel).toContainText('k-NN, 4 labels per class');
  // The table is one stop of the Tab key too.
  await expect(compare.table.locator('button[tabindex="0"]')).toHaveCount(1);
  await lab.page.keyboard.press('Home');
  expect(await focused()).toMatch(/^k-NN, 1 label per class: /);
  await lab.page.keyboard.press('ArrowRight');
  expect(await focused()).toMatch(/^k-NN, 2 labels per class: /);
  await lab.page.keyboard.press('ArrowUp');
  expect(await focused()).toMatch(/^(?!k-NN).*, 2 labels per class: /);
  await lab.page.keyboard.press('Shift+Tab');
  await lab.page.keyboard.press('Tab');
  expect(await focused()).toMatch(/^(?!k-NN).*, 2 labels per class: /);
  const before = (await compare.marks()).length;
  await compare.main.getByRole('group', { name: 'Methods in the chart' }).getByRole('button', { name: 'k-NN' }).click();
  expect(await compare.marks()).toHaveLength(before - 3);
  await expect(compare.table.getByRole('row', { name: /k-NN/ })).toBeVisible();
  expect(lab.errors).toEqual([]);
});

test('every export is there, runs overlay, and a run can be deleted', async ({ lab }) => {
  await compareDrawn(lab, 2);
  const compare = compareScreen(lab.page);
  for (const name of EXPORTS) {
    const got = await lab.page.evaluate(async (file) => {
      const answer = await fetch(`export/compare/1/${file}`);
      return { ok: answer.ok, start: (await answer.text()).slice(0, 4), type: answer.headers.get('content-type') };
    }, name);
    expect(got.ok, name).toBe(true);
    expect(got.start.length, name).toBeGreaterThan(0);
  }
  // By key: the menu takes the focus and gives it to its button, though that had not been pressed.
  await lab.page.keyboard.press('e');
  await expect(lab.page.getByRole('menuitem')).toHaveCount(EXPORTS.length);
  await lab.page.keyboard.press('Escape');
  await expect(lab.page.getByRole('menuitem')).toHaveCount(0);
  await expect(lab.page.getByRole('button', { name: 'Export' })).toBeFocused();
  // Each of its entries has a letter while it is open.
  if (lab.host === 'browser') {
    await lab.page.keyboard.press('e');
    await expect(lab.page.getByRole('menuitem', { name: 'All numbers, JSON J' })).toBeVisible();
    const [file] = await Promise.all([lab.page.waitForEvent('download'), lab.page.keyboard.press('j')]);
    expect(file.suggestedFilename()).toMatch(/report\.json$/);
    await expect(lab.page.getByRole('menuitem')).toHaveCount(0);
  }
  // The palette has what is in the menu, and gives the focus back to the very place it came from.
  await compare.main.focus();
  await lab.page.keyboard.press('Control+k');
  await lab.page.keyboard.type('chart, svg');
  await expect(lab.page.getByRole('option', { name: /^Export: Chart, SVG/ })).toBeVisible();
  await lab.page.keyboard.press('Escape');
  await expect(lab.page.getByRole('dialog')).toHaveCount(0);
  await expect(compare.main).toBeFocused();
  // Timers come late on a busy machine: whatever was focused by then keeps it.
  await lab.page.keyboard.press('Control+k');
  await expect(lab.page.getByRole('dialog')).toBeVisible();
  await lab.page.evaluate((late) => {
    const { setTimeout } = window;
    window.setTimeout = ((run: () => void, ms = 0) => setTimeout(run, ms + late)) as typeof window.setTimeout;
  }, 300);
  await lab.page.keyboard.press('Escape');
  await expect(lab.page.getByRole('dialog')).toHaveCount(0);
  await compare.main.getByRole('button', { name: /^All runs/ }).focus();
  await lab.page.waitForTimeout(600);
  await expect(lab.page.getByRole('button', { name: /^All runs/ })).toBeFocused();

  const single = (await compare.marks()).length;
  await lab.page.keyboard.press('n');
  await startRun(lab, 1);
  await lab.page.keyboard.press('o');
  await lab.page.getByRole('menuitem', { name: /^Add run 1/ }).click();
  await expect.poll(async () => (await compare.marks()).length).toBe(2 * single);
  await expect(compare.chart).toContainText('run 1');

  await lab.page.getByRole('button', { name: /^All runs/ }).click();
  await compare.panel.getByRole('button', { name: 'Delete run 1' }).click();
  await lab.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(compare.panel.getByRole('listitem')).toHaveCount(1);
  await expect.poll(async () => (await compare.marks()).length).toBe(single);
  expect(lab.errors).toEqual([]);
});

test('a run is cancelled and goes on by key, and the focus stays in its line', async ({ lab }) => {
  await importFolder(lab, await drawFolder(`${lab.dir}/drawn`, CLASSES, 15));
  await lab.page.getByRole('button', { name: 'Compare methods on this' }).click();
  const compare = compareScreen(lab.page);
  await compare.setSeeds(100);
  await expect(compare.start, 'the list may still call the dataset importing').toBeEnabled();
  await lab.page.keyboard.press('Control+Enter');
  const cancel = compare.main.getByRole('button', { name: 'Cancel X' });
  const resume = compare.main.getByRole('button', { name: 'Resume R' });
  await cancel.focus();
  await lab.page.keyboard.press('Enter');
  await expect(resume).toBeFocused();
  await lab.page.keyboard.press('Enter');
  await expect(cancel).toBeFocused();
  await lab.page.keyboard.press('x');
  await expect(resume).toBeFocused();
  await lab.page.keyboard.press('a');
  await expect(compare.panel.getByRole('list', { name: /^All comparisons/ })).toBeVisible();
  await lab.page.keyboard.press('r');
  await expect(cancel).toBeVisible();
  expect(lab.errors).toEqual([]);
});

test('a comparison outlives its dataset: numbers stay, pictures that are gone say so', async ({ lab }) => {
  await compareDrawn(lab, 1);
  const compare = compareScreen(lab.page);
  await compare.table.getByRole('button', { name: /^k-NN, 1 label per class/ }).click();
  // a thumbnail is there to be cleared once it has been seen
  const picture = compare.wrong.first().locator('img');
  await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBeGreaterThan(0);
  await frame(lab.page).goTo('Settings');
  await lab.page.getByRole('button', { name: 'Delete drawn' }).click();
  await lab.page.getByRole('dialog').getByRole('button', { name: 'Take it off the list' }).click();
  await expect(lab.page.getByRole('dialog')).toHaveCount(0);
  await lab.page.getByRole('button', { name: 'Clear Thumbnails' }).click();
  await lab.page
    .getByRole('dialog')
    .getByRole('button', { name: /^Clear / })
    .click();
  await expect(lab.page.getByRole('dialog')).toHaveCount(0);
  if (lab.host === 'browser') {
    // The page has shown every picture and keeps them; with routing on, a browser asks for them again.
    await lab.page.route('**/media/thumbnail/**', (route) => route.continue());
    await lab.page.reload();
  }
  await frame(lab.page).goTo('Compare');
  await compare.table.getByRole('button', { name: /^k-NN, 1 label per class/ }).click();
  if (lab.host === 'browser') await expect(compare.wrong.first().getByTitle(/^No picture/)).toBeVisible();
  await compare.wrong.first().click();
  await expect(lab.page.getByRole('dialog')).toContainText('was taken off the list');
});
