// Data: a folder comes in, is looked at by mouse and by keys, is split, mended, moved and forgotten; the files stay.
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { addBroken, addCopy, drawFolder, drawMany } from '../images.ts';
import { expect, test } from '../launch.ts';
import { dataScreen, folderBrowser, importFolder } from '../pages/data.ts';
import { drop, frame } from '../pages/frame.ts';

const CLASSES = ['red fox', 'tree_frog', 'whale'];

test('a folder with a broken file and copies: counts, classes, reasons', async ({ lab }) => {
  const folder = await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 12);
  await addBroken(path.join(folder, 'whale', 'cut.jpg'));
  addCopy(path.join(folder, 'whale', '00.jpg'), path.join(folder, 'whale', 'again.jpg'));
  addCopy(path.join(folder, 'whale', '01.jpg'), path.join(folder, 'red fox', 'stray.jpg'));
  await importFolder(lab, folder);
  const data = dataScreen(lab.page);
  await expect(data.usable).toHaveText(/38 of 39 files usable/);
  await expect(data.classRow('red fox')).toContainText('13');
  await expect(data.classRow('whale')).toContainText('13');

  await data.view('Problems').click();
  await expect(data.row('whale/cut.jpg')).toContainText(/\w+ \w+/);
  await data.view('Conflicts').click();
  await expect(data.row('red fox/stray.jpg')).toBeVisible();
  await expect(data.row('whale/01.jpg')).toBeVisible();
  await data.view('Duplicates').click();
  await expect(data.row('whale/again.jpg')).toBeVisible();

  await data.view('All').click();
  await data.classRow('tree_frog').click();
  await expect(data.tiles).toHaveCount(12);
  await expect(data.main.getByText('12 shown')).toBeVisible();
  await data.main.getByRole('textbox', { name: 'Search by file name' }).fill('tree_frog/03');
  await expect(data.tiles).toHaveCount(1);
  // A class keeps the other filters: the name is looked for in another class, then in all.
  await data.classRow('whale').click();
  await expect(data.tiles).toHaveCount(0);
  await data.classRow('whale').click();
  await expect(data.tiles).toHaveCount(1);
  expect(lab.errors).toEqual([]);
});

test('the grid by keys: arrows, ends, the large view, and the focus comes back', async ({ lab }) => {
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 12));
  const data = dataScreen(lab.page);
  await expect(data.selected).toHaveAttribute('aria-posinset', '1');
  await data.grid.focus();
  await lab.page.keyboard.press('ArrowRight');
  await expect(data.selected).toHaveAttribute('aria-posinset', '2');
  await lab.page.keyboard.press('End');
  await expect(data.selected).toHaveAttribute('aria-posinset', '36');
  await lab.page.keyboard.press('Home');
  await expect(data.selected).toHaveAttribute('aria-posinset', '1');
  await lab.page.keyboard.press('Space');
  const image = data.viewer.getByRole('img');
  await expect(image).toBeVisible();
  await expect.poll(() => image.evaluate((element: HTMLImageElement) => element.naturalWidth)).toBe(64);
  await lab.page.keyboard.press('ArrowRight');
  await expect(data.viewer.getByText('2 of 36')).toBeVisible();
  await lab.page.keyboard.press('Escape');
  await expect(data.viewer).toHaveCount(0);
  await expect(data.grid).toBeFocused();
  await expect(data.selected).toHaveAttribute('aria-posinset', '2');
});

test('the folder browser keeps its place when a path is mistyped, and gives the focus back', async ({ lab }) => {
  // In the window the system's dialog chooses.
  if (lab.host === 'electron') return;
  const folder = await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 4);
  await frame(lab.page).goTo('Compare');
  const own = lab.page.getByRole('button', { name: 'Use your own folder' });
  await own.click();
  const browser = folderBrowser(lab.page);
  await browser.open(folder);
  await expect(browser.entries).toHaveText(CLASSES.map((name) => new RegExp(`^${name}`)));
  await browser.open(`${folder}-missing`);
  await expect(browser.dialog).toContainText('There is no folder');
  await expect(browser.path).toHaveValue(`${folder}-missing`);
  await expect(browser.entries).toHaveCount(CLASSES.length);
  await expect(browser.use).toBeDisabled();
  await browser.dialog.getByRole('button', { name: 'tree_frog' }).click();
  await expect(browser.path).toHaveValue(path.join(folder, 'tree_frog'));
  await expect(browser.use).toBeEnabled();
  await lab.page.keyboard.press('Escape');
  await expect(own).toBeFocused();
  // A key pressed while the dialog fades out is not lost.
  await own.press('Enter');
  await expect(browser.dialog).toBeVisible();
  await lab.page.keyboard.press('Escape');
  await lab.page.keyboard.press('Control+k');
  await expect(lab.page.getByRole('combobox', { name: /^Go to a screen/ })).toBeVisible();
});

