// Runs: what ran and what came of it, a job cancelled while it runs, one resumed after its engine was killed.
import path from 'node:path';
import { drawFolder, drawMany } from '../images.ts';
import { expect, test } from '../launch.ts';
import { importFolder } from '../pages/data.ts';
import { frame } from '../pages/frame.ts';
import { runsScreen } from '../pages/runs.ts';

test('an import is listed with its result and its log, and leads to its data', async ({ lab }) => {
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'animals'), ['fox', 'frog'], 6));
  await frame(lab.page).goTo('Runs');
  const runs = runsScreen(lab.page);
  const row = runs.row(/import/);
  await expect(row).toContainText('done');
  await expect(row).toContainText('12 items');
  await row.getByRole('button', { name: 'animals' }).click();
  await expect(runs.details).toContainText('12 of 12');
  await lab.page.getByRole('banner').getByRole('button', { name: 'Open in Data' }).click();
  await expect(frame(lab.page).screen('Data')).toBeVisible();
});

/** Enough to do that it can be stopped on the way. */
async function startEmbedding(lab: Parameters<typeof importFolder>[0]): Promise<void> {
  await importFolder(lab, await drawMany(path.join(lab.dir, 'many'), 2000));
  await frame(lab.page).goTo('Models');
  const forecast = lab.page.getByRole('region', { name: 'Embedding forecast' });
  await lab.page.getByRole('main').getByRole('button', { name: /^HOG/i }).click();
  await forecast.getByRole('button', { name: 'Forecast' }).click();
  await expect(forecast.getByRole('button', { name: 'Embed now E' })).toBeVisible();
  await lab.page.keyboard.press('e');
  await frame(lab.page).goTo('Runs');
  await expect(runsScreen(lab.page).row('embedding')).toContainText(/\d+ %/);
}

test('a running job shows its rate, is cancelled at once', async ({ lab }) => {
  await startEmbedding(lab);
  const runs = runsScreen(lab.page);
  const row = runs.row('embedding');
  await expect(row.getByRole('progressbar')).toBeVisible();
  await row.getByRole('button', { name: 'Cancel' }).click();
  await expect(row).toContainText('cancelled', { timeout: 10_000 });
  await expect(row.getByRole('button', { name: 'Resume' }), 'what took the place of Cancel').toBeFocused();
});

test('a job whose engine was killed is interrupted, is resumed, and ends', async ({ lab }) => {
  await startEmbedding(lab);
  await lab.killEngine();
  await frame(lab.page).goTo('Runs');
  const row = runsScreen(lab.page).row('embedding');
  await expect(row).toContainText('interrupted', { timeout: 20_000 });
  await row.getByRole('button', { name: 'Resume' }).click();
  await expect(row).toContainText('done', { timeout: 60_000 });
});

test('what is removed in one window is gone from the other', async ({ lab }) => {
  // The window is one; browsers have several.
  if (lab.host === 'electron') return;
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'animals'), ['fox', 'frog'], 6));
  const other = await lab.page.context().browser()!.newPage();
  await other.goto(lab.page.url());
  const count = (page: typeof other) => frame(page).rail.getByRole('button', { name: /^Runs/ });
  await expect(count(other)).toHaveText('Runs2');
  await frame(lab.page).goTo('Runs');
  await lab.page.keyboard.press('Delete');
  await expect(count(lab.page)).toHaveText('Runs1');
  await expect(count(other)).toHaveText('Runs1');
});
