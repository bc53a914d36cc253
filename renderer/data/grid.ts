// The arithmetic of the thumbnail grid: columns by width, moves by key, pages of items by what is in sight. Pure.

export const PAGE = 200;
const GAP = 8;
const CAPTION = 24;
const LEAST_TILE = 118;
/** The width of the grid in a window of 1,600 px: from there on tiles are larger, not only more. */
const WIDE = 1080;

export type Layout = { columns: number; tile: number; rowHeight: number; rows: number };

/** As many columns as fit at the least tile; tiles grow with the window, text does not. */
export function layout(width: number, total: number): Layout {
  const least = width >= WIDE ? LEAST_TILE * 1.35 : LEAST_TILE;
  const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  const tile = Math.floor((width - GAP * (columns - 1)) / columns);
  return { columns, tile, rowHeight: tile + CAPTION + GAP, rows: Math.ceil(total / columns) };
}

/** Where a key leads from tile `at`; null when the key does not move. Rows on a page for Page Up and Down. */
export function move(key: string, at: number, total: number, columns: number, pageRows: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -columns * pageRows,
    PageDown: columns * pageRows,
  };
  if (total === 0) return null;
  if (key === 'Home') return 0;
  if (key === 'End') return total - 1;
  const step = steps[key];
  if (step === undefined) return null;
  const next = at + step;
  // A move by rows that would leave the grid stays in its column where it can.
  if (next < 0) return Math.abs(step) > 1 ? at % columns : 0;
  if (next >= total)
    return Math.abs(step) > 1 && sameColumnLast(at, total, columns) > at
      ? sameColumnLast(at, total, columns)
      : key === 'ArrowDown'
        ? at
        : total - 1;
  return next;
}

function sameColumnLast(at: number, total: number, columns: number): number {
  const last = total - 1;
  const column = at % columns;
  const candidate = Math.floor(last / columns) * columns + column;
  return candidate <= last ? candidate : candidate - columns;
}

/** Offsets of the pages that hold items first to last, and one beyond each way: no blank row while scrolling on. */
export function pagesFor(first: number, last: number, total: number): number[] {
  const from = Math.max(0, Math.floor(first / PAGE) - 1);
  const to = Math.min(Math.max(0, Math.ceil(total / PAGE) - 1), Math.floor(Math.max(first, last) / PAGE) + 1);
  return Array.from({ length: Math.max(1, to - from + 1) }, (_, i) => (from + i) * PAGE);
}
