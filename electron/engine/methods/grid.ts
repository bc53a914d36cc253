// The grid {models x methods x shots x seeds} of one comparison, computed in worker threads, row by row.
import type { MethodId, Omission, ResultRow, Shots } from '../../../shared/report.ts';

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
  methods: MethodId[];
  shots: Shots[];
  /** Seeds 0 .. seeds-1. */
  seeds: number;
  knnVote: 'similarity' | 'majority';
  knnIndex: 'auto' | 'exact' | 'hnsw';
  /** Worker threads; 0 or absent: as many as there are cores. */
  threads?: number;
};

export type RowKey = { method: MethodId; model: string; shots: Shots; seed: number | null };

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

/** Indices of the test items the predictions are aligned with, in order. */
export function testItems(input: Pick<GridInput, 'labels' | 'split' | 'models' | 'classes'>): Int32Array {
  return Int32Array.from(input.labels.keys()).filter(
    (i) => input.labels[i]! >= 0 && input.split[i] === 2 && input.models.every((m) => m.valid?.[i] !== 0),
  );
}

export async function runGrid(_input: GridInput, _hooks: GridHooks): Promise<GridResult> {
  throw new Error('not built yet');
}
