// The two axes of the few-shot chart: accuracy from where the data needs it, and shots on a log2 scale with an "all" tick.
import type { Shots } from '../report.ts';
import type { Series } from './series.ts';
import { compareShots } from './words.ts';

export type AccuracyAxis = { min: number; max: number; ticks: number[] };

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2];
const MOST_TICKS = 6;

/**
 * The smallest range of round numbers that holds every whisker: at most six ticks, never outside 0..1.
 * With `keep`, the axis only widens: rows that arrive while a run fills in must not make the chart jump.
 */
export function accuracyAxis(series: readonly Series[], keep: AccuracyAxis | null = null): AccuracyAxis {
  const values = series.flatMap((one) =>
    one.points.flatMap(({ mean, ci95 }) => [mean - (ci95 ?? 0), mean + (ci95 ?? 0)]),
  );
  if (keep) values.push(keep.min, keep.max);
  if (values.length === 0) return ticked(0, 1, 0.2);
  const low = Math.max(0, Math.min(...values));
  const high = Math.min(1, Math.max(...values));
  for (const step of STEPS) {
    const min = floorTo(low, step);
    const max = Math.min(1, ceilTo(high, step));
    const steps = Math.round((max - min) / step);
    if (steps < MOST_TICKS && steps >= (step === 0.01 ? 3 : 2)) return ticked(min, max, step);
    if (steps < 3) return around(low, high);
  }
  return ticked(0, 1, 0.2);
}

/** Nearly equal values: three steps of one percent round them, so that noise is not blown up to full height. */
function around(low: number, high: number): AccuracyAxis {
  const max = Math.min(1, Math.max(0.03, ceilTo(high, 0.01)));
  return ticked(Math.max(0, Math.min(floorTo(low, 0.01), max - 0.03)), max, 0.01);
}

function ticked(min: number, max: number, step: number): AccuracyAxis {
  const n = Math.round((max - min) / step);
  const ticks = Array.from({ length: n + 1 }, (_, i) => tidy(min + i * step));
  return { min: tidy(min), max: tidy(max), ticks };
}

const tidy = (value: number) => Math.round(value * 1e6) / 1e6;
const floorTo = (value: number, step: number) => tidy(Math.floor(value / step + 1e-9) * step);
const ceilTo = (value: number, step: number) => tidy(Math.ceil(value / step - 1e-9) * step);

export type ShotsTick = { shots: Shots; label: string; x: number };
export type ShotsAxis = { ticks: ShotsTick[]; min: number; max: number };

/** Positions in units of doublings: 1 -> 0, 2 -> 1, 4 -> 2; "all" stands one and a half beyond the largest number. */
export function shotsAxis(shots: readonly Shots[]): ShotsAxis {
  const sorted = [...new Set(shots)].sort(compareShots);
  const numbers = sorted.filter((one) => one !== 'all');
  const beyond = numbers.length === 0 ? 0 : Math.log2(Math.max(...numbers)) + 1.5;
  const ticks = sorted.map((one) =>
    one === 'all' ? { shots: one, label: 'all', x: beyond } : { shots: one, label: String(one), x: Math.log2(one) },
  );
  const min = ticks[0]?.x ?? 0;
  const max = ticks.at(-1)?.x ?? 1;
  const pad = max > min ? (max - min) * 0.05 : 0.5;
  return { ticks, min: min - pad, max: max + pad };
}

export const shotsX = (axis: ShotsAxis, shots: Shots): number =>
  axis.ticks.find((tick) => tick.shots === shots)?.x ?? 0;

/** Ticks whose labels have room on an axis `width` pixels wide; the first and the last always stay. */
export function labelledTicks(axis: ShotsAxis, width: number, room = 26): ShotsTick[] {
  const pixel = (tick: ShotsTick) => ((tick.x - axis.min) / (axis.max - axis.min)) * width;
  const last = axis.ticks.at(-1);
  const kept: ShotsTick[] = [];
  for (const tick of axis.ticks) {
    const before = kept.at(-1);
    if (before && pixel(tick) - pixel(before) < room) {
      if (tick === last && kept.length > 1) kept[kept.length - 1] = tick;
      continue;
    }
    kept.push(tick);
  }
  return kept;
}

/** Horizontal offsets, in pixels, that part n marks of one shot count: fixed per line, centred, never random. */
export function nudges(n: number, gap: number): number[] {
  const step = n < 2 ? 0 : Math.min(6, 30 / (n - 1), (gap * 0.4) / (n - 1));
  return Array.from({ length: n }, (_, i) => Math.round((i - (n - 1) / 2) * step * 100) / 100);
}

/** Smallest distance between neighbouring ticks, in pixels, on an axis `width` pixels wide. */
export function tickGap(axis: ShotsAxis, width: number): number {
  let least = axis.max - axis.min;
  for (let i = 1; i < axis.ticks.length; i++) least = Math.min(least, axis.ticks[i]!.x - axis.ticks[i - 1]!.x);
  return (least / (axis.max - axis.min)) * width;
}
