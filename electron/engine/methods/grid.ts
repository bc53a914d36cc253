// The grid {models x methods x shots x seeds} of one comparison, computed in worker threads, row by row.
import { availableParallelism } from 'node:os';
import { setImmediate as breathe } from 'node:timers/promises';
import { LabError } from '../../../shared/contract.ts';
import { drawSeed, planDraw, TEST, UNUSED } from '../../../shared/protocol.ts';
import {
  FEATURE_METHOD_IDS,
  type FeatureMethodId,
  type Omission,
  type ResultRow,
  type Shots,
} from '../../../shared/report.ts';
import type { FitTask } from '../workers/fit-worker.ts';
import { workerPool } from '../workers/pool.ts';
import { METHODS } from './table.ts';
import { DEFAULT_SCALE } from './zero-shot.ts';

export type GridModel = {
  id: string;
  /** [n, dim], row by row; normalised here. */
  features: Float32Array;
  dim: number;
  /** [classes, dim]: one (ensembled) text feature per class; absent for a backbone without a text side. */
  text?: Float32Array;
  /** What cosines are multiplied with before the softmax; 100 where the model does not say. */
  scale?: number;
  /** 1 where the features are there. An item that any model lacks is used by none, so that all see the same items. */
  valid?: Uint8Array;
};

export type GridInput = {
  classes: string[];
  /** Class index of each item [n]; -1: not used. */
  labels: Int32Array;
  /** 0 train, 1 val, 2 test, 255 none. */
  split: Uint8Array;
  models: GridModel[];
  /** Empty: every method that applies. */
  methods: FeatureMethodId[];
  shots: Shots[];
  /** Seeds 0 .. seeds-1. */
  seeds: number;
  knnVote: 'similarity' | 'majority';
  knnIndex: 'auto' | 'exact' | 'hnsw';
  /** Worker threads; 0 or absent: as many as there are cores. */
  threads?: number;
};

export type RowKey = { method: FeatureMethodId; model: string; shots: Shots; seed: number | null };

/** A result with its predictions, aligned with `testItems(input)`: class index, and the probability given to it. */
export type GridRow = ResultRow & { predicted: Int32Array; probability: Float32Array };

export type GridHooks = {
  /** Aborting ends the workers at once; the call then rejects with the signal's reason. */
  signal?: AbortSignal;
  onRow(row: GridRow): void;
  /** Rows done of rows expected. */
  onProgress?(done: number, total: number): void;
  /** True for a row that is already stored: it is skipped. */
  has?(key: RowKey): boolean;
};

/** `expected`: how many rows the grid has, stored ones included, omitted ones not. */
export type GridResult = { omitted: Omission[]; expected: number };

/** The split with every item that cannot be used set to UNUSED. */
function usedSplit({ labels, split, models }: Pick<GridInput, 'labels' | 'split' | 'models'>): Uint8Array {
  return split.map((s, i) => (labels[i]! >= 0 && models.every((m) => m.valid?.[i] !== 0) ? s : UNUSED));
}

/** Indices of the test items the predictions are aligned with, in order. */
export function testItems(input: Pick<GridInput, 'labels' | 'split' | 'models'>): Int32Array {
  const split = usedSplit(input);
  return Int32Array.from(input.labels.keys()).filter((i) => split[i] === TEST);
}

function check(input: GridInput): void {
  const { classes, labels, split, models } = input;
  const bad = (message: string) => new LabError('bad-request', message);
  if (classes.length < 2)
    throw bad(
      `A comparison needs at least two classes; there ${classes.length === 1 ? `is only "${classes[0]}"` : 'are none'}.`,
    );
  if (models.length === 0) throw bad('A comparison needs at least one model.');
  if (split.length !== labels.length) throw bad(`There are ${labels.length} labels but ${split.length} splits.`);
  if (labels.some((label) => label >= classes.length)) throw bad('A label lies outside the classes.');
  for (const { id, features, dim, text } of models) {
    if (!(dim >= 1)) throw bad(`The features of ${id} have no dimensions.`);
    if (features.length !== labels.length * dim)
      throw bad(
        `The features of ${id} are ${features.length} numbers; ${labels.length} items of ${dim} dimensions need ${labels.length * dim}.`,
      );
    if (text && text.length !== classes.length * dim)
      throw bad(
        `The text features of ${id} are ${text.length} numbers; ${classes.length} classes of ${dim} dimensions need ${classes.length * dim}.`,
      );
    if (models.filter((m) => m.id === id).length > 1) throw bad(`The model ${id} is there twice.`);
  }
  if (testItems(input).length === 0)
    throw bad('No test item is left: every item is unlabelled, unreadable or in another split.');
}

/** Rows of unit length in memory that all threads see; lets other work through now and then. */
async function shareNormalised(
  { id, features, dim }: Pick<GridModel, 'id' | 'features' | 'dim'>,
  used: Uint8Array | null,
): Promise<Float32Array> {
  const out = new Float32Array(new SharedArrayBuffer(features.length * 4));
  const rows = features.length / dim;
  const slice = Math.max(1, Math.floor(2_000_000 / dim));
  for (let from = 0; from < rows; from += slice) {
    const to = Math.min(rows, from + slice);
    for (let i = from; i < to; i++) {
      let square = 0;
      for (let j = i * dim; j < (i + 1) * dim; j++) square += features[j]! * features[j]!;
      if (!Number.isFinite(square)) {
        if (used === null || used[i] !== UNUSED)
          throw new LabError(
            'bad-request',
            `${id} gave a feature that is not a finite number (row ${i}). Embed again, or leave this item out.`,
          );
        continue;
      }
      const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
      for (let j = i * dim; j < (i + 1) * dim; j++) out[j] = features[j]! * scale;
    }
    await breathe();
  }
  return out;
}

