// Arrow keys and the pointer in the few-shot chart: along a line, between lines, to the nearest mark.
import { describe, expect, test } from 'vitest';
import { fitRows } from '../../../renderer/charts/HoverRow.tsx';
import { inColumn, nearest, sameMark, stepFrom } from '../../../renderer/charts/steps.ts';
import { accuracyAxis, shotsAxis } from '../../../shared/chart/axis.ts';
import { placeLines, plotOf } from '../../../shared/chart/geometry.ts';
import { seriesOf, shotsOf } from '../../../shared/chart/series.ts';
import { lineOf, summaryRow } from '../../shared/chart/rows.ts';

const series = seriesOf(
  [summaryRow('zero-shot', 0, 0.75), ...lineOf('linear-probe', [0.6, 0.8, 0.9]), ...lineOf('knn', [0.5, 0.7, 0.85])],
  ['m'],
);
const axis = shotsAxis(shotsOf(series));
const lines = placeLines(series, axis, plotOf({ x: 0, y: 0, width: 400, height: 200 }, axis, accuracyAxis(series)));
const probe = (shots: number) => ({ key: 'm/linear-probe', shots });
const knn = (shots: number) => ({ key: 'm/knn', shots });

describe('arrow keys', () => {
  test('left and right stay on the line and stop at its ends', () => {
    expect(stepFrom(lines, probe(1), 'ArrowRight')).toEqual(probe(2));
    expect(stepFrom(lines, probe(4), 'ArrowRight')).toEqual(probe(4));
    expect(stepFrom(lines, probe(4), 'Home')).toEqual(probe(1));
    expect(stepFrom(lines, probe(1), 'End')).toEqual(probe(4));
    expect(stepFrom(lines, probe(1), 'ArrowLeft')).toEqual(probe(1));
  });

  test('up and down go through every line at that shot count, zero-shot among them', () => {
    // At 2 labels: probe 80, zero-shot 75, k-NN 70.
    expect(stepFrom(lines, knn(2), 'ArrowUp')).toEqual({ key: 'm/zero-shot', shots: 0 });
    expect(stepFrom(lines, probe(2), 'ArrowDown')).toEqual({ key: 'm/zero-shot', shots: 0 });
    expect(stepFrom(lines, knn(2), 'ArrowDown')).toEqual(knn(2));
    // From zero-shot, which is marked at the right end, its neighbours are those of the last column.
    expect(stepFrom(lines, { key: 'm/zero-shot', shots: 0 }, 'ArrowUp')).toEqual(knn(4));
  });

  test('a mark that is gone stays where it was', () => {
    expect(stepFrom(lines, { key: 'gone', shots: 1 }, 'ArrowUp')).toEqual({ key: 'gone', shots: 1 });
  });
});

describe('the pointer', () => {
  test('finds the nearest mark, and zero-shot anywhere along its line', () => {
    const mark = lines[1]!.marks[2]!;
    const hit = nearest(lines, mark.x + 3, mark.y - 2)!;
    expect(hit.placed.mark).toBe(mark);
    expect(hit.distance).toBeLessThan(5);
    const flat = lines[0]!.marks[0]!;
    expect(nearest(lines, 200, flat.y)!.placed.mark).toBe(flat);
    expect(nearest([], 0, 0)).toBeNull();
  });

  test('a column holds one mark of every line', () => {
    expect(inColumn(lines, 2, 0).map(({ mark }) => mark.point.mean)).toEqual([0.75, 0.8, 0.7]);
  });
});

test('marks are the same by line and shots', () => {
  expect(sameMark(probe(1), probe(1))).toBe(true);
  expect(sameMark(probe(1), knn(1))).toBe(false);
  expect(sameMark(null, probe(1))).toBe(false);
});

test('marks of one column are nudged apart, those of an overlaid run stand where the run below has them', () => {
  const both = placeLines(
    [...series, ...seriesOf(lineOf('knn', [0.2, 0.3, 0.4]), ['m'], 'run 1')],
    axis,
    plotOf({ x: 0, y: 0, width: 400, height: 200 }, axis, accuracyAxis(series)),
  );
  const [zero, first, second, overlaid] = both;
  expect(zero!.offset).toBe(0);
  expect(first!.marks[0]!.x).toBeLessThan(second!.marks[0]!.x);
  expect(overlaid!.marks[0]!.x).toBe(second!.marks[0]!.x);
});

test('what a column holds closes up before anything of it is left out', () => {
  expect(fitRows(4, 300)).toEqual({ shown: 4, height: 18 });
  expect(fitRows(15, 290)).toEqual({ shown: 15, height: 15 });
  expect(fitRows(30, 290)).toEqual({ shown: 17, height: 15 });
});
