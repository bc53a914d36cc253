// The arrow keys in the table of a comparison: over gaps, and no further than its edges.
import { expect, test } from 'vitest';
import { cellFrom } from '../../../renderer/compare/cells.ts';

const FILLED = [
  [true, true, true],
  [true, false, true],
  [false, false, false],
  [false, true, true],
];

test('arrows go to the next number in their direction, over places that have none yet', () => {
  expect(cellFrom(FILLED, { row: 0, column: 0 }, 'ArrowRight')).toEqual({ row: 0, column: 1 });
  expect(cellFrom(FILLED, { row: 1, column: 0 }, 'ArrowRight')).toEqual({ row: 1, column: 2 });
  expect(cellFrom(FILLED, { row: 1, column: 2 }, 'ArrowLeft')).toEqual({ row: 1, column: 0 });
  expect(cellFrom(FILLED, { row: 0, column: 1 }, 'ArrowDown')).toEqual({ row: 3, column: 1 });
  expect(cellFrom(FILLED, { row: 3, column: 1 }, 'ArrowUp')).toEqual({ row: 0, column: 1 });
});

test('at an edge it stays; Home and End go along the row', () => {
  expect(cellFrom(FILLED, { row: 0, column: 2 }, 'ArrowRight')).toEqual({ row: 0, column: 2 });
  expect(cellFrom(FILLED, { row: 1, column: 0 }, 'ArrowDown')).toEqual({ row: 1, column: 0 });
  expect(cellFrom(FILLED, { row: 3, column: 2 }, 'Home')).toEqual({ row: 3, column: 1 });
  expect(cellFrom(FILLED, { row: 1, column: 0 }, 'End')).toEqual({ row: 1, column: 2 });
  expect(cellFrom([], { row: 0, column: 0 }, 'End')).toEqual({ row: 0, column: 0 });
});
