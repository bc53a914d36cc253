// The Compare screen: the form for a new comparison, the chart's marks, the table, and the panel of the selected point.
import { expect, type Page } from '@playwright/test';

export type Mark = { method: string; shots: string; mean: number };

export const compareScreen = (page: Page) => {
  const main = page.getByRole('main', { name: 'Compare' });
  const chart = main.getByRole('region', { name: 'Few-shot chart' });
  const panel = page.getByRole('region', { name: 'Details' });
  const chip = (group: string, name: string) =>
    main.getByRole('group', { name: group }).getByRole('button', { name, exact: true });
  return {
    main,
    chart,
    panel,
    table: main.getByRole('table'),
    /** A method of the form, on or off. */
    method: (name: string) => chip('Methods', name),
    /** A shot count of the form, such as "8 labels per class". */
    shots: (name: string) => chip('Labelled images per class', name),
    start: page.getByRole('button', { name: /^Start/ }),
    /** What the chart draws, mark by mark. */
    marks: (): Promise<Mark[]> =>
      chart.locator('[data-mark]').evaluateAll((all) =>
        all.map((mark) => {
          const { method = '', shots = '', mean } = (mark as SVGElement).dataset;
          return { method, shots, mean: Number(mean) };
        }),
      ),
    mark: (method: string, shots: number) => chart.locator(`[data-method="${method}"][data-shots="${shots}"]`),
    wrong: panel.getByRole('list', { name: /^Wrong images/ }).getByRole('button'),
    async setSeeds(seeds: number): Promise<void> {
      await main.getByRole('textbox', { name: 'Seeds' }).fill(String(seeds));
      await page.keyboard.press('Tab');
    },
    /**
     * The run ended well: all of its rows are there, and in the chart. While it can still be cancelled, the line counts rows
     * that the chart may not have yet and the report is not written.
     */
    finished: (rows: number) =>
      expect(
        main
          .locator('.run-line')
          .filter({ hasText: `${rows} of ${rows} rows` })
          .filter({ hasNot: page.getByRole('button', { name: 'Cancel' }) }),
      ).toBeVisible({ timeout: 90_000 }),
  };
};
