// One training run's state and its step: the runtime gives loss and gradients, and the store, which holds the numbers, updates them.
// Runs are synchronous inside: keep it off a thread that answers people.
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { createDeviceStore } from './device-store.ts';
import { createHostStore, type HostStoreOptions } from './host-store.ts';
import { placeOf } from './onnx/write.ts';
import type { GraphFile, TrainingPlan } from './plan.ts';
import { TrainingError } from './rule.ts';
import type { Store, StoredArray } from './store.ts';

export type Feeds = Readonly<Record<string, Float32Array | BigInt64Array | Int32Array | Uint8Array>>;

export type TrainerOptions = HostStoreOptions & {
  /** An execution provider; the CPU takes what it cannot run. */
  device: string;
  /** Whether weights stay on the device and the update is a graph there; left out: with WebGPU. */
  onDevice?: boolean;
};

export type StepResult = {
  /** Mean over the micro-batches, nats. */
  loss: number;
  /** L2 norm of all gradients before clipping; 0 when clipping is off. */
  norm: number;
  /** Milliseconds in the runtime, and in the optimizer. */
  graphMs: number;
  optimizerMs: number;
};

/** Everything a run needs to go on: arrays in the order of the plan's tensors. */
export type TrainerState = { step: number; arrays: Partial<Record<StoredArray, ReadonlyMap<string, Float32Array>>> };

export type Trainer = {
  /** One update from `parts` micro-batches. Throws `TrainingError` when the loss is no number. */
  step(batches: readonly Feeds[], options: { lr: number; clip?: number }): Promise<StepResult>;
  /** The outputs with the weights as they are, or with their moving average. */
  forward(feeds: Feeds, weights?: 'weights' | 'average'): Promise<Record<string, Float32Array>>;
  /** The same for the outputs of the plan's part aside. */
  forwardAside(feeds: Feeds, weights?: 'weights' | 'average'): Promise<Record<string, Float32Array>>;
  /** What comes before everything trained, where the plan has such a part: a batch that holds its results already skips it. */
  prefix: ((feeds: Feeds) => Promise<Record<string, Float32Array>>) | null;
  /** The trained tensors as they are, or those named: views where they are in memory, else copies. */
  tensors(array?: 'weights' | 'average', names?: readonly string[]): Promise<Map<string, Float32Array>>;
  /** Puts other weights in their place. */
  replace(weights: ReadonlyMap<string, Float32Array>): Promise<void>;
  /** Updates made so far. */
  steps(): number;
  /** All that must be stored, maybe as views: copy before the next step. */
  state(): Promise<TrainerState>;
  /** Throws, and changes nothing, where the state is not of the same tensors. */
  restore(state: TrainerState): Promise<void>;
  close(): Promise<void>;
};

/**
 * Copies the plan's tensors and keeps nothing else of the plan, so that its data can be collected; frozen tensors that a graph
 * is fed are read where they lie. Throws when the runtime refuses the graph, or the memory is not to be had.
 */
