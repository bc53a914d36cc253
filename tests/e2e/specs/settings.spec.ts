// Settings: looks that last, caches that can be cleared, addresses that are kept, versions that are true.
import path from 'node:path';
import { drawFolder } from '../images.ts';
import { expect, test } from '../launch.ts';
import { importFolder } from '../pages/data.ts';
import { frame } from '../pages/frame.ts';
import { settingsScreen } from '../pages/settings.ts';

test('the theme changes at once and after a restart', async ({ lab }) => {
  const theme = () => lab.page.locator('html').getAttribute('data-theme');
  await frame(lab.page).goTo('Settings');
  await settingsScreen(lab.page).appearance.getByRole('button', { name: 'Dark' }).click();
  await expect.poll(theme).toBe('dark');
  await lab.restart();
  await expect.poll(theme).toBe('dark');
  await frame(lab.page).goTo('Settings');
  await settingsScreen(lab.page).appearance.getByRole('button', { name: 'Light' }).click();
  await expect.poll(theme).toBe('light');
});

test('threads and the address of the Hub are kept', async ({ lab }) => {
  await frame(lab.page).goTo('Settings');
  const { appearance, compute, downloads } = settingsScreen(lab.page);
  await compute.getByRole('checkbox').click();
  await compute.getByRole('textbox', { name: 'Threads' }).fill('1');
  await lab.page.keyboard.press('Tab');
  await expect(frame(lab.page).status).toContainText('1 thread');
  await downloads.getByRole('textbox', { name: 'Hub address' }).fill('http://127.0.0.1:9/mirror');
  await downloads.getByRole('button', { name: 'Save' }).click();
  await expect(downloads.getByRole('button', { name: 'Save' })).toBeDisabled();
  // Another setting leaves these alone.
  await appearance.getByRole('button', { name: 'Dark' }).click();
  await expect.poll(() => lab.page.locator('html').getAttribute('data-theme')).toBe('dark');
  await lab.restart();
  await expect(frame(lab.page).status).toContainText('1 thread');
  await frame(lab.page).goTo('Settings');
  await expect(settingsScreen(lab.page).downloads.getByRole('textbox', { name: 'Hub address' })).toHaveValue(
    'http://127.0.0.1:9/mirror',
  );
});

test('caches are counted and cleared; a dataset is taken off the list', async ({ lab }) => {
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'animals'), ['fox', 'frog'], 6));
  await expect
    .poll(() =>
      lab.page
        .locator('.tile img')
        .evaluateAll((all) => all.filter((each) => (each as HTMLImageElement).naturalWidth > 0).length),
    )
    .toBe(12);
  await frame(lab.page).goTo('Settings');
  const { data } = settingsScreen(lab.page);
  const thumbnails = data.getByRole('row').filter({ hasText: 'Thumbnails' });
  await expect(thumbnails).toContainText('12');
  await settingsScreen(lab.page).downloads.getByRole('textbox', { name: 'Proxy' }).press('t');
  await expect(lab.page.getByRole('dialog')).toHaveCount(0);
  await frame(lab.page).screen('Settings').focus();
  await lab.page.keyboard.press('t');
  await lab.page
    .getByRole('dialog')
    .getByRole('button', { name: /^Clear / })
    .click();
  await expect(thumbnails.getByRole('button', { name: 'Clear Thumbnails' })).toBeDisabled();
  await data.getByRole('button', { name: 'Delete animals' }).press('Delete');
  await lab.page.getByRole('dialog').getByRole('button', { name: 'Take it off the list' }).click();
  await expect(data.getByRole('button', { name: 'Delete animals' })).toHaveCount(0);
});

test('versions, checks and the log', async ({ lab }) => {
  await frame(lab.page).goTo('Settings');
  const { data, versions } = settingsScreen(lab.page);
  await expect(versions).toContainText(/Node\s*v2\d/);
  await expect(versions.getByRole('row').filter({ hasText: 'works' }).first()).toBeVisible({ timeout: 20_000 });
  await expect(data).toContainText('lab.log');
  if (lab.host === 'browser') {
    await data.getByRole('button', { name: 'Open the logs' }).click();
    await expect(data.getByRole('note')).toContainText('lab.log');
  }
});
