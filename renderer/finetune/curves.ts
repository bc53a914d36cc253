// Metrics of a run as curves: one value a step, thinned to what a chart can show.
import type { Metric } from '../../shared/contract.ts';
import type { FinetuneEpoch } from '../../shared/finetune.ts';
import type { Dot } from '../charts/CurveChart.tsx';

export type Curves = Map<string, Dot[]>;

/** By name and rising step; a step told again (a run that went on) replaces what it said before. */
export function curvesOf(metrics: readonly Metric[]): Curves {
  const byName = new Map<string, Map<number, number>>();
  for (const { name, step, value } of metrics) {
    const curve = byName.get(name) ?? new Map<number, number>();
    byName.set(name, curve.set(step, value));
  }
  return new Map(
    [...byName].map(([name, curve]) => [name, [...curve].sort((a, b) => a[0] - b[0]).map(([x, y]) => ({ x, y }))]),
  );
}

/** At most `most` dots: means of as many equal stretches of the curve. */
export function thinned(dots: readonly Dot[], most: number): Dot[] {
  if (dots.length <= most) return [...dots];
  return Array.from({ length: most }, (_, i) => {
    const part = dots.slice(Math.floor((i * dots.length) / most), Math.floor(((i + 1) * dots.length) / most));
    const mean = (of: (dot: Dot) => number) => part.reduce((sum, dot) => sum + of(dot), 0) / part.length;
    return { x: mean((dot) => dot.x), y: mean((dot) => dot.y) };
  });
}

/** A column of the epochs, where it was measured. */
export const ofEpochs = (epochs: readonly FinetuneEpoch[], column: 'trainLoss' | 'valLoss' | 'valAccuracy'): Dot[] =>
  epochs.flatMap((epoch) => (epoch[column] === null ? [] : [{ x: epoch.step, y: epoch[column] }]));

/**
 * Round ticks that hold all of `values`: 3 to 6 of them. `least`: the smallest step, so that a flat line is not a cliff; every step is
 * a multiple of it, so that ticks written to that digit are where they say.
 */
export function niceTicks(
  values: readonly number[],
  { zero = false, least = 0, most = Number.POSITIVE_INFINITY } = {},
) {
  const finite = values.filter(Number.isFinite);
  const low = zero ? Math.min(0, ...finite) : Math.min(...finite);
  const high = Math.max(...finite);
  if (finite.length === 0) return [0, 1];
  const rough = Math.max((high - low) / 4, least, Math.abs(high) * 1e-6, 1e-12);
  const power = 10 ** Math.floor(Math.log10(rough));
  const written = (step: number) => least === 0 || Math.abs(step / least - Math.round(step / least)) < 1e-6;
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999 && written(n))!;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  return ticks.filter((tick) => tick <= most);
}
