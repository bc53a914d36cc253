// Which run of a list a screen shows.
import { expect, test } from 'vitest';
import { shownRun } from '../../../renderer/ui/RunList.tsx';

const runs = [{ id: 3 }, { id: 2 }];
const read = { data: runs, isFetching: false };
const reading = { data: runs, isFetching: true };

test('the one asked for, else the newest', () => {
  expect(shownRun(read, 2, false)).toEqual({ id: 2 });
  expect(shownRun(reading, 2, false)).toEqual({ id: 2 });
  expect(shownRun(read, undefined, false)).toEqual({ id: 3 });
  expect(shownRun(reading, undefined, false)).toEqual({ id: 3 });
  expect(shownRun({ data: [], isFetching: false }, undefined, false)).toBeUndefined();
});

test('one just begun is waited for, one that is gone is not, however often the list is read', () => {
  expect(shownRun(reading, 4, false)).toBe('coming');
  expect(shownRun({ data: undefined, isFetching: true }, 4, false)).toBe('coming');
  expect(shownRun(read, 4, false)).toEqual({ id: 3 });
  expect(shownRun(reading, 4, true)).toEqual({ id: 3 });
});
