// Moving between the marks of the few-shot chart by keyboard and pointer: which mark is next, nearest, above.
import type { Line, Mark } from '../../shared/chart/geometry.ts';
import type { Shots } from '../../shared/report.ts';

/** A mark by its line's key and its shot count (0 for zero-shot). */
export type MarkId = { key: string; shots: Shots };
export type Placed = { line: Line; mark: Mark };

export const sameMark = (a: MarkId | null, b: MarkId | null): boolean =>
  a === b || (a !== null && b !== null && a.key === b.key && a.shots === b.shots);

export const idOf = ({ line, mark }: Placed): MarkId => ({ key: line.series.key, shots: mark.point.shots });

export const allMarks = (lines: readonly Line[]): Placed[] =>
  lines.flatMap((line) => line.marks.map((mark) => ({ line, mark })));

export const findMark = (lines: readonly Line[], id: MarkId | null): Placed | undefined =>
  allMarks(lines).find((placed) => sameMark(idOf(placed), id));

export type Step = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown' | 'Home' | 'End';
const STEPS: readonly string[] = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'];
export const isStep = (key: string): key is Step => STEPS.includes(key);

/** Left and right go along a line, up and down to the next line at that shot count; at an edge it stays. */
export function stepFrom(lines: readonly Line[], from: MarkId, step: Step): MarkId {
  const here = findMark(lines, from);
  if (!here) return from;
  if (step === 'ArrowUp' || step === 'ArrowDown') return vertical(lines, here, step);
  const marks = here.line.marks;
  const at = marks.indexOf(here.mark);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: marks.length - 1 }[step];
  const mark = marks[Math.max(0, Math.min(marks.length - 1, to))]!;
  return idOf({ line: here.line, mark });
}

function vertical(lines: readonly Line[], here: Placed, step: 'ArrowUp' | 'ArrowDown'): MarkId {
  const column = inColumn(lines, here.mark.point.shots, here.mark.x);
  column.sort((a, b) => a.mark.y - b.mark.y || lines.indexOf(a.line) - lines.indexOf(b.line));
  const at = column.findIndex((placed) => placed.line === here.line);
  const next = column[at + (step === 'ArrowUp' ? -1 : 1)];
  return idOf(next ?? here);
}

/** The marks of every line at a shot count; a flat line has its one mark everywhere, and from it the nearest column is meant. */
export function inColumn(lines: readonly Line[], shots: Shots, x: number): Placed[] {
  return lines.flatMap((line) => {
    if (line.series.flat) return line.marks[0] ? [{ line, mark: line.marks[0] }] : [];
    const mark =
      shots === 0
        ? line.marks.toSorted((a, b) => Math.abs(a.x - x) - Math.abs(b.x - x))[0]
        : line.marks.find((one) => one.point.shots === shots);
    return mark ? [{ line, mark }] : [];
  });
}

/** The mark nearest to a point; a flat line is near all along its length. */
export function nearest(lines: readonly Line[], x: number, y: number): { placed: Placed; distance: number } | null {
  let best: { placed: Placed; distance: number } | null = null;
  for (const placed of allMarks(lines)) {
    const { mark, line } = placed;
    // A mark is easier to hit than a line: the pixel counts a little more for the latter.
    const distance = line.series.flat ? Math.abs(mark.y - y) + 6 : Math.hypot(mark.x - x, mark.y - y);
    if (!best || distance < best.distance) best = { placed, distance };
  }
  return best;
}