test('thousands of files: few tiles exist, none stays blank', async ({ lab }) => {
  const folder = await drawMany(path.join(lab.dir, 'many'), 3000);
  await importFolder(lab, folder);
  const data = dataScreen(lab.page);
  await expect(data.usable).toHaveText(/3,000 of 3,000/);
  await data.grid.focus();
  await lab.page.keyboard.press('End');
  await expect(data.selected).toHaveAttribute('aria-posinset', '3000');
  await expect(data.selected).toBeInViewport();
  expect(await data.tiles.count()).toBeLessThan(250);
  await expect.poll(() => data.tiles.filter({ hasText: /^$/ }).count(), 'tiles without a caption').toBe(0);
  const pictures = data.grid.getByRole('option').locator('img');
  await expect
    .poll(
      () => pictures.evaluateAll((all) => all.filter((each) => (each as HTMLImageElement).naturalWidth === 0).length),
      { timeout: 20_000 },
    )
    .toBe(0);
});

test('another split, another name, a file more, a folder moved, and off the list', async ({ lab }) => {
  const folder = await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 10);
  await importFolder(lab, folder);
  const { page } = lab;
  const data = dataScreen(page);
  await expect(data.details).toContainText('drawn per class, seed 0, 20 % test');

  // By key, from the grid: a list that has the focus leaves other keys to the screen.
  await data.grid.focus();
  await page.keyboard.press('s');
  await page.getByRole('textbox', { name: 'Test, percent of each class' }).fill('40');
  await page.getByRole('textbox', { name: 'Seed' }).fill('3');
  await page.getByRole('button', { name: 'Use this split' }).click();
  await expect(data.details).toContainText('drawn per class, seed 3, 40 % test');
  await expect(data.details).toContainText(/test\s*12/);

  await data.grid.focus();
  await page.keyboard.press('F2');
  await expect(page.getByRole('textbox', { name: 'Name' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(data.grid, 'a dialog opened by a key gives the focus back').toBeFocused();
  await data.choose('Rename');
  await page.getByRole('textbox', { name: 'Name' }).fill('beasts');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('navigation', { name: 'Where you are' })).toContainText('beasts');

  addCopy(path.join(folder, 'whale', '00.jpg'), path.join(folder, 'whale', 'more.jpg'));
  await data.choose('Re-scan the folder');
  await expect(data.usable).toHaveText(/31 of 31/);

  await frame(page).idle();
  const moved = path.join(lab.dir, 'elsewhere');
  renameSync(folder, moved);
  await lab.choose(moved, () => data.choose('Relink'));
  await expect(data.details).toContainText(moved);
  await expect(data.usable).toHaveText(/31 of 31/);

  await frame(page).idle();
  await data.choose('Take off the list');
  await expect(page.getByRole('dialog')).toContainText('The files stay.');
  await page.getByRole('button', { name: 'Take it off the list' }).click();
  await expect(page.getByText('No images yet')).toBeVisible();
  expect(existsSync(path.join(moved, 'whale', '00.jpg'))).toBe(true);
  rmSync(moved, { recursive: true });
});

test('after a restart everything is there, and a folder that is away is offline, not gone', async ({ lab }) => {
  const folder = await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 5);
  await importFolder(lab, folder);
  renameSync(folder, `${folder}-unplugged`);
  await lab.restart();
  await frame(lab.page).goTo('Data');
  const data = dataScreen(lab.page);
  await expect(data.usable).toHaveText(/15 of 15/);
  await data.choose('Re-scan the folder');
  await expect(data.main.getByText('The folder cannot be reached:')).toBeVisible({ timeout: 20_000 });
  renameSync(`${folder}-unplugged`, folder);
});

test('a dropped folder is imported; a browser cannot tell its path, says so and offers its own way', async ({
  lab,
}) => {
  const folder = await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 4);
  await frame(lab.page).goTo('Data');
  await drop(lab.page, folder);
  if (lab.host === 'electron') {
    await expect(dataScreen(lab.page).usable).toHaveText(/12 of 12/, { timeout: 20_000 });
    return;
  }
  await expect(lab.page.getByRole('dialog')).toContainText('A browser does not tell where a dropped file lies.');
  await lab.page.keyboard.press('Escape');
  await expect(lab.page.getByRole('dialog')).toHaveCount(0);
});

