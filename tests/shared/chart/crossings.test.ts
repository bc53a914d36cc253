// The sentences of the chart: which line passes which, where, and how sure that is.
import { describe, expect, test } from 'vitest';
import {
  callouts,
  crossingSentences,
  meeting,
  modelCrossings,
  passes,
  startOrders,
} from '../../../shared/chart/crossings.ts';
import { describeChart } from '../../../shared/chart/describe.ts';
import { seriesOf } from '../../../shared/chart/series.ts';
import type { SummaryRow } from '../../../shared/report.ts';
import { crossingsOf } from '../../../shared/statistics.ts';
import { lineOf, summaryRow } from './rows.ts';

const zero = summaryRow('zero-shot', 0, 0.746);
const flowers = [zero, ...lineOf('linear-probe', [0.68, 0.79, 0.86]), ...lineOf('knn', [0.65, 0.736, 0.82])];

describe('passing', () => {
  test('is the first shot count with the greater mean, ties are not enough', () => {
    const [a, b] = seriesOf([...lineOf('knn', [0.5, 0.6, 0.8]), ...lineOf('nearest-mean', [0.6, 0.6, 0.7])], ['m']);
    expect(passes(b!, a!)).toEqual({ shots: 4, before: 2 });
    expect(passes(a!, b!)).toEqual({ shots: 1, before: null });
  });

  test('looks only where both were measured', () => {
    const rows = [summaryRow('knn', 1, 0.9), summaryRow('knn', 4, 0.5), summaryRow('linear-probe', 4, 0.6)];
    const [probe, knn] = seriesOf(rows, ['m']);
    expect(passes(probe!, knn!)).toEqual({ shots: 4, before: null });
    expect(passes(knn!, probe!)).toBeNull();
  });

  test('two zero-shot lines never cross', () => {
    const [a, b] = seriesOf([zero, summaryRow('zero-shot', 0, 0.9, null, 'n')], ['m', 'n']);
    expect(passes(a!, b!)).toBeNull();
  });

  test('the meeting point is where the straight lines meet', () => {
    const [flat, probe] = seriesOf(flowers, ['m']);
    const { t, mean } = meeting(probe!, flat!, 1, 2);
    expect(mean).toBeCloseTo(0.746, 10);
    expect(t).toBeCloseTo((0.746 - 0.68) / 0.11, 10);
  });
});

describe('callouts', () => {
  test('say which method passes zero-shot first', () => {
    expect(callouts(seriesOf(flowers, ['m']))[0]!.sentence).toBe('the probe passes zero-shot at 2 labels per class');
  });

  test('methods that pass together share one sentence', () => {
    const rows = [
      zero,
      ...lineOf('linear-probe', [0.6, 0.8]),
      ...lineOf('discriminant', [0.6, 0.81]),
      ...lineOf('knn', [0.5, 0.6]),
    ];
    expect(callouts(seriesOf(rows, ['m']))[0]!.sentence).toBe(
      'the probe and the discriminant pass zero-shot at 2 labels per class',
    );
    const all = [zero, ...lineOf('linear-probe', [0.8]), ...lineOf('discriminant', [0.9]), ...lineOf('knn', [0.85])];
    const [first] = callouts(seriesOf(all, ['m']));
    expect(first!.sentence).toBe('every other method is above zero-shot already at 1 label per class');
    expect(first!.before).toBeNull();
  });

  test('one change of the lead is told where it is proven; a lead going to and fro is not', () => {
    const once = seriesOf([...lineOf('linear-probe', [0.6, 0.7, 0.8]), ...lineOf('knn', [0.7, 0.75, 0.78])], ['m']);
    const pair = {
      method: 'linear-probe',
      over: 'knn',
      model: 'm',
      shots: 4,
      seeds: 5,
      mean: 0.02,
      ci95: 0.01,
    } as const;
    expect(callouts(once, [pair]).map((one) => one.sentence)).toEqual(['the probe passes k-NN at 4 labels per class']);
    expect(callouts(once, [{ ...pair, ci95: 0.03 }])).toEqual([]);
    expect(callouts(once)).toEqual([]);
    const noise = [...lineOf('linear-probe', [0.6, 0.7, 0.8]), ...lineOf('knn', [0.59, 0.71, 0.79])];
    expect(callouts(seriesOf(noise, ['m']), [pair])).toEqual([]);
  });

  test('passing zero-shot is always told, with a warning where it may be chance', () => {
    const pair = { method: 'linear-probe', over: 'zero-shot', model: 'm', shots: 2, seeds: 5, mean: 0.044 } as const;
    const said = (ci95: number) => callouts(seriesOf(flowers, ['m']), [{ ...pair, ci95 }])[0]!.sentence;
    expect(said(0.02)).toBe('the probe passes zero-shot at 2 labels per class');
    expect(said(0.05)).toBe('the probe passes zero-shot at 2 labels per class, not clear of chance');
  });

  test('nothing passes: nothing is claimed', () => {
    expect(callouts(seriesOf([zero, ...lineOf('knn', [0.1, 0.2])], ['m']))).toEqual([]);
    expect(callouts([])).toEqual([]);
  });

  test('name the model where there are several, and "all labels"', () => {
    const rows = [zero, summaryRow('knn', 16, 0.7), summaryRow('knn', 'all', 0.8), ...lineOf('knn', [0.1], 'hog')];
    expect(callouts(seriesOf(rows, ['m', 'hog']))[0]!.sentence).toBe('k-NN passes zero-shot with all labels, m');
  });

  test('an overlaid run crosses nothing', () => {
    const overlaid = [...seriesOf(lineOf('knn', [0.1, 0.9]), ['m'], 'run 1'), ...seriesOf([zero], ['m'])];
    expect(callouts(overlaid)).toEqual([]);
  });
});

