// How validation chooses a hyper-parameter (DESIGN.md 5): accuracy, then lower log-loss, then the smaller value.
import { accuracyOf, argmax, logLossOf } from '../../../shared/metrics.ts';
import type { Prediction, Sample } from './method.ts';

export type Candidate = { value: number; accuracy: number; logLoss: number };

/** Log-losses closer than this are rounding, and count as equal. */
const SAME = 1e-12;

export function judge(
  value: number,
  { probabilities, predicted }: Prediction,
  validation: Sample,
  classes: number,
): Candidate {
  const said = predicted ?? validation.labels.map((_, i) => argmax(probabilities, i, classes));
  return {
    value,
    accuracy: accuracyOf(said, validation.labels),
    logLoss: logLossOf(probabilities, validation.labels, classes),
  };
}

/** Below 0 when `a` is the better choice. */
export function compare(a: Candidate, b: Candidate): number {
  if (a.accuracy !== b.accuracy) return b.accuracy - a.accuracy;
  if (Math.abs(a.logLoss - b.logLoss) > SAME * Math.max(1, a.logLoss)) return a.logLoss - b.logLoss;
  return a.value - b.value;
}

export const best = (candidates: Candidate[]): Candidate => candidates.reduce((a, b) => (compare(b, a) < 0 ? b : a));
