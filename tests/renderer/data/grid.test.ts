// The grid's arithmetic: no tile out of bounds, no row lost, every page that is looked at is asked for.
import { describe, expect, test } from 'vitest';
import { layout, move, PAGE, pagesFor } from '../../../renderer/data/grid.ts';

describe('layout', () => {
  test.each([320, 756, 757, 1079, 1080, 1400, 2600])('tiles fill %d px and never overflow it', (width) => {
    const { columns, tile, rows } = layout(width, 100_000);
    expect(columns * tile + (columns - 1) * 8).toBeLessThanOrEqual(width);
    expect((columns + 1) * 118 + columns * 8, 'another column would not fit at the least size').toBeGreaterThan(
      width < 1080 ? width : 0,
    );
    expect((rows - 1) * columns).toBeLessThan(100_000);
    expect(rows * columns).toBeGreaterThanOrEqual(100_000);
  });
  test('an empty dataset has no rows', () => expect(layout(800, 0).rows).toBe(0));
});

describe('move', () => {
  const at = (key: string, from: number) => move(key, from, 23, 5, 3); // rows of 5, the last has 3
  test('arrows stay in the list', () => {
    expect(at('ArrowLeft', 0)).toBe(0);
    expect(at('ArrowRight', 22)).toBe(22);
    expect(at('ArrowUp', 3)).toBe(3);
    expect(at('ArrowDown', 4)).toBe(9);
    expect(at('ArrowDown', 16)).toBe(21);
  });
  test('below a tile without one under it nothing moves', () => expect(at('ArrowDown', 19)).toBe(19));
  test('pages keep the column where they can', () => {
    expect(at('PageDown', 1)).toBe(16);
    expect(at('PageDown', 16)).toBe(21);
    expect(at('PageUp', 16)).toBe(1);
    expect(at('PageUp', 7)).toBe(2);
  });
  test('ends', () => {
    expect(at('Home', 12)).toBe(0);
    expect(at('End', 12)).toBe(22);
    expect(at('x', 12)).toBeNull();
    expect(move('End', 0, 0, 5, 3)).toBeNull();
  });
});

describe('pages', () => {
  test('what is in sight, and one page beyond each way', () => {
    expect(pagesFor(0, 40, 100_000)).toEqual([0, PAGE]);
    expect(pagesFor(50_000, 50_060, 100_000)).toEqual([50_000 - PAGE, 50_000, 50_000 + PAGE]);
    expect(pagesFor(99_960, 99_999, 100_000)).toEqual([100_000 - 2 * PAGE, 100_000 - PAGE]);
  });
  test('a small dataset is one page, an unknown one the first', () => {
    expect(pagesFor(0, 40, 30)).toEqual([0]);
    expect(pagesFor(0, 0, 0)).toEqual([0]);
  });
});