describe('sentences', () => {
  const series = seriesOf(flowers, ['m']);
  const crossing = { method: 'linear-probe', over: 'zero-shot', model: 'm', shots: 2 } as const;

  test('tell the paired gap and whether it is clear of chance, whichever way it was paired', () => {
    const pair = { ...crossing, seeds: 5, mean: 0.044, ci95: 0.028 };
    expect(crossingSentences([crossing], series, [pair])[0]!.sentence).toBe(
      'the probe passes zero-shot at 2 labels per class (+4.4 ±2.8 points)',
    );
    const turned = { ...pair, method: 'zero-shot', over: 'linear-probe', mean: -0.01 } as const;
    expect(crossingSentences([crossing], series, [turned])[0]!.sentence).toMatch(
      /\(\+1\.0 ±2\.8 points, not clear of chance\)$/,
    );
  });

  test('put zero-shot first, leave out what is not in the chart, and keep leads from the start for the orders', () => {
    const late = seriesOf([...flowers, ...lineOf('nearest-mean', [0.6, 0.74, 0.83])], ['m']);
    const list = [
      { method: 'nearest-mean', over: 'knn', model: 'm', shots: 2 } as const,
      { method: 'linear-probe', over: 'knn', model: 'm', shots: 1 } as const,
      crossing,
      { method: 'knn', over: 'zero-shot', model: 'gone', shots: 1 } as const,
    ];
    expect(crossingSentences(list, late).map((one) => one.sentence)).toEqual([
      'the probe passes zero-shot at 2 labels per class',
      'the nearest mean passes k-NN at 2 labels per class',
    ]);
  });

  test('leads from the start are one order, best first, with those that are level together', () => {
    const orderOf = (rows: SummaryRow[], models: string[]) => startOrders(crossingsOf(rows), seriesOf(rows, models));
    expect(orderOf(flowers, ['m'])).toEqual(['at 1 label per class, best first: zero-shot; the probe; k-NN']);
    const level = [...lineOf('discriminant', [0.6, 0.7]), ...lineOf('nearest-mean', [0.6, 0.8])];
    expect(orderOf([...level, ...lineOf('knn', [0.7, 0.9])], ['m'])).toEqual([
      'at 1 label per class, best first: k-NN; the discriminant and the nearest mean, level',
    ]);
    expect(orderOf(level, ['m'])).toEqual([]); // the nearest mean passes later: nobody leads from the start
    const second = [...lineOf('knn', [0.3], 'n'), ...lineOf('discriminant', [0.2], 'n')];
    expect(orderOf([...level, ...second], ['m', 'n'])).toEqual([
      'at 1 label per class on n, best first: k-NN; the discriminant',
    ]);
  });

  test('a method above zero-shot from the start is still named', () => {
    const rows = [zero, ...lineOf('linear-probe', [0.8, 0.9])];
    expect(crossingSentences(crossingsOf(rows), seriesOf(rows, ['m'])).map((one) => one.sentence)).toEqual([
      'the probe is above zero-shot already at 1 label per class',
    ]);
  });

  test('models that agree over methods share a sentence', () => {
    const two = seriesOf(
      [
        ...lineOf('knn', [0.5, 0.6], 'a'),
        ...lineOf('linear-probe', [0.5, 0.7], 'a'),
        ...lineOf('knn', [0.3, 0.4], 'b'),
        ...lineOf('linear-probe', [0.3, 0.4], 'b'),
      ],
      ['a', 'b'],
    );
    expect(modelCrossings(two)).toEqual([
      'the probe and k-NN on a are above the same on b already at 1 label per class',
    ]);
  });
});

test('the chart in words names lines, ends, crossings and chance', () => {
  const words = describeChart('flowers12', seriesOf(flowers, ['m']), [], { chance: 1 / 12, majority: 0.1 });
  expect(words).toContain('3 lines');
  expect(words).toContain('Linear probe: from 68.0 % with 1 label per class to 86.0 % with 4 labels per class');
  expect(words).toContain('Zero-shot: 74.6 % without labels');
  expect(words).toContain('The probe passes zero-shot at 2 labels per class');
  expect(words).toContain('Chance is 8.3 %');
  expect(describeChart('flowers12', [], [], null)).toBe('flowers12: no results yet.');
});
