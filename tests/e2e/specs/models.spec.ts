// Models: what is here and what it can do, a try-out, adding and removing a folder, and no network unasked.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { drawFolder } from '../images.ts';
import { expect, test } from '../launch.ts';
import { importFolder } from '../pages/data.ts';
import { frame } from '../pages/frame.ts';
import { modelsScreen } from '../pages/models.ts';

const CLIP = path.join(import.meta.dirname, '../../fixtures/tiny-clip');

test('hog says that it was not pretrained, the catalog states size and licence, and asks before the network', async ({
  lab,
}) => {
  await frame(lab.page).goTo('Models');
  const models = modelsScreen(lab.page);
  await expect(models.row(/HOG/i)).toContainText('no pretraining');
  const clip = models.catalog.getByRole('row').filter({ hasText: 'CLIP ViT-B/32' }).first();
  await expect(clip).toContainText('MB');
  await expect(clip).toContainText('MIT');
  await clip.getByRole('button', { name: 'Download' }).click();
  const question = lab.page.getByRole('dialog');
  await expect(question).toContainText('https://huggingface.co/');
  await expect(question.getByRole('button', { name: /^Download \d+ MB/ })).toBeVisible();
  await lab.page.keyboard.press('Escape');
  await frame(lab.page).goTo('Runs');
  await expect(lab.page.getByText('Nothing has run yet')).toBeVisible();
});

test('a folder is added, tried on an image with own words, forecast, and removed', async ({ lab }) => {
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'animals'), ['fox', 'frog'], 8));
  // Copied under another name: the folder's name is the model's.
  const folder = path.join(lab.dir, 'my-clip');
  mkdirSync(folder);
  cpSync(CLIP, folder, { recursive: true });
  await frame(lab.page).goTo('Models');
  const models = modelsScreen(lab.page);
  await lab.choose(folder, async () => {
    await lab.page.getByRole('button', { name: 'Add a model' }).click();
    await lab.page.getByRole('menuitem', { name: /^A folder/ }).click();
  });
  await expect(models.details.getByRole('heading', { name: /my-clip/ })).toBeVisible();
  await expect(models.details).toContainText('Image and text in one space');

  await models.tryOut
    .getByRole('button', { name: /^Try .*fox/ })
    .first()
    .click();
  await models.tryOut.getByRole('textbox', { name: 'Labels to tell apart' }).fill('a fox, a frog, a fish');
  await expect(models.tryOut).toContainText('of 3 classes');
  await expect(models.tryOut.getByRole('row').filter({ hasText: 'a fish' })).toContainText(/\d+\.\d/);

  // A key is a letter in a field, and an action elsewhere.
  await models.tryOut.getByRole('textbox', { name: 'Labels to tell apart' }).press('p');
  await expect(models.tryOut.getByRole('textbox', { name: 'Labels to tell apart' })).toHaveValue(/p/);
  await expect(models.forecast.getByRole('button', { name: 'Forecast P' })).toBeEnabled();
  await models.main.focus();
  await lab.page.keyboard.press('p');
  await expect(models.forecast).toContainText(/about .* for \d+ images at|are embedded already/, { timeout: 20_000 });

  await lab.page.getByRole('button', { name: 'Remove' }).click();
  await lab.page
    .getByRole('dialog')
    .getByRole('button', { name: /^Remove / })
    .click();
  await expect(models.row(/my-clip/)).toHaveCount(0);
  expect(existsSync(path.join(folder, 'config.json')), 'the original stays').toBe(true);
});

test('a folder without what it needs is refused in words, where it was asked', async ({ lab }) => {
  const folder = path.join(lab.dir, 'half-a-model');
  cpSync(CLIP, folder, { recursive: true });
  rmSync(path.join(folder, 'config.json'));
  for (const name of readdirSync(folder)) if (name.endsWith('.onnx')) rmSync(path.join(folder, name));
  rmSync(path.join(folder, 'onnx'), { recursive: true, force: true });
  await frame(lab.page).goTo('Models');
  await lab.choose(folder, async () => {
    await lab.page.getByRole('button', { name: 'Add a model' }).click();
    await lab.page.getByRole('menuitem', { name: /^A folder/ }).click();
  });
  await expect(lab.page.getByRole('main').getByRole('alert')).toContainText(/config\.json|onnx/i);
});

test('a download from an address where nobody answers says so, and can go on later', async ({ lab }) => {
  await frame(lab.page).goTo('Settings');
  await lab.page.getByRole('textbox', { name: 'Hub address' }).fill('http://127.0.0.1:9');
  await lab.page.getByRole('button', { name: 'Save' }).click();
  await frame(lab.page).goTo('Models');
  const row = modelsScreen(lab.page).catalog.getByRole('row').filter({ hasText: 'TinyCLIP' });
  await row.getByRole('button', { name: /TinyCLIP/ }).click();
  await expect(row.getByRole('button', { name: 'Download D' })).toBeVisible();
  await row.getByRole('button', { name: 'Download' }).focus();
  await lab.page.keyboard.press('d');
  await expect(lab.page.getByRole('dialog')).toContainText('http://127.0.0.1:9/');
  await lab.page
    .getByRole('dialog')
    .getByRole('button', { name: /^Download / })
    .click();
  await expect(row).toContainText('127.0.0.1:9', { timeout: 40_000 });
  await expect(row.getByRole('button', { name: 'Resume R' })).toBeFocused();
});
