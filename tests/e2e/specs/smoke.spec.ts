// The lab opens: the engine answers, every screen of the rail is there, and nothing was thrown on the way.
import { expect, test } from '../launch.ts';
import { frame, type ScreenName } from '../pages/frame.ts';

const SCREENS: ScreenName[] = ['Data', 'Compare', 'Prompt', 'Fine-tune', 'Models', 'Runs', 'Settings'];

test('opens with a connected engine and every screen', async ({ lab }) => {
  await expect(lab.page).toHaveTitle(/Fewshot Lab/);
  for (const name of SCREENS) await frame(lab.page).goTo(name);
  expect(lab.errors).toEqual([]);
});

test('the keys go where the rail goes', async ({ lab }) => {
  for (const [key, name] of [
    ['Alt+1', 'Data'],
    ['Alt+4', 'Fine-tune'],
    ['Alt+5', 'Models'],
    ['Alt+2', 'Compare'],
  ] as const) {
    await lab.page.keyboard.press(key);
    await expect(frame(lab.page).screen(name)).toBeVisible();
  }
});

test('a killed engine is noticed and comes back', async ({ lab }) => {
  await lab.killEngine();
  await frame(lab.page).goTo('Models');
  await expect(lab.page.getByRole('main').getByText('hog').first()).toBeVisible();
});