test('go to anything: a dataset by a part of its name, and the sheet of keys', async ({ lab }) => {
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 4));
  await frame(lab.page).goTo('Settings');
  await lab.page.keyboard.press('Control+k');
  await expect(lab.page.getByRole('dialog').getByRole('combobox')).toBeFocused();
  await lab.page.keyboard.type('anim');
  await expect(lab.page.getByRole('option')).toHaveCount(1);
  await expect(lab.page.getByRole('option', { name: /animals.*dataset/ })).toBeVisible();
  await lab.page.keyboard.press('Enter');
  await expect(lab.page.getByRole('dialog')).toHaveCount(0);
  await expect(dataScreen(lab.page).grid, 'the focus went along').toBeFocused();
  await lab.page.keyboard.press('?');
  const sheet = lab.page.getByRole('dialog', { name: 'Keys' });
  await expect(sheet).toContainText('Compare methods on this');
  await expect(sheet).toContainText('Go to Models');
  await lab.page.keyboard.press('Escape');
  await expect(sheet).toHaveCount(0);
});

test('a CSV list gives labels and splits; a flat folder has none and says what to do', async ({ lab }) => {
  const folder = await drawFolder(path.join(lab.dir, 'flat'), ['.'], 6);
  const rows = Array.from({ length: 6 }, (_, n) => `0${n}.jpg,${n % 2 ? 'odd' : 'even'},${n < 4 ? 'train' : 'test'}`);
  writeFileSync(path.join(folder, 'labels.csv'), ['path,label,split', ...rows].join('\n'));
  await frame(lab.page).goTo('Data');
  await lab.choose(path.join(folder, 'labels.csv'), async () => {
    await lab.page.getByRole('button', { name: 'Import', exact: true }).click();
    await lab.page.getByRole('menuitem', { name: 'A CSV or JSON list' }).click();
  });
  const data = dataScreen(lab.page);
  await expect(data.classRow('odd')).toContainText('3');
  await expect(data.details).toContainText('from the list');
  await frame(lab.page).idle();

  await importFolder(lab, folder);
  await expect(data.details).toContainText('No labels yet');
  const compare = lab.page.getByRole('button', { name: 'Compare methods on this' });
  await expect(compare).toHaveAttribute('aria-disabled', 'true');
  await compare.hover();
  await expect(lab.page.getByText('A comparison needs labels of at least two classes.')).toBeVisible();
});

test('a folder that is away: the re-scan is paused and says so, pictures have a sign, a long name keeps to its place', async ({
  lab,
}) => {
  const { page } = lab;
  const folder = await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 4);
  addCopy(path.join(folder, 'whale', '00.jpg'), path.join(folder, 'whale', 'again.jpg'));
  await importFolder(lab, folder);
  await importFolder(lab, await drawFolder(path.join(lab.dir, 'plants'), CLASSES, 4));
  const data = dataScreen(page);
  const where = page.getByRole('navigation', { name: 'Where you are' });
  await where.getByRole('button', { name: 'all datasets' }).click();
  await data
    .row(/animals/)
    .getByRole('button')
    .click();
  await data.choose('Rename');
  await page.getByRole('textbox', { name: 'Name' }).fill(`animals ${'of the field and the forest '.repeat(6)}`);
  await page.keyboard.press('Enter');
  await expect(where).toContainText('forest');
  const crumbs = where.getByRole('listitem');
  const ends = await crumbs.evaluateAll((all) => all.map((each) => [each.scrollWidth, each.clientWidth]));
  for (const [wanted, has] of ends) expect(wanted, 'a crumb stays within its place').toBeLessThanOrEqual(has!);
  await expect(crumbs.first()).toHaveText('Data');

  // As in a window that has not shown its pictures yet.
  renameSync(folder, path.join(lab.dir, 'elsewhere'));
  await page.route(/thumb/, (route) => route.abort());
  await page.reload();
  await frame(page).goTo('Data');
  await expect(data.details.getByTitle(/^No picture/)).toBeVisible();
  await data.grid.focus();
  await page.keyboard.press('Enter');
  await expect(data.viewer).toContainText('A re-scan of the folder says which.');
  await page.keyboard.press('Escape');
  await data.choose('Re-scan the folder');
  await expect(frame(page).status).toContainText('paused');
  await expect(frame(page).rail.getByRole('button', { name: /^Runs/ })).toContainText('1 active');
  await expect(data.main.getByText(/elsewhere|cannot be reached/).first()).toBeVisible();
});

test('from nothing to a chart: the own folder is imported and compared without another question', async ({ lab }) => {
  const folder = await drawFolder(path.join(lab.dir, 'animals'), CLASSES, 12);
  await frame(lab.page).goTo('Compare');
  await lab.choose(folder, () => lab.page.getByRole('button', { name: 'Use your own folder' }).click());
  await expect(frame(lab.page).screen('Compare')).toBeVisible({ timeout: 30_000 });
  await expect(lab.page.getByRole('navigation', { name: 'Where you are' })).toContainText('animals');
  await frame(lab.page).idle();
  await frame(lab.page).goTo('Runs');
  await expect(lab.page.getByRole('main').getByRole('row').filter({ hasText: 'comparison' })).toContainText('done');
});
