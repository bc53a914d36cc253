// Moving between the cells of the table of a comparison by keyboard: which cell with a number is next.
import type { Step } from '../charts/steps.ts';

export type CellAt = { row: number; column: number };

/** `filled[row][column]`: whether a number stands there. Places without one are passed over; where none follows it stays. */
export function cellFrom(filled: readonly (readonly boolean[])[], at: CellAt, step: Step): CellAt {
  const width = filled[at.row]?.length ?? 0;
  const { row, column } = at;
  const along = Array.from({ length: width }, (_, i) => ({ row, column: i }));
  const down = filled.map((_, i) => ({ row: i, column }));
  const ways: Record<Step, CellAt[]> = {
    ArrowRight: along.slice(column + 1),
    ArrowLeft: along.slice(0, column).reverse(),
    ArrowDown: down.slice(row + 1),
    ArrowUp: down.slice(0, row).reverse(),
    Home: along,
    End: along.toReversed(),
  };
  return ways[step].find((each) => filled[each.row]?.[each.column]) ?? at;
}
