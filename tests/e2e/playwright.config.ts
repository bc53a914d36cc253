// The tiers that drive a real page. `browser` and `electron` run the same specs; `utility` and `packed` have their own.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results',
  workers: 1,
  fullyParallel: false,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: process.env.LAB_E2E_REPORT ? [['list'], ['json', { outputFile: process.env.LAB_E2E_REPORT }]] : 'list',
  use: { screenshot: 'only-on-failure', trace: 'off' },
  projects: [
    { name: 'browser', testMatch: 'specs/**/*.spec.ts' },
    { name: 'electron', testMatch: 'specs/**/*.spec.ts' },
    { name: 'utility', testMatch: 'utility/*.spec.ts' },
    { name: 'packed', testMatch: 'packed/*.spec.ts' },
  ],
});
