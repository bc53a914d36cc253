// The Fine-tune screen: the form of a run, its curves and figures, the slider between before and after, the list of runs.
import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';

export const finetuneScreen = (page: Page) => {
  const main = page.getByRole('main', { name: 'Fine-tune' });
  const panel = page.getByRole('region', { name: 'Details' });
  const wise = main.getByRole('region', { name: 'Between before and after' });
  const pressed = (group: string, name: string) =>
    main.getByRole('group', { name: group }).getByRole('button', { name, exact: true });
  return {
    main,
    panel,
    wise,
    figures: main.getByLabel('Figures'),
    forecast: page.getByRole('region', { name: 'Forecast' }),
    newRun: page.getByRole('button', { name: /^New run/ }).first(),
    start: page.getByRole('button', { name: /^Start/ }),
    stop: page.getByRole('button', { name: /^Stop, keep the best/ }),
    method: (name: string) => pressed('Method', name),
    labels: (name: string) => pressed('Labelled images per class', name),
    setting: (name: string) => main.getByRole('textbox', { name, exact: true }),
    templates: main.getByRole('textbox', { name: 'Templates' }),
    chart: (name: string) => main.getByRole('region', { name }),
    slider: wise.getByRole('slider'),
    modelName: wise.getByRole('textbox', { name: 'Name of the new model' }),
    save: wise.getByRole('button', { name: 'Save', exact: true }),
    runs: panel.getByRole('list', { name: /^All runs/ }).getByRole('listitem'),
    /** Opens a list of the form and takes an entry. */
    async choose(field: string, entry: string | RegExp): Promise<void> {
      await main.getByRole('combobox', { name: field, exact: true }).click();
      await page.getByRole('option', { name: entry }).click();
    },
    /** What an entry of a corner's menu saves, as text. */
    async saved(corner: RegExp, entry: string): Promise<string> {
      await main.getByRole('button', { name: corner }).click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('menuitem', { name: entry }).click(),
      ]);
      return readFile(await download.path(), 'utf8');
    },
    /** The run has ended with a result: its sentence stands where the progress was. */
    finished: () => expect(main.locator('.run-line')).toContainText('% on test', { timeout: 150_000 }),
  };
};