/** The rows to compute, in the order they are: zero-shot, then few shots before many, so that a chart grows to the right. */
function planRows(input: GridInput, shots: Shots[], omitted: Omission[]): RowKey[] {
  const asked = FEATURE_METHOD_IDS.filter((id) => input.methods.length === 0 || input.methods.includes(id));
  const applies = (method: FeatureMethodId, { text }: GridModel) => !METHODS[method].needsText || text !== undefined;
  const keys: RowKey[] = [];
  for (const model of input.models) {
    for (const method of asked) {
      if (!applies(method, model)) {
        if (input.methods.length > 0)
          omitted.push({
            method,
            model: model.id,
            ...(METHODS[method].learns ? {} : { shots: 0 }),
            reason: `${model.id} has no text side, which ${METHODS[method].name} needs.`,
          });
      } else if (!METHODS[method].learns) keys.push({ method, model: model.id, shots: 0, seed: null });
    }
  }
  for (const s of shots)
    for (let seed = 0; seed < input.seeds; seed++)
      for (const model of input.models)
        for (const method of asked)
          if (METHODS[method].learns && applies(method, model)) keys.push({ method, model: model.id, shots: s, seed });
  return keys;
}

/** Makes the tasks of rows: draws and shared features are made once. */
async function taskMaker(input: GridInput, plan: ReturnType<typeof planDraw>, used: Uint8Array) {
  const labels = new Int32Array(new SharedArrayBuffer(input.labels.length * 4));
  labels.set(input.labels);
  const shared = new Map<string, { features: Float32Array; text: Float32Array | null; scale: number; dim: number }>();
  for (const model of input.models) {
    const text = model.text
      ? await shareNormalised({ id: `The text side of ${model.id}`, features: model.text, dim: model.dim }, null)
      : null;
    shared.set(model.id, {
      features: await shareNormalised(model, used),
      text,
      scale: model.scale ?? DEFAULT_SCALE,
      dim: model.dim,
    });
  }
  const draws = new Map<number, ReturnType<typeof drawSeed>>();
  const none = new Int32Array(0);
  const { classes, knnVote, knnIndex } = input;
  return (key: RowKey): FitTask => {
    if (key.seed !== null && !draws.has(key.seed)) draws.set(key.seed, drawSeed(plan, key.seed));
    const row = key.seed === null ? undefined : draws.get(key.seed)!.find((r) => r.shots === key.shots)!;
    const { train = none, validation = none, perClass = 0 } = row ?? {};
    return {
      ...key,
      ...shared.get(key.model)!,
      classes,
      labels,
      train,
      validation,
      test: plan.test,
      perClass,
      knnVote,
      knnIndex,
    };
  };
}

/**
 * Computes every row that is not stored yet and hands each over as it is done. A row whose fit fails is left out with its
 * reason; the others go on. The numbers depend on the input and the seed alone, not on the threads.
 */
export async function runGrid(input: GridInput, hooks: GridHooks): Promise<GridResult> {
  hooks.signal?.throwIfAborted();
  check(input);
  const used = usedSplit(input);
  const plan = planDraw({ classes: input.classes, labels: input.labels, split: used, shots: input.shots });
  const learning = input.methods.length === 0 || input.methods.some((id) => METHODS[id].learns);
  const omitted: Omission[] = learning ? [...plan.omitted] : [];
  const keys = planRows(input, learning ? plan.shots : [], omitted);
  const open = keys.filter((key) => !hooks.has?.(key));
  let done = keys.length - open.length;
  hooks.onProgress?.(done, keys.length);
  if (open.length === 0) return { omitted, expected: keys.length };

  const taskOf = await taskMaker(input, plan, used);
  hooks.signal?.throwIfAborted();
  const threads = Math.min(input.threads || availableParallelism(), open.length);
  const pool = workerPool('fit-worker', threads);
  const options = { name: 'fit', ...(hooks.signal ? { signal: hooks.signal } : {}) };
  let next = 0;
  /** The row, or null where its fit failed: the reason is noted and the others go on. */
  const attempt = async (key: RowKey): Promise<GridRow | null> => {
    try {
      return (await pool.run(taskOf(key), options)) as GridRow;
    } catch (error) {
      const { seed, ...rest } = key;
      omitted.push({
        ...rest,
        ...(seed === null ? {} : { seed }),
        reason: error instanceof Error ? error.message : String(error),
      });
      return null;
    } finally {
      hooks.signal?.throwIfAborted();
    }
  };
  const work = async () => {
    while (next < open.length) {
      const key = open[next++]!;
      const row = await attempt(key);
      if (row) hooks.onRow(row);
      hooks.onProgress?.(++done, keys.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, work));
  } finally {
    next = open.length;
    await pool.destroy();
  }
  return { omitted, expected: keys.length };
}
