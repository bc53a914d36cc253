// One seed of the probe bench: every shot count at every strength, and how each does on the test items.
import { createLogistic, type LogisticFit } from '../../electron/engine/numeric/logistic.ts';
import { dotAll, gatherRows } from '../../electron/engine/numeric/matrix.ts';
import { drawSeed, type Plan } from '../../shared/protocol.ts';
import type { Shots } from '../../shared/report.ts';

export type SeedTask = {
  seed: number;
  x: Float32Array;
  dim: number;
  classes: number;
  labels: Int32Array;
  plan: Plan;
  strengths: number[];
};

export type SeedResult = {
  /** By strength, summed over the shot counts. */
  accuracy: number[];
  products: number;
  draws: { seed: number; shots: Shots; train: number[] }[];
};

/** Test accuracy of several heads at once: their weights are stacked into one matrix product. */
function accuracies(x: Float32Array, labels: Int32Array, dim: number, k: number, fits: LogisticFit[]): number[] {
  const stacked = new Float32Array(fits.length * k * dim);
  for (const [f, fit] of fits.entries()) stacked.set(fit.weights, f * k * dim);
  const scores = dotAll(x, labels.length, stacked, fits.length * k, dim);
  return fits.map(({ bias }, f) => {
    let right = 0;
    for (let i = 0; i < labels.length; i++) {
      const start = (i * fits.length + f) * k;
      let best = 0;
      for (let c = 1; c < k; c++) if (scores[start + c]! + bias[c]! > scores[start + best]! + bias[best]!) best = c;
      if (best === labels[i]) right++;
    }
    return right / labels.length;
  });
}

export function fitSeed({ seed, x, dim, classes, labels, plan, strengths }: SeedTask): SeedResult {
  const testX = gatherRows(x, dim, plan.test);
  const testY = plan.test.map((i) => labels[i]!);
  const result: SeedResult = { accuracy: strengths.map(() => 0), products: 0, draws: [] };
  for (const { shots, train } of drawSeed(plan, seed)) {
    const problem = createLogistic(
      gatherRows(x, dim, train),
      train.map((i) => labels[i]!),
      dim,
      classes,
    );
    const fits = strengths.map((C) => problem.solve(C));
    for (const [c, accuracy] of accuracies(testX, testY, dim, classes, fits).entries()) result.accuracy[c]! += accuracy;
    for (const fit of fits) result.products += fit.products;
    result.draws.push({ seed, shots, train: [...train] });
  }
  return result;
}
