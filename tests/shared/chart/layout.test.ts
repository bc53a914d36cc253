// Labels never overlap and move no more than they must; text is cut and wrapped to a width.
import { describe, expect, test } from 'vitest';
import { overlap, placeCallout, shorten, spread, textWidth, wrap, wrapBalanced } from '../../../shared/chart/layout.ts';

describe('labels at the ends of lines', () => {
  test('stay where they are when there is room', () => {
    expect(spread([10, 50, 90], 15, 0, 100)).toEqual([10, 50, 90]);
  });

  test('keep their order and share the move', () => {
    expect(spread([50, 50], 10, 0, 100)).toEqual([45, 55]);
    expect(spread([50, 51, 52], 10, 0, 100)).toEqual([41, 51, 61]);
  });

  test('stay inside, and never overlap', () => {
    const wanted = [2, 1, 3, 99, 98, 50, 51, 50, 97, 0];
    const placed = spread(wanted, 9, 0, 100);
    const sorted = [...placed].sort((a, b) => a - b);
    for (let i = 1; i < sorted.length; i++) expect(sorted[i]! - sorted[i - 1]!).toBeGreaterThanOrEqual(9 - 1e-9);
    expect(sorted[0]).toBeGreaterThanOrEqual(4.5);
    expect(sorted.at(-1)).toBeLessThanOrEqual(95.5 + 1e-9);
    expect(placed[9]).toBeLessThan(placed[1]!);
  });

  test('with more labels than room the order still holds', () => {
    const placed = spread([5, 5, 5], 10, 0, 12);
    expect(placed[1]! - placed[0]!).toBe(10);
  });
});

test('a callout keeps clear of what is drawn, inside the plot', () => {
  const area = { x: 0, y: 0, width: 500, height: 300 };
  const taken = [{ x: 100, y: 120, width: 300, height: 60 }];
  const box = placeCallout({ x: 120, y: 110 }, { width: 160, height: 24 }, area, taken);
  expect(overlap(box, taken[0]!)).toBe(0);
  expect(box.x).toBeGreaterThanOrEqual(0);
  expect(box.y + box.height).toBeLessThanOrEqual(300);
});

test('text is cut with an ellipsis and wrapped at words', () => {
  expect(shorten('daisy', 11, 200)).toBe('daisy');
  const cut = shorten('a very long name of a class', 11, 60);
  expect(cut.endsWith('…')).toBe(true);
  expect(textWidth(cut, 11)).toBeLessThanOrEqual(60);
  const lines = wrap('the probe passes zero-shot at 2 labels per class', 11, 120);
  expect(lines.join(' ')).toBe('the probe passes zero-shot at 2 labels per class');
  for (const line of lines) expect(textWidth(line, 11)).toBeLessThanOrEqual(120);
  const balanced = wrapBalanced('every other method is above zero-shot already at 1 label per class', 11, 300);
  expect(balanced).toHaveLength(2);
  const [first, second] = balanced.map((line) => textWidth(line, 11));
  expect(Math.abs(first! - second!)).toBeLessThan(80);
  expect(wrap('x'.repeat(200), 11, 100)).toHaveLength(1);
});
