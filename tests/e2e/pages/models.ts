// The Models screen: the two tables and the panel of the selected model.
import type { Page } from '@playwright/test';

export const modelsScreen = (page: Page) => {
  const main = page.getByRole('main', { name: 'Models' });
  const here = main.getByRole('region', { name: 'On this machine' });
  const catalog = main.getByRole('region', { name: 'In the catalog' });
  return {
    main,
    here,
    catalog,
    details: page.getByRole('complementary', { name: 'Details' }),
    row: (name: string | RegExp) => here.getByRole('row').filter({ hasText: name }),
    select: (name: string) => main.getByRole('button', { name, exact: true }).click(),
    tryOut: page.getByRole('region', { name: 'Try-out' }),
    forecast: page.getByRole('region', { name: 'Embedding forecast' }),
  };
};
