// The draw of the few-shot protocol as properties over many random datasets, and what it says when a class is too small.
import { describe, expect, it } from 'vitest';
import {
  type DrawInput,
  drawSeed,
  inOrder,
  planDraw,
  RESERVE,
  randomOf,
  shuffle,
  stratifiedSplit,
  TEST,
  TRAIN,
  UNUSED,
  VAL,
} from '../../shared/protocol.ts';
import type { Shots } from '../../shared/report.ts';

/** Classes of random sizes in random order, some items unlabelled or in no split. */
function randomInput(seed: number, withVal: boolean): DrawInput {
  const random = randomOf(seed, 99);
  const classes = Array.from({ length: 2 + Math.floor(random() * 5) }, (_, c) => `class ${c}`);
  const items: [number, number][] = [];
  classes.forEach((_, c) => {
    for (let i = 0; i < 17 + Math.floor(random() * 20); i++) items.push([c, TRAIN]);
    for (let i = 0; i < (withVal ? 1 + Math.floor(random() * 8) : 0); i++) items.push([c, VAL]);
    for (let i = 0; i < 3; i++) items.push([c, TEST]);
  });
  items.push([-1, TRAIN], [-1, TEST], [0, UNUSED]);
  const order = shuffle(
    items.map((_, i) => i),
    random,
  );
  return {
    classes,
    labels: Int32Array.from(order, (i) => items[i]![0]),
    split: Uint8Array.from(order, (i) => items[i]![1]),
    shots: [1, 2, 4, 8, 16, 'all'],
  };
}

const countPerClass = (input: DrawInput, items: Int32Array) =>
  input.classes.map((_, c) => items.filter((i) => input.labels[i] === c).length);

describe.each([false, true])('the draw, val folder: %s', (withVal) => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('holds for dataset %i', (dataset) => {
    const input = randomInput(dataset, withVal);
    const plan = planDraw(input);
    expect(plan.omitted).toEqual([]);
    expect(plan.ownValidation).toBe(withVal);
    for (const seed of [0, 1, 2]) {
      const rows = drawSeed(plan, seed);
      expect(rows.map((r) => r.shots)).toEqual([1, 2, 4, 8, 16, 'all']);
      expect(drawSeed(planDraw(input), seed)).toEqual(rows);
      rows.forEach((row, r) => {
        const train = new Set(row.train);
        const held = [...row.validation];
        expect(train.size).toBe(row.train.length);
        expect(new Set(held).size).toBe(held.length);
        expect(held.some((i) => train.has(i))).toBe(false);
        for (const i of row.train) expect([input.split[i], input.labels[i]! >= 0]).toEqual([TRAIN, true]);
        for (const i of held) expect(input.split[i]).toBe(withVal ? VAL : TRAIN);
        const perClass = countPerClass(input, row.train);
        if (row.shots !== 'all') expect(perClass).toEqual(input.classes.map(() => row.shots));
        const available = plan[withVal ? 'val' : 'train'].map((list) => (withVal ? list.length : list.length - 16));
        const asked = row.shots === 'all' ? RESERVE : Math.min(row.shots, RESERVE);
        expect(countPerClass(input, row.validation)).toEqual(available.map((n) => Math.min(n, asked)));
        expect(row.perClass).toBe(Math.max(...available.map((n) => Math.min(n, asked))));
        // Nested prefixes: of the items, and in their order.
        const smaller = rows[r - 1];
        if (smaller) expect([...row.train.subarray(0, smaller.train.length)]).toEqual([...smaller.train]);
        if (smaller) expect([...smaller.validation].every((i) => row.validation.includes(i))).toBe(true);
      });
      // No row ever trains on an item that any row validates on; "all" is everything else.
      const reserve = rows.at(-1)!.validation;
      const all = rows.at(-1)!.train;
      expect(rows.some((row) => row.train.some((i) => reserve.includes(i)))).toBe(false);
      const training = plan.train.reduce((sum, list) => sum + list.length, 0);
      expect(all.length).toBe(training - (withVal ? 0 : reserve.length));
    }
    expect(drawSeed(plan, 0)[0]!.train).not.toEqual(drawSeed(plan, 1)[0]!.train);
  });
});

