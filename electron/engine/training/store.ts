// Where a run's weights, gradients and moments live, and what updates them: in memory that the CPU shares with the runtime
// (host-store.ts), or on a GPU (device-store.ts).
import type { Tensor } from 'onnxruntime-node';
import type { StepOptions } from './optimizer.ts';
import type { ArrayName } from './slab.ts';

/** What a run needs to go on. */
export const STORED = ['weights', 'first', 'second', 'average'] as const satisfies readonly ArrayName[];
export type StoredArray = (typeof STORED)[number];

export type Store = {
  /** Where the graph of the gradients leaves them: tensors to write into, or null for new ones in `gradientsAt`. */
  fetches(gradients: ReadonlyMap<string, string>): Record<string, Tensor | null>;
  gradientsAt: 'cpu' | 'gpu-buffer';
  /** Frozen weights as graphs are best fed with them. */
  place(frozen: Tensor): Promise<Tensor>;
  /** The trained tensors as graphs are fed with them. */
  feeds(array: 'weights' | 'average'): Iterable<readonly [string, Tensor]>;
  /** Takes the gradients of a micro-batch: the only one of its step (`parts` 1), or the first or a later one of several. */
  collect(gradients: ReadonlyMap<string, Tensor>, part: number, parts: number): Promise<void>;
  /** One update from what was collected. The L2 norm of the gradients before clipping, 0 when clipping is off. */
  update(options: StepOptions): Promise<number>;
  /** The arrays of `STORED` that this run has. */
  arrays: readonly StoredArray[];
  /** Views where the numbers are in memory, else copies. */
  read(array: StoredArray, names: Iterable<string>): Promise<Map<string, Float32Array>>;
  /** Puts other numbers in their place; every name must be a trained tensor's. */
  write(array: StoredArray, values: ReadonlyMap<string, Float32Array>): Promise<void>;
  close(): Promise<void>;
};
