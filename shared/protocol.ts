// The few-shot protocol (DESIGN.md 5): which training items every method sees at each shot count under each seed.
import type { Omission, Shots } from './report.ts';

/** At most this many items per class are held back to choose hyper-parameters. */
export const RESERVE = 4;

/** `split` of an item, as one byte. */
export const TRAIN = 0;
export const VAL = 1;
export const TEST = 2;
export const UNUSED = 255;
/** The byte of a named split. */
export const SPLIT_CODE = { train: TRAIN, val: VAL, test: TEST } as const;

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** Mixes two integers into one (the finaliser of MurmurHash3), so that near seeds give far streams. */
function mix(seed: number, stream: number): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A seeded generator (mulberry32); `stream` gives independent ones under one seed. Not for secrets. */
export function randomOf(seed: number, stream = 0): Random {
  let state = mix(seed | 0, stream | 0);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Shuffles `items` in place (Fisher-Yates) and returns it. */
export function shuffle<T extends Int32Array | number[]>(items: T, random: Random): T {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = items[i]!;
    items[i] = items[j]!;
    items[j] = kept;
  }
  return items;
}

export type DrawInput = {
  classes: string[];
  /** Class index of each item; -1: not used. */
  labels: Int32Array;
  /** TRAIN, VAL, TEST or UNUSED of each item. */
  split: Uint8Array;
  shots: Shots[];
};

/** What holds for every seed: the rows that can be drawn, and those that cannot with the reason. */
export type Plan = {
  /** Ascending, 'all' last, without repeats. */
  shots: Shots[];
  omitted: Omission[];
  /** Training and validation items of each class, in the order of the items. */
  train: Int32Array[];
  val: Int32Array[];
  /** Items with split TEST, in order: what predictions are aligned with. */
  test: Int32Array;
  /** The largest finite shot count drawn; the reserve begins there. */
  largest: number;
  /** True when there are items with split VAL: they replace the reserve. */
  ownValidation: boolean;
};

/** One row's items: indices into the arrays of the input, class by class in turn (1st of each class, 2nd of each ...). */
export type DrawnRow = {
  shots: Shots;
  train: Int32Array;
  validation: Int32Array;
  /** Validation items per class at most. */
  perClass: number;
};

/** Sorts the rows asked for into those every class can fill and those left out, naming the class and its count. */
export function planDraw(input: DrawInput): Plan {
  const k = input.classes.length;
  const of = (wanted: number) => {
    const lists: number[][] = Array.from({ length: k }, () => []);
    input.labels.forEach((label, item) => {
      if (input.split[item] === wanted) lists[label]?.push(item);
    });
    return lists.map((list) => Int32Array.from(list));
  };
  const train = of(TRAIN);
  const val = of(VAL);
  const test = Int32Array.from(input.labels.keys()).filter((i) => input.split[i] === TEST && input.labels[i]! >= 0);
  const shots: Shots[] = [];
  const omitted: Omission[] = [];
  for (const s of inOrder(input.shots)) {
    const needed = s === 'all' ? 1 : s;
    const short = train.map((list, c) => [list.length, c] as const).filter(([n]) => n < needed);
    if (short.length === 0) shots.push(s);
    else
      omitted.push({
        shots: s,
        reason: shortage(
          s,
          short.sort((a, b) => a[0] - b[0] || a[1] - b[1]),
          input.classes,
        ),
      });
  }
  const largest = shots.reduce<number>((most, s) => (s === 'all' ? most : Math.max(most, s)), 0);
  return { shots, omitted, train, val, test, largest, ownValidation: val.some((list) => list.length > 0) };
}

function shortage(shots: Shots, short: (readonly [number, number])[], classes: string[]): string {
  const [count, index] = short[0]!;
  const others =
    short.length > 1
      ? `, and ${short.length - 1} more ${short.length === 2 ? 'class is' : 'classes are'} too small`
      : '';
  const items = `${count === 0 ? 'no' : count} training ${count === 1 ? 'item' : 'items'}`;
  return `Class "${classes[index]}" has ${items}; ${shots === 'all' ? '"all" needs at least 1' : `${shots} ${shots === 1 ? 'shot needs' : 'shots need'} ${shots}`}${others}.`;
}

/** Shot counts ascending, 'all' last, each once. */
export const inOrder = (shots: Shots[]): Shots[] =>
  [...new Set(shots)].sort(
    (a, b) => (a === 'all' ? Number.POSITIVE_INFINITY : a) - (b === 'all' ? Number.POSITIVE_INFINITY : b) || 0,
  );

/**
 * The rows of one seed. Every class's training items are permuted once; a row of s shots takes the first s of each, so
 * rows are nested. The reserve is the up to 4 that follow the largest finite shot count (of the val/ items, if there are
 * any: the first 4 of their permutation); a row uses the first min(s, 4) of it. 'all' is everything outside the reserve.
 */
export function drawSeed(plan: Plan, seed: number): DrawnRow[] {
  const order = plan.train.map((list, c) => shuffle(list.slice(), randomOf(seed, 2 * c)));
  const reserve = plan.ownValidation
    ? plan.val.map((list, c) => shuffle(list.slice(), randomOf(seed, 2 * c + 1)).subarray(0, RESERVE))
    : // Without a finite row the reserve would begin at 0: a class keeps at least one item to train on.
      order.map((list) => list.subarray(Math.max(plan.largest, 1), Math.max(plan.largest, 1) + RESERVE));
  return plan.shots.map((shots) => {
    const outside = (list: Int32Array) =>
      plan.ownValidation ? list : without(list, Math.max(plan.largest, 1), RESERVE);
    const train = order.map((list) => (shots === 'all' ? outside(list) : list.subarray(0, shots)));
    const held = reserve.map((list) => list.subarray(0, shots === 'all' ? RESERVE : Math.min(shots, RESERVE)));
    return {
      shots,
      train: interleave(train),
      validation: interleave(held),
      perClass: Math.max(0, ...held.map((list) => list.length)),
    };
  });
}

function without(list: Int32Array, from: number, count: number): Int32Array {
  const out = new Int32Array(list.length - Math.max(0, Math.min(count, list.length - from)));
  out.set(list.subarray(0, from));
  out.set(list.subarray(from + count), Math.min(from, list.length));
  return out;
}

/** The first of every list, then the second of every list ...: a smaller row is a prefix of a larger one. */
function interleave(lists: Int32Array[]): Int32Array {
  const out = new Int32Array(lists.reduce((sum, list) => sum + list.length, 0));
  const longest = Math.max(0, ...lists.map((list) => list.length));
  let at = 0;
  for (let i = 0; i < longest; i++) {
    for (const list of lists) {
      if (i < list.length) out[at++] = list[i]!;
    }
  }
  return out;
}

/**
 * Which items go to the test, 1 or 0: of each class the share `testFraction`, rounded, at least one and never all where
 * the class has two items or more. Items of class -1 stay 0. The same seed and the same order give the same split.
 */
export function stratifiedSplit(classIndexPerItem: Int32Array, testFraction: number, seed: number): Uint8Array {
  const out = new Uint8Array(classIndexPerItem.length);
  const classes = new Map<number, number[]>();
  classIndexPerItem.forEach((c, i) => {
    if (c < 0) return;
    const list = classes.get(c);
    if (list) list.push(i);
    else classes.set(c, [i]);
  });
  for (const [c, list] of classes) {
    const count = Math.min(list.length - 1, Math.max(1, Math.round(list.length * testFraction)));
    for (const i of shuffle(list, randomOf(seed, c)).slice(0, count)) out[i] = 1;
  }
  return out;
}
