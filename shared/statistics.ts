// From rows to what a chart shows: means and intervals over seeds, who passes whom, and paired differences.
import {
  type Crossing,
  METHOD_IDS,
  type MethodId,
  type PairedDifference,
  type ResultRow,
  type Shots,
  type SummaryRow,
} from './report.ts';

export const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Standard deviation with n-1; null for fewer than two values. */
export function sd(values: number[]): number | null {
  if (values.length < 2) return null;
  const m = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - m) ** 2, 0) / (values.length - 1));
}

/** Half-width of the 95 % interval of the mean by Student's t; null for fewer than two values. */
export function ci95(values: number[]): number | null {
  const s = sd(values);
  return s === null ? null : (studentQuantile(0.975, values.length - 1) * s) / Math.sqrt(values.length);
}

/** ln Gamma(x), x > 0 (Lanczos, g = 7, nine terms; about 1e-15 relative). */
function lnGamma(x: number): number {
  const c = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const sum = c.slice(1).reduce((a, ci, i) => a + ci / (x + i), c[0]!);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(x + 6.5) - (x + 6.5) + Math.log(sum);
}

/** Regularised incomplete beta I_x(a, b) by its continued fraction (Numerical Recipes 6.4, modified Lentz). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const away = (v: number) => (Math.abs(v) < 1e-300 ? 1e-300 : v);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let f = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    f *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    f *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return front * f;
}

/** P(T <= t) of Student's t with `df` degrees of freedom. */
export function studentCdf(t: number, df: number): number {
  const tail = 0.5 * incompleteBeta(df / (df + t * t), df / 2, 0.5);
  return t > 0 ? 1 - tail : tail;
}

/** The t with P(T <= t) = p, 0 < p < 1, by bisection of the distribution function. */
export function studentQuantile(p: number, df: number): number {
  if (p < 0.5) return -studentQuantile(1 - p, df);
  let lo = 0;
  let hi = 1;
  while (studentCdf(hi, df) < p) hi *= 2;
  for (let i = 0; i < 200 && hi - lo > 1e-13 * hi; i++) {
    const middle = (lo + hi) / 2;
    if (studentCdf(middle, df) < p) lo = middle;
    else hi = middle;
  }
  return (lo + hi) / 2;
}

const order = (shots: Shots) => (shots === 'all' ? Number.MAX_VALUE : shots);

function groupBy<T>(items: T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}

/** One row per method, model and shot count: means over seeds; by model as first seen, then method in the order of METHOD_IDS, shots ascending. */
export function summarise(results: ResultRow[]): SummaryRow[] {
  const rows = groupBy(results, (r) => JSON.stringify([r.model, r.method, r.shots])).map((group): SummaryRow => {
    const { method, model, shots } = group[0]!;
    const over = (name: 'accuracy' | 'macroF1' | 'logLoss' | 'ece' | 'brier' | 'fitMs') => group.map((r) => r[name]);
    const accuracy = over('accuracy');
    return {
      method,
      model,
      shots,
      seeds: group.length,
      mean: mean(accuracy),
      sd: sd(accuracy),
      ci95: ci95(accuracy),
      macroF1: mean(over('macroF1')),
      logLoss: mean(over('logLoss')),
      ece: mean(over('ece')),
      brier: mean(over('brier')),
      fitMs: mean(over('fitMs')),
    };
  });
  const models = [...new Set(results.map((r) => r.model))];
  const rank = (r: SummaryRow) => [models.indexOf(r.model), METHOD_IDS.indexOf(r.method), order(r.shots)] as const;
  return rows.sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
  });
}

/**
 * For every ordered pair of methods on one backbone, the first measured shot count at which the mean of the one exceeds that
 * of the other; no row where it never does. One that leads from the first shot count on is listed there, and its rival too
 * where it passes later. Zero-shot is one row drawn across, so it is compared at every shot count of the other.
 */
export function crossingsOf(summary: SummaryRow[]): Crossing[] {
  const out: Crossing[] = [];
  for (const rows of groupBy(summary, (r) => r.model)) {
    const methods = groupBy(rows, (r) => r.method);
    for (const mine of methods) {
      for (const other of methods) {
        const shots = mine === other ? null : firstAbove(mine, other);
        if (shots !== null) out.push({ method: mine[0]!.method, over: other[0]!.method, model: mine[0]!.model, shots });
      }
    }
  }
  return out;
}

function firstAbove(mine: SummaryRow[], other: SummaryRow[]): Shots | null {
  const meanAt = (rows: SummaryRow[], shots: Shots) => rows.find((r) => r.shots === 0 || r.shots === shots)?.mean;
  const measured = [...mine, ...other].map((r) => r.shots).filter((shots) => shots !== 0);
  const at = measured
    .sort((a, b) => order(a) - order(b))
    .find((shots) => (meanAt(mine, shots) ?? Number.NaN) > (meanAt(other, shots) ?? Number.NaN));
  return at ?? null;
}

/**
 * Mean over the common seeds of accuracy(method) - accuracy(over) at one shot count, with its interval: the seed's luck
 * cancels. Every pair of methods once, and each against zero-shot.
 */
export function pairedDifferences(results: ResultRow[]): PairedDifference[] {
  const out: PairedDifference[] = [];
  for (const rows of groupBy(results, (r) => r.model)) {
    const zero = rows.find((r) => r.shots === 0);
    const drawn = rows.filter((r) => r.shots !== 0);
    const shotCounts = [...new Set(drawn.map((r) => r.shots))].sort((a, b) => order(a) - order(b));
    for (const shots of shotCounts) {
      const methods = groupBy(
        drawn.filter((r) => r.shots === shots),
        (r) => r.method,
      );
      methods.forEach((mine, i) => {
        const against: [MethodId, (seed: number | null) => number | undefined][] = methods
          .slice(0, i)
          .map((other) => [other[0]!.method, (seed) => other.find((r) => r.seed === seed)?.accuracy]);
        if (zero) against.unshift(['zero-shot', () => zero.accuracy]);
        for (const [over, of] of against) {
          const differences = mine.flatMap((r) => {
            const theirs = of(r.seed);
            return theirs === undefined ? [] : [r.accuracy - theirs];
          });
          if (differences.length === 0) continue;
          const { method, model } = mine[0]!;
          out.push({
            method,
            over,
            model,
            shots,
            seeds: differences.length,
            mean: mean(differences),
            ci95: ci95(differences),
          });
        }
      });
    }
  }
  return out;
}
