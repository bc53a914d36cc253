// The Runs screen: the table of jobs and the panel of the selected one.
import type { Page } from '@playwright/test';

export const runsScreen = (page: Page) => {
  const main = page.getByRole('main', { name: 'Runs' });
  return {
    main,
    details: page.getByRole('complementary', { name: 'Details' }),
    log: page.getByRole('log'),
    /** The row of a job, by what stands in it: "import", "comparison", its title. */
    row: (text: string | RegExp) => main.getByRole('row').filter({ hasText: text }),
    filter: (name: string) => main.getByRole('button', { name: new RegExp(`^${name}`) }),
  };
};
