// Prompt, mode Captions: what is needed first, words against accuracy, undo, the best subset, the test on purpose, into Compare.
import { mkdtempSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fixturePath } from '../../helpers/shared.ts';
import { drawFolder } from '../images.ts';
import { expect, test } from '../launch.ts';
import { importFolder } from '../pages/data.ts';
import { frame } from '../pages/frame.ts';

const CLASSES = ['red', 'lime', 'teal'];

/** A models folder that holds only the tiny CLIP (random weights: what it says means nothing, that it changes does). */
const models = mkdtempSync(path.join(os.tmpdir(), 'lab-e2e-models-'));
symlinkSync(fixturePath('tiny-clip'), path.join(models, 'tiny-clip'));

test.describe('without a dual encoder', () => {
  test('says what is needed and leads there', async ({ lab }) => {
    await importFolder(lab, await drawFolder(`${lab.dir}/drawn`, CLASSES, 10));
    await frame(lab.page).goTo('Prompt');
    await expect(lab.page.getByRole('main')).toContainText('an image side and a text side');
    await lab.page.getByRole('button', { name: 'Open Models' }).click();
    await expect(frame(lab.page).screen('Models')).toBeVisible();
  });
});

test.describe('with one', () => {
  test.use({ engineEnv: { LAB_MODELS_DIR: models } });

  test('captions are edited, scored, chosen and used', async ({ lab }) => {
    const { page } = lab;
    await importFolder(lab, await drawFolder(`${lab.dir}/drawn`, CLASSES, 10));
    await frame(page).goTo('Prompt');
    await expect(page.getByRole('button', { name: 'Embed drawn' })).toBeVisible();
    await page.keyboard.press('e');
    const main = page.getByRole('main', { name: 'Prompt' });
    await expect(main).toContainText(/\d+ of 24 train images right/);
    await expect(main).toContainText('as at the start');
    await expect(main.getByRole('region', { name: 'Chosen images' }).getByRole('listitem')).toHaveCount(8);

    // Enter adds a template below, Backspace in an empty one removes it, and every change can be undone.
    const template = (n: number) => page.getByRole('textbox', { name: `Template ${n}`, exact: true });
    await template(1).press('Enter');
    await expect(template(2)).toBeFocused();
    await template(2).pressSequentially('a sketch of a');
    await expect(main).toContainText('needs {} where the class goes');
    await template(2).pressSequentially(' {}.');
    const bars = page.getByRole('list', { name: /^Accuracy of each template/ });
    await expect(bars.getByRole('listitem')).toHaveCount(2);
    await template(2).press('Enter');
    await template(3).press('Backspace');
    await expect(template(2)).toBeFocused();
    await expect(template(3)).toHaveCount(0);

    await page.getByRole('textbox', { name: 'Words for teal' }).fill('dark green');
    await expect(page.getByRole('button', { name: 'Back to teal' })).toBeVisible();
    await page.keyboard.press('Control+z');
    await expect(page.getByRole('textbox', { name: 'Words for teal' })).toHaveValue('teal');
    await page.keyboard.press('Control+Shift+z');
    await expect(page.getByRole('textbox', { name: 'Words for teal' })).toHaveValue('dark green');

    await main.focus();
    await page.keyboard.press('b');
    await expect(page.getByRole('menuitem', { name: / templates? 1$/ })).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('button', { name: 'Built-in sets' })).toBeFocused();

    // The best subset is chosen on train; the test is measured when asked, and counted.
    const choose = page.getByRole('button', { name: 'Choose best subset on train' });
    await choose.focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('list', { name: 'Steps of the choice' }).getByRole('listitem').first()).toBeVisible();
    await expect(choose, 'a button that was disabled while it worked').toBeFocused();
    const details = page.getByRole('region', { name: 'Templates and test' });
    await expect(details).toContainText('Not looked at yet');
    const measure = page.getByRole('button', { name: 'Measure on test' });
    await measure.click();
    await expect(details).toContainText(/\d+ of 6 test images right/);
    await expect(details).toContainText('Looked at 1 time');
    await expect(measure, 'one that stays disabled, with its reason').toBeFocused();

    await page.getByRole('button', { name: 'Use in a comparison' }).click();
    const form = frame(page).screen('Compare');
    await expect(form.getByRole('textbox', { name: 'Templates' })).toHaveValue(/a sketch of a \{\}\.$/);
    await expect(form.getByRole('textbox', { name: 'Words for teal' })).toHaveValue('dark green');
    await expect(
      form.getByRole('group', { name: 'Methods' }).getByRole('button', { name: 'Zero-shot' }),
    ).toHaveAttribute('aria-pressed', 'true');
    // What was looked at stays looked at, and each look more counts: by key, too.
    await frame(page).goTo('Prompt');
    await expect(details).toContainText('Looked at 1 time');
    await main.focus();
    await page.keyboard.press('m');
    await expect(details).toContainText('Looked at 2 times');
    expect(lab.errors).toEqual([]);
  });
});