export async function createTrainer(plan: TrainingPlan, options: TrainerOptions): Promise<Trainer> {
  const runtime = (await import('onnxruntime-node')).default;
  const { training, loss: lossName, gradients } = plan;
  const files = { prefix: plan.prefix, forward: plan.forward, aside: plan.aside };
  const store = await openStore(runtime, plan, options);
  const outputs = [...gradients.values()];
  const session = await open(runtime, training, plan.frozen, options, store.gradientsAt === 'cpu' ? [] : outputs);
  /** The last two are opened when they are first needed. */
  const sessions: Partial<Record<keyof typeof files, InferenceSession>> = {};
  if (files.prefix) sessions.prefix = await open(runtime, files.prefix, plan.frozen, options);
  const tensor = (data: Feeds[string] | Float32Array, shape: readonly number[], type: string): Tensor =>
    new runtime.Tensor(type as 'float32', data as Float32Array, shape);
  const frozen = new Map<string, Tensor>();
  for (const { name, shape } of [training, files.forward, files.aside].flatMap((file) => file?.fed ?? []))
    if (!frozen.has(name)) frozen.set(name, await store.place(tensor(plan.frozen.get(name)!, shape, 'float32')));
  const weightsOf = (array: 'weights' | 'average') => new Map([...frozen, ...store.feeds(array)]);
  const fetches = { ...store.fetches(gradients), [lossName]: null };
  const names = plan.tensors.map(({ name }) => name);
  const sizes = new Map(plan.tensors.map(({ name, data }) => [name, data.length]));
  let done = 0;

  const feedsOf = ({ data }: GraphFile, given: Feeds, from: ReadonlyMap<string, Tensor>, names: readonly string[]) => {
    const feeds: Record<string, Tensor> = {};
    for (const name of names) {
      const weight = from.get(name);
      const input = data.find((value) => value.name === name);
      if (weight) feeds[name] = weight;
      else if (input && given[name]) feeds[name] = tensor(given[name], input.shape, input.dtype);
      else throw new Error(`The step was not fed ${name}.`);
    }
    return feeds;
  };

  async function runOther(which: keyof typeof files, given: Feeds, from: 'weights' | 'average') {
    const file = files[which];
    if (!file) throw new Error(`The plan has no ${which}.`);
    const opened = sessions[which] ?? (await open(runtime, file, NONE, options));
    sessions[which] = opened;
    const out = await opened.run(feedsOf(file, given, weightsOf(from), opened.inputNames));
    return Object.fromEntries(file.outputs.map(({ name }) => [name, out[name]!.data as Float32Array]));
  }
  const withPrefix = async (given: Feeds): Promise<Feeds> =>
    files.prefix?.outputs.some(({ name }) => !given[name])
      ? { ...given, ...(await runOther('prefix', given, 'weights')) }
      : given;

  return {
    async step(batches, { lr, clip = 0 }) {
      const started = performance.now();
      let loss = 0;
      let summing = 0;
      for (const [i, batch] of batches.entries()) {
        const feeds = feedsOf(training, await withPrefix(batch), weightsOf('weights'), session.inputNames);
        const out = await session.run(feeds, fetches as Record<string, Tensor>);
        loss += Number(out[lossName]!.data[0]) / batches.length;
        const before = performance.now();
        const made = new Map([...gradients].map(([name, output]) => [name, out[output]!]));
        await store.collect(made, i, batches.length);
        summing += performance.now() - before;
      }
      if (!Number.isFinite(loss))
        throw new TrainingError(
          `The loss became ${loss} at step ${done + 1}: the weights ran away. Use a smaller learning rate (it was ${lr}), or clip the gradients.`,
        );
      const middle = performance.now();
      const { average } = options;
      const norm = await store.update({ step: ++done, lr, clip, parts: batches.length, average });
      const end = performance.now();
      return { loss, norm, graphMs: middle - started - summing, optimizerMs: end - middle + summing };
    },
    forward: async (feeds, from = 'weights') => runOther('forward', await withPrefix(feeds), from),
    forwardAside: (feeds, from = 'weights') => runOther('aside', feeds, from),
    prefix: files.prefix && ((feeds) => runOther('prefix', feeds, 'weights')),
    tensors: (array = 'weights', only = names) => store.read(array, only),
    replace: (weights) => store.write('weights', weights),
    steps: () => done,
    async state() {
      const arrays: TrainerState['arrays'] = {};
      for (const array of store.arrays) arrays[array] = await store.read(array, names);
      return { step: done, arrays };
    },
    async restore(state) {
      for (const array of store.arrays)
        for (const [name, size] of sizes) {
          const stored = state.arrays[array]?.get(name)?.length;
          if (stored !== size) throw new Error(`${array} of ${name}: ${stored ?? 'no'} numbers where ${size} belong.`);
        }
      for (const array of store.arrays) {
        const stored = state.arrays[array]!;
        await store.write(array, new Map(names.map((name) => [name, stored.get(name)!])));
      }
      done = state.step;
    },
    async close() {
      await store.close();
      if (store.gradientsAt !== 'cpu') for (const placed of frozen.values()) placed.dispose();
      await session.release();
      for (const opened of Object.values(sessions)) await opened.release();
    },
  };
}

const NONE: TrainingPlan['frozen'] = new Map();

/** `frozen`: has the weights that the file holds; the runtime makes its own of them. `stay`: outputs left on the device. */
const open = (
  runtime: typeof import('onnxruntime-node'),
  { bytes, holds }: Pick<GraphFile, 'bytes' | 'holds'>,
  frozen: TrainingPlan['frozen'],
  { device, threads }: Pick<TrainerOptions, 'device' | 'threads'>,
  stay: readonly string[] = [],
): Promise<InferenceSession> =>
  runtime.InferenceSession.create(bytes, {
    ...(stay.length > 0 ? { preferredOutputLocation: Object.fromEntries(stay.map((y) => [y, 'gpu-buffer'])) } : {}),
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // the pattern is one block beside the arena that the first run filled: 1.9 GB instead of 1.1 for ViT-B/32, no faster
    enableMemPattern: false,
    logSeverityLevel: 3,
    externalData: holds.map((name) => ({ path: placeOf(name), data: asBytes(frozen.get(name)!) })),
  });

const asBytes = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);

function openStore(
  runtime: typeof import('onnxruntime-node'),
  plan: TrainingPlan,
  options: TrainerOptions,
): Promise<Store> | Store {
  const { device, onDevice = device === 'webgpu' } = options;
  if (!onDevice) return createHostStore(runtime, plan.tensors, options);
  const at = device === 'webgpu' ? 'gpu-buffer' : 'cpu';
  return createDeviceStore(runtime, plan.tensors, {
    ...options,
    at,
    open: (bytes, stay) => open(runtime, { bytes, holds: [] }, NONE, options, at === 'cpu' ? [] : stay),
  });
}
