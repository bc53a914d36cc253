// Where everything in the few-shot chart stands, in pixels: shared by the window's chart and the exported SVG.
import { type accuracyAxis, nudges, type ShotsAxis, shotsX, tickGap } from './axis.ts';
import { type Callout, meeting } from './crossings.ts';
import { type Box, placeCallout, spread, textWidth, wrapBalanced } from './layout.ts';
import type { Point, Series } from './series.ts';

/** The plot's rectangle and its two scales. */
export type Plot = {
  left: number;
  right: number;
  top: number;
  bottom: number;
  x(units: number): number;
  y(fraction: number): number;
};

export type Mark = {
  point: Point;
  x: number;
  y: number;
  /** Ends of the 95 % whisker, clipped to 0..1 and to the plot; null for a single seed. */
  whisker: { top: number; bottom: number } | null;
};

/** One line with its marks; `x1`..`x2` is where a flat line runs. */
export type Line = { series: Series; offset: number; marks: Mark[] };

export function plotOf(area: Box, shots: ShotsAxis, accuracy: ReturnType<typeof accuracyAxis>): Plot {
  const [left, right, top, bottom] = [area.x, area.x + area.width, area.y, area.y + area.height];
  return {
    left,
    right,
    top,
    bottom,
    x: (units) => left + ((units - shots.min) / (shots.max - shots.min)) * area.width,
    y: (fraction) => bottom - ((fraction - accuracy.min) / (accuracy.max - accuracy.min)) * area.height,
  };
}

/** Marks of every line, nudged apart by a fixed offset per line so that whiskers at one shot count stay readable. */
export function placeLines(series: readonly Series[], axis: ShotsAxis, plot: Plot): Line[] {
  // A run laid over the chart shares the offsets of the run below: its lines stand elsewhere, and are dashed.
  const curved = series.filter((one) => !one.flat && one.run === null);
  const offsets = nudges(curved.length, tickGap(axis, plot.right - plot.left));
  const offsetOf = (one: Series) => {
    const own = curved.indexOf(one);
    return offsets[own >= 0 ? own : curved.findIndex((other) => other.method === one.method)] ?? 0;
  };
  return series.map((one) => {
    const offset = one.flat ? 0 : offsetOf(one);
    const marks = one.points.map((point) => {
      const x = one.flat ? plot.right : plot.x(shotsX(axis, point.shots)) + offset;
      return { point, x, y: plot.y(point.mean), whisker: one.flat ? null : whisker(point, plot) };
    });
    return { series: one, offset, marks };
  });
}

function whisker(point: Point, plot: Plot): Mark['whisker'] {
  if (point.ci95 === null) return null;
  const clip = (fraction: number) => Math.min(plot.bottom, Math.max(plot.top, plot.y(fraction)));
  return { top: clip(Math.min(1, point.mean + point.ci95)), bottom: clip(Math.max(0, point.mean - point.ci95)) };
}

export type EndLabel = { line: Line; y: number; end: Mark };

/** Labels at the ends of the lines, at most `height` apart from where they want to be, best line first. */
export function placeEndLabels(lines: readonly Line[], plot: Plot, height: number): EndLabel[] {
  const ended = lines.filter((line) => line.marks.length > 0);
  const ends = ended.map((line) => line.marks.at(-1)!);
  const placed = spread(
    ends.map((end) => end.y),
    height,
    plot.top - height / 2,
    plot.bottom + height / 2,
  );
  return ended.map((line, i) => ({ line, y: placed[i]!, end: ends[i]! }));
}

export type PlacedCallout = {
  callout: Callout;
  /** Where the lines meet (or, where nothing crosses, the first mark that is ahead). */
  at: { x: number; y: number };
  box: Box;
  text: string[];
};

const PADDING = { x: 12, y: 5 };

/** Where the words of the baselines stand: at the right, above their lines. */
export function baselineBoxes(values: readonly number[], plot: Plot): Box[] {
  return values.map((value) => ({ x: plot.right - 160, y: plot.y(value) - 16, width: 160, height: 16 }));
}

/** Sentences with their leader lines, placed where they cover the fewest marks and nothing of `also`. */
export function placeCallouts(
  found: readonly Callout[],
  lines: readonly Line[],
  axis: ShotsAxis,
  plot: Plot,
  size: number,
  also: readonly Box[] = [],
): PlacedCallout[] {
  const taken = [...also, ...lines.flatMap((line) => covered(line, plot))];
  const area = {
    x: plot.left + 4,
    y: plot.top + 2,
    width: plot.right - plot.left - 8,
    height: plot.bottom - plot.top - 6,
  };
  const placed: PlacedCallout[] = [];
  for (const callout of found) {
    const at = calloutPoint(callout, lines, axis, plot);
    if (!at) continue;
    const text = wrapBalanced(callout.sentence, size, Math.min(300, area.width - 3 * PADDING.x));
    const width = Math.max(...text.map((line) => textWidth(line, size))) + 2 * PADDING.x;
    const height = text.length * (size + 4) + 2 * PADDING.y;
    const box = placeCallout(at, { width, height }, area, taken);
    taken.push(box, { x: at.x - 7, y: at.y - 7, width: 14, height: 14 });
    placed.push({ callout, at, box, text });
  }
  return placed;
}

function calloutPoint(
  callout: Callout,
  lines: readonly Line[],
  axis: ShotsAxis,
  plot: Plot,
): { x: number; y: number } | null {
  const find = (series: Series) => lines.find((line) => line.series === series);
  const [first, over] = [find(callout.passing[0]!), find(callout.over)];
  if (!first || !over) return null;
  const offset = over.series.flat ? first.offset : (first.offset + over.offset) / 2;
  const x = (shots: Point['shots']) => plot.x(shotsX(axis, shots)) + offset;
  if (callout.before === null) {
    const mark = first.marks.find((one) => one.point.shots === callout.shots);
    return mark ? { x: mark.x, y: mark.y } : null;
  }
  const { t, mean } = meeting(first.series, over.series, callout.before, callout.shots);
  return { x: x(callout.before) + t * (x(callout.shots) - x(callout.before)), y: plot.y(mean) };
}

/** Small boxes along a line and its whiskers, for callouts to keep clear of. */
function covered(line: Line, plot: Plot): Box[] {
  const box = (x: number, y: number, half: number): Box => ({
    x: x - half,
    y: y - half,
    width: 2 * half,
    height: 2 * half,
  });
  if (line.series.flat) {
    const y = line.marks[0]?.y;
    return y === undefined ? [] : [{ x: plot.left, y: y - 3, width: plot.right - plot.left, height: 6 }];
  }
  const boxes: Box[] = [];
  line.marks.forEach((mark, i) => {
    boxes.push(box(mark.x, mark.y, 6));
    if (mark.whisker)
      boxes.push({ x: mark.x - 3, y: mark.whisker.top, width: 6, height: mark.whisker.bottom - mark.whisker.top });
    const next = line.marks[i + 1];
    for (let t = 0.1; next && t < 1; t += 0.1)
      boxes.push(box(mark.x + t * (next.x - mark.x), mark.y + t * (next.y - mark.y), 4));
  });
  return boxes;
}
