// Numbers, sizes, spans and rates as the screens write them.
import { expect, test } from 'vitest';
import {
  baseName,
  bytes,
  count,
  milliseconds,
  ofTotal,
  percent,
  plural,
  rate,
  span,
  when,
} from '../../../renderer/ui/format.ts';

test('counts have separators and their noun', () => {
  expect(count(12345)).toBe('12,345');
  expect(plural(1, 'image')).toBe('1 image');
  expect(plural(2000, 'image')).toBe('2,000 images');
  expect(plural(0, 'class', 'classes')).toBe('0 classes');
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KB'],
  [14_029_343, '14.0 MB'],
  [605_157_884, '605 MB'],
  [999_600_000, '1.0 GB'],
  [1_711_000_000, '1.7 GB'],
])('%d bytes are %s', (n, text) => expect(bytes(n)).toBe(text));

test.each([
  [0.42, '0.4 s'],
  [9.96, '10 s'],
  [45, '45 s'],
  [89.6, '1 min'],
  [180, '3 min'],
  [3599, '1 h'],
  [4800, '1 h 20 min'],
])('%d seconds are %s', (seconds, text) => expect(span(seconds)).toBe(text));

test('fits, rates and progress', () => {
  expect(milliseconds(0.44)).toBe('0.4 ms');
  expect(milliseconds(41.2)).toBe('41 ms');
  expect(milliseconds(1234)).toBe('1.2 s');
  expect(rate(21.4, 'images')).toBe('21 images/s');
  expect(rate(3_400_000, 'bytes')).toBe('3.4 MB/s');
  expect(ofTotal(540, 12600, 'images')).toBe('540 of 12,600 images');
  expect(ofTotal(3_400_000, 605_000_000, 'bytes')).toBe('3.4 MB of 605 MB');
  expect(percent(0.93777)).toBe('93.8');
});

test('times name the day unless it is today', () => {
  const now = new Date(2026, 10, 23, 20, 0);
  expect(when(new Date(2026, 10, 23, 18, 5).toISOString(), now)).toBe('today 18:05');
  expect(when(new Date(2026, 10, 21, 18, 5).toISOString(), now)).toBe('21 Nov 18:05');
  expect(when(new Date(2025, 0, 2, 3, 4).toISOString(), now)).toBe('2 Jan 2025 03:04');
});

test('the last part of a path, either slash', () => {
  expect(baseName('/a/b/c.jpg')).toBe('c.jpg');
  expect(baseName('C:\\photos\\cats\\')).toBe('cats');
});
