// The line between two sets of weights: its ends to the bit, its middle by hand, and the point the slider begins at.
import { describe, expect, it } from 'vitest';
import { interpolate, suggestedAlpha, wiseCurve } from '../../../electron/engine/finetune/wise.ts';

const before = new Map([
  ['a', Float32Array.of(0.1, -2, 3e-8)],
  ['only before', Float32Array.of(1)],
]);
const after = new Map([
  ['a', Float32Array.of(0.3, 2, 1e7)],
  ['head', Float32Array.of(5, 6)],
]);

describe('weights between', () => {
  it('are the very bits of either end at 0 and 1', () => {
    expect(interpolate(before, after, 0).get('a')).toEqual(before.get('a'));
    expect(interpolate(before, after, 1)).toEqual(after);
  });
  it('are mixed in between; what was not there before stays as it is after', () => {
    const mixed = interpolate(before, after, 0.25);
    expect([...mixed.keys()]).toEqual(['a', 'head']);
    expect(mixed.get('a')![0]).toBeCloseTo(0.15, 6);
    expect(mixed.get('a')![1]).toBeCloseTo(-1, 6);
    expect(mixed.get('head')).toEqual(after.get('head'));
  });
  it('leave the ends as they were, and refuse what does not fit', () => {
    const kept = after.get('a')!.slice();
    const memory = interpolate(before, after, 0.5);
    expect(interpolate(before, after, 1, memory).get('a')).toBe(memory.get('a'));
    expect(after.get('a')).toEqual(kept);
    expect(() => interpolate(before, after, 1.1)).toThrow(RangeError);
    expect(() => interpolate(before, after, Number.NaN)).toThrow(RangeError);
    expect(() => interpolate(new Map([['a', new Float32Array(2)]]), after, 0.5)).toThrow(/a has 2 numbers/);
  });
});

describe('the curve', () => {
  it('is measured at every alpha in turn', async () => {
    const seen: number[] = [];
    const points = await wiseCurve({
      before,
      after,
      alphas: [0, 0.5, 1],
      evaluate: async (weights) => {
        seen.push(weights.get('a')![1]!);
        return { validation: weights.get('a')![1]!, control: null };
      },
    });
    expect(seen).toEqual([-2, 0, 2]);
    expect(points).toEqual([
      { alpha: 0, validation: -2, control: null },
      { alpha: 0.5, validation: 0, control: null },
      { alpha: 1, validation: 2, control: null },
    ]);
  });
  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const evaluate = async () => {
      stop.abort();
      return { validation: 1, control: 1 };
    };
    await expect(wiseCurve({ before, after, evaluate, signal: stop.signal })).rejects.toThrow(/abort/i);
  });
});

describe('the point to begin at', () => {
  const point = (alpha: number, validation: number | null, control: number | null) => ({ alpha, validation, control });
  it('gives up half a point of validation for the control set, and no more', () => {
    expect(suggestedAlpha([point(0, 0.5, 0.9), point(0.5, 0.897, 0.8), point(1, 0.9, 0.6)])).toBe(0.5);
    expect(suggestedAlpha([point(0, 0.5, 0.9), point(0.5, 0.88, 0.8), point(1, 0.9, 0.6)])).toBe(1);
  });
  it('is the end without a control set, and nothing without validation', () => {
    expect(suggestedAlpha([point(0, 0.9, null), point(0.5, 0.9, null), point(1, 0.9, null)])).toBe(1);
    expect(suggestedAlpha([point(0, null, 0.9), point(1, null, 0.8)])).toBeNull();
  });
});
