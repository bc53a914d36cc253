// The linear probe: multinomial logistic regression on frozen features (numeric/logistic.ts has the objective and solver),
// C by CoOp's search (Zhou et al. 2022, lpclip/linear_probe.py): seven strengths, then eight halvings around the best.
import { createLogistic, type LogisticFit } from '../numeric/logistic.ts';
import { dotAll, softmaxRows } from '../numeric/matrix.ts';
import { best, type Candidate, compare, judge } from './choose.ts';
import type { Method, MethodData } from './method.ts';

const STRENGTHS = [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6];
const HALVINGS = 8;
/** Without validation items: scikit-learn's default. */
const DEFAULT_C = 1;

/** Class probabilities [n, classes] of features x [n, dim]. */
export function predictProbe(fit: LogisticFit, x: Float32Array, n: number, dim: number, classes: number): Float64Array {
  const scores = dotAll(x, n, Float32Array.from(fit.weights), classes, dim);
  for (let i = 0; i < scores.length; i++) scores[i]! += fit.bias[i % classes]!;
  return softmaxRows(scores, classes);
}

/**
 * CoOp's search over log10 C: the ends of [peak - 1, peak + 1] are compared and the worse end moves to the middle, eight
 * times. The best of all strengths seen is chosen, not merely the last end.
 */
export function searchStrength(evaluate: (C: number) => Candidate): Candidate {
  const seen = new Map<number, Candidate>();
  const at = (log: number): Candidate => {
    const known = seen.get(log);
    if (known) return known;
    const candidate = evaluate(10 ** log);
    seen.set(log, candidate);
    return candidate;
  };
  const peak = Math.log10(best(STRENGTHS.map((C) => at(Math.round(Math.log10(C))))).value);
  let [left, right] = [peak - 1, peak + 1];
  for (let step = 0; step < HALVINGS; step++) {
    const middle = (left + right) / 2;
    if (compare(at(left), at(right)) <= 0) right = middle;
    else left = middle;
  }
  return best([...seen.values()]);
}

/** The probe itself: C by validation, or scikit-learn's default where there are no validation items. */
export function fitProbe({
  train,
  validation,
  dim,
  classes,
}: Pick<MethodData, 'train' | 'validation' | 'dim' | 'classes'>): LogisticFit {
  const problem = createLogistic(train.x, train.labels, dim, classes);
  const n = validation.labels.length;
  const fits = new Map<number, LogisticFit>();
  const solve = (C: number): LogisticFit => {
    const fit = problem.solve(C);
    fits.set(C, fit);
    return fit;
  };
  const C =
    n > 0
      ? searchStrength((value) =>
          judge(
            value,
            { probabilities: predictProbe(solve(value), validation.x, n, dim, classes) },
            validation,
            classes,
          ),
        ).value
      : DEFAULT_C;
  return fits.get(C) ?? solve(C);
}

export const linearProbe: Method = {
  id: 'linear-probe',
  name: 'Linear probe',
  learns: true,
  needsText: false,
  fit(data) {
    const chosen = fitProbe(data);
    return {
      choice: { C: chosen.C },
      validated: data.validation.labels.length > 0,
      predict: (x, rows) => ({ probabilities: predictProbe(chosen, x, rows, data.dim, data.classes) }),
    };
  },
};
