// The lines of a few-shot chart, made from summary rows: one per method and model, in one fixed order.
import type { MethodId, Shots, SummaryRow } from '../report.ts';
import { METHOD_ORDER, METHOD_STYLES } from './style.ts';
import { compareShots } from './words.ts';

export type Point = { shots: Shots; mean: number; ci95: number | null; seeds: number };

export type Series = {
  /** Unique within the chart. */
  key: string;
  method: MethodId;
  model: string;
  /** Place of the model in the chart's list; decides fill and line (modelStyle). */
  modelIndex: number;
  /** Zero-shot: one value, drawn across. */
  flat: boolean;
  /** Name of the earlier run it comes from, or null for the run being looked at. */
  run: string | null;
  /** By shots, 'all' last. */
  points: Point[];
};

/** Lines of one run; `models` gives the order of the models (ids). */
export function seriesOf(
  summary: readonly SummaryRow[],
  models: readonly string[],
  run: string | null = null,
): Series[] {
  const series: Series[] = [];
  for (const [modelIndex, model] of models.entries()) {
    for (const method of METHOD_ORDER) {
      const rows = summary.filter((row) => row.method === method && row.model === model);
      if (rows.length === 0) continue;
      const points = rows.map(({ shots, mean, ci95, seeds }) => ({ shots, mean, ci95, seeds }));
      points.sort((a, b) => compareShots(a.shots, b.shots));
      const key = [run, model, method].filter((part) => part !== null).join('/');
      series.push({ key, method, model, modelIndex, flat: method === 'zero-shot', run, points });
    }
  }
  return series;
}

/** Every shot count on the axis, once, in order; zero-shot is not on it. */
export function shotsOf(series: readonly Series[]): Shots[] {
  const all = new Set(series.flatMap((one) => (one.flat ? [] : one.points.map((point) => point.shots))));
  return [...all].sort(compareShots);
}

/** "Linear probe", and with more than one model or run "Linear probe, hog" or "Linear probe, hog, run 3". */
export function seriesName(one: Series, manyModels: boolean): string {
  const parts = [METHOD_STYLES[one.method].name];
  if (manyModels) parts.push(one.model);
  if (one.run !== null) parts.push(one.run);
  return parts.join(', ');
}
