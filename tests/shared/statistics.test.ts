// Intervals against published tables, crossings and paired differences on charts drawn by hand.
import { describe, expect, it } from 'vitest';
import type { MethodId, ResultRow, Shots } from '../../shared/report.ts';
import {
  ci95,
  crossingsOf,
  pairedDifferences,
  sd,
  studentCdf,
  studentQuantile,
  summarise,
} from '../../shared/statistics.ts';

const row = (method: MethodId, shots: Shots, seed: number | null, accuracy: number, model = 'm'): ResultRow => ({
  ...{ method, model, shots, seed, accuracy, macroF1: accuracy / 2, logLoss: 1 - accuracy, ece: 0.1, brier: 0.2 },
  ...{ perClass: {}, fitMs: 10, choice: {}, validation: 0 },
});

describe("Student's t", () => {
  it.each([
    [0.975, 1, 12.7062047364],
    [0.975, 2, 4.3026527297],
    [0.975, 4, 2.7764451052],
    [0.975, 9, 2.2621571628],
    [0.975, 30, 2.0422724563],
    [0.975, 99, 1.9842169516],
    [0.995, 5, 4.0321429836],
    [0.95, 1e6, 1.644855],
    [0.025, 4, -2.7764451052],
    [0.6, 3, 0.2766706623],
  ])('quantile %f with %i degrees is %f', (p, df, t) => {
    expect(studentQuantile(p, df)).toBeCloseTo(t, 6);
  });

  it('has the distribution function it inverts', () => {
    expect(studentCdf(0, 7)).toBeCloseTo(0.5, 14);
    expect(studentCdf(1, 1)).toBeCloseTo(0.75, 14);
    expect(studentCdf(-2, 2)).toBeCloseTo(0.0917517095361369, 12);
  });
});

describe('summaries', () => {
  it('are null where one seed says nothing', () => {
    expect([sd([0.5]), ci95([0.5])]).toEqual([null, null]);
    expect(summarise([row('zero-shot', 0, null, 0.7)])[0]).toMatchObject({
      seeds: 1,
      mean: 0.7,
      sd: null,
      ci95: null,
      shots: 0,
    });
  });

  it('take n-1 and the half-width by t', () => {
    const [first] = summarise([0.6, 0.7, 0.8].map((a, seed) => row('knn', 4, seed, a)));
    expect(first!.mean).toBeCloseTo(0.7, 12);
    expect(first!.sd).toBeCloseTo(0.1, 12);
    expect(first!.ci95).toBeCloseTo((4.3026527297 * 0.1) / Math.sqrt(3), 9);
    expect(first!.logLoss).toBeCloseTo(0.3, 12);
  });

  it('come by model, method and shots, whatever order the rows came in', () => {
    const rows = [
      row('linear-probe', 'all', 0, 1),
      row('linear-probe', 16, 0, 1),
      row('zero-shot', 0, null, 1),
      row('linear-probe', 2, 0, 1),
      row('knn', 2, 0, 1, 'n'),
    ];
    expect(summarise(rows).map((r) => [r.model, r.method, r.shots])).toEqual([
      ['m', 'zero-shot', 0],
      ['m', 'linear-probe', 2],
      ['m', 'linear-probe', 16],
      ['m', 'linear-probe', 'all'],
      ['n', 'knn', 2],
    ]);
  });
});

describe('crossings', () => {
  const line = (method: MethodId, points: [Shots, number][], model = 'm') =>
    points.map(([shots, a]) => row(method, shots, 0, a, model));
  const of = (rows: ResultRow[]) => crossingsOf(summarise(rows)).map((c) => `${c.method} > ${c.over} @ ${c.shots}`);

  it('name the first measured shot count at which one passes the other', () => {
    const probe = line('linear-probe', [
      [1, 0.3],
      [2, 0.5],
      [4, 0.65],
      [8, 0.8],
      ['all', 0.9],
    ]);
    const mean = line('nearest-mean', [
      [1, 0.4],
      [2, 0.5],
      [4, 0.6],
      [8, 0.85],
      ['all', 0.7],
    ]);
    const zero = [row('zero-shot', 0, null, 0.62)];
    expect(of([...zero, ...probe, ...mean]).sort()).toEqual([
      'linear-probe > nearest-mean @ 4',
      'linear-probe > zero-shot @ 4',
      'nearest-mean > linear-probe @ 1',
      'nearest-mean > zero-shot @ 8',
      'zero-shot > linear-probe @ 1',
      'zero-shot > nearest-mean @ 1',
    ]);
  });

  it('draw zero-shot across: it is passed, or stays ahead, at every shot count of the other', () => {
    expect(of([row('zero-shot', 0, null, 0.2), ...line('knn', [[1, 0.3]])])).toEqual(['knn > zero-shot @ 1']);
    expect(
      of([
        row('zero-shot', 0, null, 0.9),
        ...line('knn', [
          [1, 0.9],
          [2, 0.3],
          ['all', 0.9],
        ]),
      ]),
    ).toEqual(['zero-shot > knn @ 2']);
  });

  it('list a lead from the first shot count on, and nothing where only other shot counts were measured', () => {
    expect(
      of([
        ...line('knn', [
          [1, 0.5],
          [2, 0.6],
        ]),
        ...line('discriminant', [
          [1, 0.4],
          [2, 0.5],
        ]),
      ]),
    ).toEqual(['knn > discriminant @ 1']);
    expect(of([...line('knn', [[1, 0.5]]), ...line('discriminant', [[2, 0.9]])])).toEqual([]);
  });

  it('name each way of a pair once when its lines cross twice, and stay within a backbone', () => {
    const rows = [
      ...line('knn', [
        [1, 0.5],
        [2, 0.4],
        [4, 0.9],
      ]),
      ...line('discriminant', [
        [1, 0.4],
        [2, 0.5],
        [4, 0.6],
      ]),
    ];
    expect(of(rows).sort()).toEqual(['discriminant > knn @ 2', 'knn > discriminant @ 1']);
    expect(
      of([
        ...line('knn', [[1, 0.5]], 'a'),
        ...line(
          'discriminant',
          [
            [1, 0.4],
            [2, 0.7],
          ],
          'b',
        ),
      ]),
    ).toEqual([]);
  });
});

describe('paired differences', () => {
  it('are over the common seeds, each pair once, and against zero-shot', () => {
    const rows = [
      row('zero-shot', 0, null, 0.5),
      ...[0.6, 0.7, 0.8].map((a, seed) => row('knn', 2, seed, a)),
      ...[0.65, 0.75].map((a, seed) => row('linear-probe', 2, seed, a)),
    ];
    const differences = pairedDifferences(rows);
    expect(differences.map((d) => [d.method, d.over, d.shots, d.seeds, Number(d.mean.toFixed(6))])).toEqual([
      ['knn', 'zero-shot', 2, 3, 0.2],
      ['linear-probe', 'zero-shot', 2, 2, 0.2],
      ['linear-probe', 'knn', 2, 2, 0.05],
    ]);
    expect(differences[2]!.ci95).toBeCloseTo(0, 9);
    expect(differences[0]!.ci95).toBeCloseTo((4.3026527297 * 0.1) / Math.sqrt(3), 6);
  });
});
