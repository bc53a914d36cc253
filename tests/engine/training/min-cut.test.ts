// The smallest separating set of vertices.
import { expect, test } from 'vitest';
import { smallestCut } from '../../../electron/engine/training/min-cut.ts';

const cut = (sizes: Record<string, number>, edges: [string, string][], sources: string[], sinks: string[]) =>
  smallestCut(new Map(Object.entries(sizes)), edges, sources, sinks).sort();

test('one narrow place is taken before two wide ones', () => {
  const edges: [string, string][] = [
    ['x', 'n'],
    ['n', 'q'],
    ['n', 'k'],
    ['n', 'v'],
  ];
  expect(cut({ x: 9, n: 9, q: 9, k: 9, v: 9 }, edges, ['x'], ['x', 'q', 'k', 'v'])).toEqual(['x']);
  expect(cut({ x: 9, n: 9, q: 2, k: 2, v: 2 }, edges, ['x'], ['q', 'k', 'v'])).toEqual(['k', 'q', 'v']);
});

test('of two equal sets the one nearer the end', () => {
  expect(
    cut(
      { a: 4, b: 4, c: 4 },
      [
        ['a', 'b'],
        ['b', 'c'],
      ],
      ['a'],
      ['c'],
    ),
  ).toEqual(['c']);
});

test('what costs nothing is free to take; nothing to separate is an empty set', () => {
  expect(cut({ ids: 0, mask: 8 }, [['ids', 'mask']], ['ids'], ['mask'])).toEqual(['ids']);
  expect(cut({ a: 1, b: 1 }, [], ['a'], ['b'])).toEqual([]);
});
