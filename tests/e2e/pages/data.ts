// The Data screen: one dataset's grid, its filters, its lists of trouble, its dialogs.
import { expect, type Page } from '@playwright/test';
import type { Lab } from '../launch.ts';
import { frame } from './frame.ts';

export const dataScreen = (page: Page) => {
  const main = page.getByRole('main', { name: 'Data' });
  const grid = main.getByRole('listbox', { name: /^Images of/ });
  const details = page.getByRole('complementary', { name: 'Details' });
  return {
    main,
    grid,
    details,
    tiles: grid.getByRole('option'),
    selected: grid.getByRole('option', { selected: true }),
    viewer: page.getByRole('dialog'),
    /** "36 of 37 files usable" */
    usable: main.getByText(/ files usable/),
    /** A button of the row over the grid: All, Problems, Duplicates, Leaks, Conflicts. */
    view: (name: string) => main.getByRole('button', { name: new RegExp(`^${name}`) }),
    classRow: (name: string) => details.getByRole('button', { name: new RegExp(`^${name}`) }),
    row: (text: string | RegExp) => main.getByRole('row').filter({ hasText: text }),
    /** An entry of the menu named Dataset. */
    async choose(entry: string): Promise<void> {
      await page.getByRole('button', { name: 'Dataset', exact: true }).click();
      await page.getByRole('menuitem', { name: entry }).click();
    },
  };
};

/** The browser host's dialog for choosing a folder of the engine's machine. */
export const folderBrowser = (page: Page) => {
  const dialog = page.getByRole('dialog');
  const field = dialog.getByRole('textbox', { name: 'Path' });
  return {
    dialog,
    path: field,
    entries: dialog.getByRole('list', { name: /^In / }).getByRole('listitem'),
    use: dialog.getByRole('button', { name: /^Use this/ }),
    async open(folder: string): Promise<void> {
      await field.fill(folder);
      await field.press('Enter');
    },
  };
};

/** Imports a folder through the menu and waits until everything about it is known. */
export async function importFolder(lab: Lab, folder: string): Promise<void> {
  await frame(lab.page).goTo('Data');
  await lab.choose(folder, async () => {
    await lab.page.getByRole('button', { name: 'Import', exact: true }).click();
    await lab.page.getByRole('menuitem', { name: 'A folder of images' }).click();
  });
  await expect(dataScreen(lab.page).grid).toBeVisible();
  await frame(lab.page).idle();
}