describe('rows that cannot be drawn', () => {
  const input = (sizes: number[], shots: Shots[]): DrawInput => ({
    classes: ['rose', 'tulip', 'lily'],
    labels: Int32Array.from(sizes.flatMap((n, c) => Array<number>(n).fill(c))),
    split: new Uint8Array(sizes.reduce((a, b) => a + b, 0)),
    shots,
  });

  it('are left out, naming the smallest class and its count; the reserve follows the largest that is left', () => {
    const plan = planDraw(input([20, 10, 7], [16, 8, 4, 1, 'all', 4]));
    expect(plan.shots).toEqual([1, 4, 'all']);
    expect(plan.omitted).toEqual([
      { shots: 8, reason: 'Class "lily" has 7 training items; 8 shots need 8.' },
      { shots: 16, reason: 'Class "lily" has 7 training items; 16 shots need 16, and 1 more class is too small.' },
    ]);
    const rows = drawSeed(plan, 3);
    expect(rows[1]!.validation.length).toBe(4 + 4 + 3);
    expect(rows[2]!.train.length).toBe(16 + 6 + 4);
  });

  it('keep a training item for each class when "all" is the only row', () => {
    const [row] = drawSeed(planDraw(input([1, 2, 9], ['all'])), 0);
    expect(countPerClass(input([1, 2, 9], ['all']), row!.train)).toEqual([1, 1, 5]);
    expect(countPerClass(input([1, 2, 9], ['all']), row!.validation)).toEqual([0, 1, 4]);
  });

  it('leave nothing when a class has no training item at all', () => {
    const plan = planDraw(input([5, 0, 5], [1, 'all']));
    expect(plan.shots).toEqual([]);
    expect(plan.omitted.map((o) => o.reason)).toEqual([
      'Class "tulip" has no training items; 1 shot needs 1.',
      'Class "tulip" has no training items; "all" needs at least 1.',
    ]);
    expect(drawSeed(plan, 0)).toEqual([]);
  });

  it('leave no reserve where the largest row takes every item', () => {
    const rows = drawSeed(planDraw(input([4, 4, 4], [2, 4])), 0);
    expect(rows.map((r) => [r.train.length, r.validation.length, r.perClass])).toEqual([
      [6, 0, 0],
      [12, 0, 0],
    ]);
  });
});

describe('a class keeps its draw', () => {
  it('whatever other classes hold', () => {
    const small = planDraw({
      classes: ['a', 'b'],
      labels: Int32Array.from([0, 0, 0, 0, 0, 1, 1, 1]),
      split: new Uint8Array(8),
      shots: [2],
    });
    const large = planDraw({
      classes: ['a', 'b'],
      labels: Int32Array.from([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]),
      split: new Uint8Array(11),
      shots: [2],
    });
    const ofA = (plan: typeof small) => [...drawSeed(plan, 7)[0]!.train].filter((i) => i < 5);
    expect(ofA(small)).toEqual(ofA(large));
  });
});

describe('random numbers', () => {
  it('are uniform, differ by seed and by stream, and repeat', () => {
    const draw = (seed: number, stream = 0) => Array.from({ length: 4000 }, randomOf(seed, stream));
    const first = draw(0);
    expect(draw(0)).toEqual(first);
    expect(draw(1)[0]).not.toBe(first[0]);
    expect(draw(0, 1)[0]).not.toBe(first[0]);
    expect(first.reduce((a, b) => a + b) / 4000).toBeCloseTo(0.5, 1);
    const tenths = Array.from({ length: 10 }, (_, b) => first.filter((v) => Math.floor(v * 10) === b).length);
    expect(Math.min(...tenths)).toBeGreaterThan(330);
    expect(Math.max(...tenths)).toBeLessThan(470);
  });

  it('shuffle every order alike', () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const key = shuffle([1, 2, 3], randomOf(seed)).join('');
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });
});

describe('stratifiedSplit', () => {
  it('takes the share of each class, never all of one and never none where there are two', () => {
    const classes = Int32Array.from([...Array(50).fill(0), ...Array(10).fill(1), 2, 3, 3, -1, -1]);
    const split = stratifiedSplit(classes, 0.2, 4);
    const inTest = (c: number) => classes.filter((k, i) => k === c && split[i] === 1).length;
    expect([0, 1, 2, 3, -1].map(inTest)).toEqual([10, 2, 0, 1, 0]);
    expect(stratifiedSplit(classes, 0.2, 4)).toEqual(split);
    expect(stratifiedSplit(classes, 0.2, 5)).not.toEqual(split);
    const most = stratifiedSplit(classes, 0.99, 0);
    expect([0, 1, 3].map((c) => classes.filter((k, i) => k === c && most[i] === 0).length)).toEqual([1, 1, 1]);
  });
});

it('puts shot counts in order, each once', () => {
  expect(inOrder([16, 'all', 1, 'all', 4, 1])).toEqual([1, 4, 16, 'all']);
});
