// The frame around every screen: the rail, the line to the engine, and the running job at the bottom.
import { expect, type Page } from '@playwright/test';

export type ScreenName = 'Data' | 'Compare' | 'Prompt' | 'Fine-tune' | 'Models' | 'Runs' | 'Settings';

export const frame = (page: Page) => {
  const rail = page.getByRole('navigation', { name: 'Screens' });
  const status = page.getByRole('contentinfo');
  return {
    rail,
    status,
    screen: (name: ScreenName) => page.getByRole('main', { name }),
    /** Goes to a screen by the rail and waits for it. */
    async goTo(name: ScreenName): Promise<void> {
      await rail.getByRole('button', { name: new RegExp(`^${name}`) }).click();
      await expect(page.getByRole('main', { name })).toBeVisible();
    },
    /** The engine answers: the status line shows its memory. */
    async connected(): Promise<void> {
      await expect(rail).toBeVisible();
      await expect(page.getByText('Restarting…')).toHaveCount(0, { timeout: 30_000 });
      await expect(status.getByTitle('Memory of the engine')).toBeVisible({ timeout: 30_000 });
    },
    /** No job runs or waits. */
    idle: (timeout = 60_000) => expect(status.getByText('Ready')).toBeVisible({ timeout }),
  };
};

/** Lets a file or folder of this disk fall on the middle of the page, as the system's own dragging does. */
export async function drop(page: Page, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  const size = await page.evaluate(() => ({ x: innerWidth / 2, y: innerHeight / 2 }));
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, ...size, data });
  await session.detach();
}
