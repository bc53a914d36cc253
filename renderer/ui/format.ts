// How numbers, sizes, times and places are written, the same everywhere: units always, tabular, English.

const integer = new Intl.NumberFormat('en-GB');

/** 12,345 */
export const count = (n: number): string => integer.format(Math.round(n));

/** "1 image", "2,000 images" */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** A fraction as percent with one decimal, without the sign: 0.938 -> "93.8". */
export const percent = (fraction: number, digits = 1): string => (fraction * 100).toFixed(digits);

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** Decimal units, as disks and the Hub count: 605,000,000 -> "605 MB". */
export function bytes(n: number): string {
  let value = n;
  let unit = 0;
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${SIZES[unit]}`;
}

/** A span as people say it, one unit, or two from minutes on: "0.4 s", "45 s", "3 min", "1 h 20 min". */
export function span(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 89.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 || hours >= 24 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** Milliseconds of a fit or a call: "0.4 ms", "41 ms", "1.2 s". */
export const milliseconds = (ms: number): string =>
  ms < 9.95 ? `${ms.toFixed(1)} ms` : ms < 999.5 ? `${Math.round(ms)} ms` : span(ms / 1000);

/** Units a second: "21 images/s", "3.4 MB/s". */
export const rate = (perSecond: number, unit: string): string =>
  unit === 'bytes'
    ? `${bytes(perSecond)}/s`
    : `${perSecond >= 9.95 ? count(perSecond) : perSecond.toFixed(1)} ${unit}/s`;

/** "n of N", in bytes where the unit is bytes. */
export const ofTotal = (done: number, total: number, unit: string): string =>
  unit === 'bytes' ? `${bytes(done)} of ${bytes(total)}` : `${count(done)} of ${count(total)} ${unit}`;

// Made once: making one takes longer than all that it writes on a screen.
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const yearFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const timeFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** "23 Nov 18:40", with the year when it is another. */
export function when(iso: string, now = new Date()): string {
  const date = new Date(iso);
  const day = (date.getFullYear() === now.getFullYear() ? dayFormat : yearFormat).format(date);
  const time = timeFormat.format(date);
  return date.toDateString() === now.toDateString() ? `today ${time}` : `${day} ${time}`;
}

export const runName = ({ id }: { id: number }): string => `run ${id}`;

/** The last part of a path. */
export const baseName = (path: string): string => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
