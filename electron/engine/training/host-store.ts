// A run's numbers in shared memory: the runtime reads weights from it and writes gradients to it, and the optimizer's threads
// pass over the same memory in place.
import { availableParallelism } from 'node:os';
import type { Tensor } from 'onnxruntime-node';
import { createOptimizer, type OptimizerSettings } from './optimizer.ts';
import type { TrainedTensor } from './plan.ts';
import { type ArrayName, createSlabs, viewOf } from './slab.ts';
import { STORED, type Store } from './store.ts';

export type HostStoreOptions = {
  optimizer: OptimizerSettings;
  threads: number;
  /** What the moving average of the weights keeps of itself each step; 0: none is kept. */
  average: number;
  /** Micro-batches that make up one step. */
  parts: number;
  /** The file that serves the optimizer's passes (workers/optimizer). */
  threadFile: URL;
};

/** Copies the tensors and lets them go. Throws RangeError when the memory is not to be had. */
export function createHostStore(
  runtime: typeof import('onnxruntime-node'),
  tensors: readonly TrainedTensor[],
  options: HostStoreOptions,
): Store {
  const slabs = createSlabs(tensors, {
    moments: options.optimizer.kind === 'adamw' ? 2 : 1,
    average: options.average > 0,
    sum: options.parts > 1,
  });
  const places = new Map(
    slabs.flatMap((slab) => slab.tensors.map((tensor) => [tensor.name, { slab, tensor }] as const)),
  );
  const view = (name: string, array: ArrayName) => {
    const { slab, tensor } = places.get(name)!;
    return viewOf(slab, tensor, array);
  };
  const asTensor = (name: string, array: ArrayName): Tensor =>
    new runtime.Tensor('float32', view(name, array), places.get(name)!.tensor.shape);
  for (const { name, data } of tensors) {
    view(name, 'weights').set(data);
    if (options.average > 0) view(name, 'average').set(data);
  }
  const rules = new Map(tensors.map(({ name, decay, rate = 1 }) => [name, { decay, rate }]));
  const names = tensors.map(({ name }) => name);
  const bounded = tensors.flatMap(({ name, most }) => (most === undefined ? [] : [{ name, most }]));
  // its passes wait for memory: more threads than cores would only take memory of their own
  const threads = Math.min(options.threads, availableParallelism());
  const optimizer = createOptimizer(slabs, rules, options.optimizer, { ...options, threads });
  return {
    gradientsAt: 'cpu',
    fetches: (gradients) =>
      Object.fromEntries([...gradients].map(([name, output]) => [output, asTensor(name, 'gradients')])),
    place: async (frozen) => frozen,
    feeds: (array) => names.map((name) => [name, asTensor(name, array)] as const),
    async collect(_, part, parts) {
      if (parts > 1) optimizer.accumulate(part === 0);
    },
    async update(step) {
      const norm = optimizer.step(step);
      for (const { name, most } of bounded) {
        const weights = view(name, 'weights');
        for (let i = 0; i < weights.length; i++) weights[i] = Math.min(weights[i]!, most);
      }
      return norm;
    },
    arrays: STORED.filter((array) => slabs.every((slab) => slab.arrays[array] !== null)),
    read: async (array, names) => new Map([...names].map((name) => [name, view(name, array)])),
    async write(array, values) {
      for (const [name, data] of values) view(name, array).set(data);
    },
    close: () => optimizer.close(),
  };
}
