// The axes of the few-shot chart: from where the data needs it, in round numbers, never jumping while rows come.
import { describe, expect, test } from 'vitest';
import { accuracyAxis, labelledTicks, nudges, shotsAxis, shotsX, tickGap } from '../../../shared/chart/axis.ts';
import type { Series } from '../../../shared/chart/series.ts';

const line = (...points: [number, number | null][]): Series => ({
  key: 'k',
  method: 'knn',
  model: 'm',
  modelIndex: 0,
  flat: false,
  run: null,
  points: points.map(([mean, ci95], i) => ({ shots: 2 ** i, mean, ci95, seeds: 5 })),
});

describe('accuracy axis', () => {
  test('starts at a round number below the lowest whisker', () => {
    const axis = accuracyAxis([line([0.65, 0.057], [0.938, 0.002])]);
    expect(axis).toEqual({ min: 0.5, max: 1, ticks: [0.5, 0.6, 0.7, 0.8, 0.9, 1] });
  });

  test('without data it is the whole range', () => {
    expect(accuracyAxis([])).toEqual({ min: 0, max: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] });
  });

  test('whiskers beyond 0 and 1 do not move it out of the range', () => {
    const axis = accuracyAxis([line([0.02, 0.3], [0.99, 0.3])]);
    expect([axis.min, axis.max]).toEqual([0, 1]);
  });

  test('nearly equal values are not blown up to full height', () => {
    const axis = accuracyAxis([line([0.9041, 0.0004], [0.9049, 0.0004])]);
    expect(axis.max - axis.min).toBeGreaterThanOrEqual(0.03 - 1e-9);
    expect(accuracyAxis([line([1, null])]).max).toBe(1);
    expect(accuracyAxis([line([0, null])]).min).toBe(0);
  });

  test('always holds the data, with two to six ticks on equal steps', () => {
    for (let low = 0; low < 1; low += 0.0137) {
      for (let span = 0; low + span <= 1; span += 0.0211) {
        const { min, max, ticks } = accuracyAxis([line([low, null], [low + span, null])]);
        expect(min).toBeLessThanOrEqual(low + 1e-9);
        expect(max).toBeGreaterThanOrEqual(low + span - 1e-9);
        expect(ticks.length).toBeGreaterThanOrEqual(3);
        expect(ticks.length).toBeLessThanOrEqual(6);
        expect(ticks[0]).toBe(min);
        expect(ticks.at(-1)).toBeCloseTo(max, 6);
        expect((max - min) / Math.max(span, 0.01)).toBeLessThan(5);
      }
    }
  });

  test('while a run fills in it only widens', () => {
    const first = accuracyAxis([line([0.65, 0.05], [0.7, 0.02])]);
    const next = accuracyAxis([line([0.68, 0.01], [0.94, 0.02])], first);
    expect(next.min).toBeLessThanOrEqual(first.min);
    expect(next.max).toBeGreaterThanOrEqual(first.max);
  });
});

describe('shots axis', () => {
  test('doublings are equal steps; all stands apart at the end', () => {
    const axis = shotsAxis(['all', 16, 1, 4, 2, 8, 2]);
    expect(axis.ticks.map((tick) => tick.label)).toEqual(['1', '2', '4', '8', '16', 'all']);
    const steps = axis.ticks.slice(1).map((tick, i) => tick.x - axis.ticks[i]!.x);
    expect(steps).toEqual([1, 1, 1, 1, 1.5]);
    expect(shotsX(axis, 8)).toBe(3);
    expect(axis.min).toBeLessThan(0);
  });

  test('one tick, only all, or none at all still give a range', () => {
    for (const shots of [[4], ['all'], []] as const) {
      const axis = shotsAxis(shots);
      expect(axis.max).toBeGreaterThan(axis.min);
    }
  });

  test('labels that have no room are left out, the last never', () => {
    const axis = shotsAxis([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    const labels = labelledTicks(axis, 200).map((tick) => tick.label);
    expect(labels[0]).toBe('1');
    expect(labels.at(-1)).toBe('16');
    expect(labels.length).toBeLessThan(12);
    const xs = labelledTicks(axis, 200).map((tick) => ((tick.x - axis.min) / (axis.max - axis.min)) * 200);
    for (let i = 1; i < xs.length - 1; i++) expect(xs[i]! - xs[i - 1]!).toBeGreaterThanOrEqual(26);
  });
});

test('nudges are fixed, centred, apart, and stay within a column', () => {
  expect(nudges(1, 100)).toEqual([0]);
  expect(nudges(4, 100)).toEqual([-9, -3, 3, 9]);
  const many = nudges(10, 40);
  expect(many.reduce((sum, one) => sum + one, 0)).toBeCloseTo(0, 1);
  expect(many.at(-1)! - many[0]!).toBeLessThanOrEqual(0.4 * 40 + 0.1);
  expect(tickGap(shotsAxis([1, 2, 4]), 220)).toBeCloseTo(100, 5);
});
