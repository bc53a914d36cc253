// The Settings screen, by its sections.
import type { Page } from '@playwright/test';

export const settingsScreen = (page: Page) => {
  const section = (name: string) => page.getByRole('region', { name });
  return {
    appearance: section('Appearance'),
    compute: section('Compute'),
    downloads: section('Downloads'),
    data: section('Data'),
    versions: section('Versions and checks'),
  };
};
