// Fine-tuning from the form to a model of its own: forecast, curves, figures, the line between before and after, saving, stopping.
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { drawFolder } from '../images.ts';
import { expect, type Lab, test } from '../launch.ts';
import { importFolder } from '../pages/data.ts';
import { finetuneScreen } from '../pages/finetune.ts';
import { frame } from '../pages/frame.ts';
import { modelsScreen } from '../pages/models.ts';

const models = mkdtempSync(path.join(os.tmpdir(), 'lab-e2e-models-'));
mkdirSync(path.join(models, 'tiny-clip'));
cpSync(path.join(import.meta.dirname, '../../fixtures/tiny-clip'), path.join(models, 'tiny-clip'), { recursive: true });

test.describe.configure({ timeout: 240_000 });

const CLASSES = ['red', 'lime', 'teal'];

/** The form of a run on drawn images, a few seconds long, with its forecast known. */
async function openForm(lab: Lab, epochs: number): Promise<void> {
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'drawn'), CLASSES, 12));
  await frame(lab.page).goTo('Fine-tune');
  const screen = finetuneScreen(lab.page);
  await screen.newRun.click();
  await screen.setting('Epochs').fill(String(epochs));
  await screen.setting('Batch').fill('8');
}

test.describe('with a model that can be trained', () => {
  test.use({ engineEnv: { LAB_MODELS_DIR: models } });

  test('a run is forecast, trained, weighed against the control, and saved as a model', async ({ lab }) => {
    await importFolder(lab, await drawFolder(path.join(lab.dir, 'others'), ['pink', 'navy'], 8));
    await openForm(lab, 3);
    const screen = finetuneScreen(lab.page);
    // What does not apply, and what cannot be, is said before it starts.
    await expect(screen.main).toContainText('multi-label and regression heads are not here');
    await screen.setting('Batch').fill('none');
    await expect(screen.forecast).toContainText('“none” cannot be used');
    await screen.setting('Batch').fill('8');
    await screen.choose('Control set', /others/);
    await screen.main.getByRole('textbox', { name: 'Words for pink' }).fill('a pink thing');
    await screen.main.getByText('Captions: own templates and class names').click();
    await screen.templates.fill('a drawing');
    await expect(screen.forecast).toContainText('“a drawing” needs {} where the class goes');
    await screen.templates.fill('a drawing in {}');
    await screen.main.getByRole('textbox', { name: 'Words for teal' }).fill('dark green');
    await screen.method('Fine-tune').click();
    await expect(screen.forecast).toContainText(/about .*: \d+ steps of/, { timeout: 60_000 });
    await expect(screen.forecast).toContainText(/are free/);

    await screen.start.click();
    await screen.finished();
    await expect(screen.figures).toContainText(/Accuracy on test\s*\d+\.\d %/);
    await expect(screen.figures).toContainText(/others: \d+\.\d → \d+\.\d %/);
    await expect(screen.main.locator('.run-line')).toContainText(/on yours, .* on the control/);
    for (const name of ['loss', 'learning rate', 'images a second'])
      await expect(screen.chart(name).locator('path[stroke]').first()).toHaveAttribute('d', /^M.*L/);
    await expect(screen.panel).toContainText('a drawing in {}');
    await expect(screen.panel).toContainText('teal: dark green');
    // In the window the system's dialog asks where; here the browser takes the file.
    if (lab.host === 'browser') {
      expect(await screen.saved(/: curves$/, 'Charts, SVG')).toMatch(/^<svg .*images a second/s);
      expect(await screen.saved(/: curves$/, 'Values, CSV')).toMatch(/^chart,curve,step,value\r\nloss,train,\d/);
      expect(await screen.saved(/: between before and after$/, 'Values, CSV')).toMatch(/\r\naccuracy,yours,1,/);
    }
    await lab.page.keyboard.press('e');
    await expect(screen.panel.getByRole('table', { name: 'Epochs' }).getByRole('row')).toHaveCount(4);

    // The slider answers the keyboard and reads both accuracies.
    await screen.slider.focus();
    await lab.page.keyboard.press('Home');
    await expect(screen.slider).toHaveAttribute('aria-valuetext', /^0\.0: .*on the control$/);
    await lab.page.keyboard.press('ArrowRight');
    await expect(screen.slider).toHaveAttribute('aria-valuetext', /^0\.1: /);
    await expect(screen.wise).toContainText('Weights at 0.1');
    await lab.page.keyboard.press('End');
    for (let i = 0; i < 4; i++) await lab.page.keyboard.press('ArrowLeft');

    await screen.modelName.fill('drawn-clip');
    await screen.save.click();
    await expect(screen.wise).toContainText('is saved', { timeout: 60_000 });
    await screen.wise.getByRole('button', { name: 'Open in Models' }).click();
    const list = modelsScreen(lab.page);
    await expect(list.row(/drawn-clip/)).toBeVisible();
    await expect(list.details.getByRole('heading', { name: /drawn-clip/ })).toBeVisible();

    await frame(lab.page).goTo('Fine-tune');
    await lab.page.keyboard.press('a');
    await expect(screen.runs).toHaveCount(1);
    await expect(screen.runs.first()).toContainText('saved as drawn-clip');
    await screen.panel.getByRole('button', { name: 'Delete run 1' }).click();
    await lab.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await expect(lab.page.getByText('Nothing was trained yet')).toBeVisible();
    await frame(lab.page).goTo('Models');
    await expect(list.row(/drawn-clip/)).toBeVisible();
    expect(lab.errors).toEqual([]);
  });

  test('a run that is stopped keeps its best epoch; one that is cancelled keeps nothing', async ({ lab }) => {
    await openForm(lab, 9000);
    const screen = finetuneScreen(lab.page);
    await screen.start.click();
    await expect(screen.figures).toContainText(/Best on validation so far\s*\d+\.\d %/, { timeout: 90_000 });
    await screen.stop.click();
    await screen.finished();
    await expect(screen.panel).toContainText(/Stopped by you; epoch \d+ of \d+ was kept/);

    await lab.page.keyboard.press('n');
    await screen.setting('Epochs').fill('9000');
    await screen.start.click();
    await expect(screen.figures).toContainText(/Best on validation so far\s*\d+\.\d %/, { timeout: 90_000 });
    await lab.page.keyboard.press('x');
    await lab.page.getByRole('dialog').getByRole('button', { name: 'End it' }).click();
    await expect(screen.main).toContainText('This run was cancelled', { timeout: 60_000 });
    await expect(lab.page.getByRole('button', { name: /^Save as a model/ })).toBeDisabled();
    // The button that was pressed goes away with that, and its line takes the focus.
    await screen.main.getByRole('button', { name: 'Run it again R' }).focus();
    await lab.page.keyboard.press('Enter');
    await expect(screen.main.locator('.run-state')).toBeFocused();
    expect(lab.errors).toEqual([]);
  });
});

test('without images, and without a model that has weights, it says what comes first', async ({ lab }) => {
  await frame(lab.page).goTo('Fine-tune');
  await expect(lab.page.getByRole('heading', { name: 'No dataset yet' })).toBeVisible();
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'drawn'), CLASSES, 12));
  await frame(lab.page).goTo('Fine-tune');
  await expect(finetuneScreen(lab.page).main).toContainText('it has no weights to train');
  await lab.page.getByRole('button', { name: 'Get a model' }).click();
  await expect(lab.page.getByRole('main', { name: 'Models' })).toBeVisible();
});
