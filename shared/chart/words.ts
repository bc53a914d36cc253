// Numbers and counts as the charts, tables and reports write them: percent on screen, units always.
import type { Shots } from '../report.ts';

/** 0.8627 -> "86.3"; the unit stands beside the column or the axis. */
export const percent = (fraction: number, digits = 1): string => (fraction * 100).toFixed(digits);

/** "86.3 ±3.7", or "86.3" where there is no interval. */
export const percentWithInterval = (mean: number, ci95: number | null): string =>
  ci95 === null ? percent(mean) : `${percent(mean)} ±${percent(ci95)}`;

/** A difference of two fractions in percentage points, with its sign: "+1.2", "-0.4", "0.0". */
export function points(difference: number): string {
  const text = Math.abs(difference * 100).toFixed(1);
  if (text === '0.0') return text;
  return (difference > 0 ? '+' : '−') + text;
}

/** 1 -> "1 label per class", 4 -> "4 labels per class", 'all' -> "all labels". */
export function labelsPerClass(shots: Shots): string {
  if (shots === 'all') return 'all labels';
  return `${shots} ${shots === 1 ? 'label' : 'labels'} per class`;
}

export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`;

/** ["a", "b", "c"] -> "a, b and c". */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** The sentence's first letter made large; k-NN keeps its own spelling. */
export const capital = (text: string): string =>
  text.startsWith('k-NN') ? text : text.slice(0, 1).toUpperCase() + text.slice(1);

/** Milliseconds with two significant digits below ten, whole above: "0.42", "6.1", "41". */
export function milliseconds(ms: number): string {
  if (ms < 1) return ms.toFixed(2);
  if (ms < 10) return ms.toFixed(1);
  return Math.round(ms).toLocaleString('en-GB');
}

const order = (shots: Shots) => (shots === 'all' ? Number.POSITIVE_INFINITY : shots);
export const compareShots = (a: Shots, b: Shots): number => (a === b ? 0 : order(a) - order(b));
