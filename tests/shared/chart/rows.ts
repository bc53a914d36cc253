// Summary rows for the chart's tests.
import type { MethodId, Shots, SummaryRow } from '../../../shared/report.ts';

export const summaryRow = (
  method: MethodId,
  shots: Shots,
  mean: number,
  ci95: number | null = 0.02,
  model = 'm',
): SummaryRow => ({
  method,
  model,
  shots,
  seeds: method === 'zero-shot' ? 1 : 5,
  mean,
  sd: null,
  ci95: method === 'zero-shot' ? null : ci95,
  macroF1: mean,
  logLoss: 1,
  ece: 0.1,
  brier: 0.2,
  fitMs: 5,
});

/** A line through the given means at 1, 2, 4 ... shots. */
export const lineOf = (method: MethodId, means: number[], model = 'm'): SummaryRow[] =>
  means.map((mean, i) => summaryRow(method, 2 ** i, mean, 0.02, model));
