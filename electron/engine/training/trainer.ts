// One training run's state and its step: the runtime reads weights from and writes gradients to shared memory, and the optimizer
// passes over the same memory in place. Runs are synchronous inside: keep it off a thread that answers people.
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { placeOf } from './onnx/write.ts';
import { createOptimizer, type OptimizerSettings } from './optimizer.ts';
import type { GraphFile, TrainingPlan } from './plan.ts';
import { TrainingError } from './rule.ts';
import { type ArrayName, createSlabs, viewOf } from './slab.ts';

export type Feeds = Readonly<Record<string, Float32Array | BigInt64Array | Int32Array | Uint8Array>>;

export type TrainerOptions = {
  optimizer: OptimizerSettings;
  threads: number;
  /** An execution provider; the CPU takes what it cannot run. */
  device: string;
  /** What the moving average of the weights keeps of itself each step; 0: none is kept. */
  average: number;
  /** Micro-batches that make up one step. */
  parts: number;
  /** The file that serves the optimizer's passes (workers/optimizer). */
  threadFile: URL;
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
export type TrainerState = { step: number; arrays: Partial<Record<ArrayName, ReadonlyMap<string, Float32Array>>> };

export type Trainer = {
  /** One update from `parts` micro-batches. Throws `TrainingError` when the loss is no number. */
  step(batches: readonly Feeds[], options: { lr: number; clip?: number }): Promise<StepResult>;
  /** The outputs with the weights as they are, or with their moving average. */
  forward(feeds: Feeds, weights?: 'weights' | 'average'): Promise<Record<string, Float32Array>>;
  /** The same for the outputs of the plan's part aside. */
  forwardAside(feeds: Feeds, weights?: 'weights' | 'average'): Promise<Record<string, Float32Array>>;
  /** What comes before everything trained, where the plan has such a part: a batch that holds its results already skips it. */
  prefix: ((feeds: Feeds) => Promise<Record<string, Float32Array>>) | null;
  /** The trained tensors as they are: views, no copies. */
  tensors(array?: 'weights' | 'average'): Map<string, Float32Array>;
  /** Views of all that must be stored; copy before the next step. */
  state(): TrainerState;
  /** Throws, and changes nothing, where the state is not of the same tensors. */
  restore(state: TrainerState): void;
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
  const { all, slabs, optimizer } = fill(plan, options);
  const session = await open(runtime, training, plan.frozen, options);
  /** The last two are opened when they are first needed. */
  const sessions: Partial<Record<keyof typeof files, InferenceSession>> = {};
  if (files.prefix) sessions.prefix = await open(runtime, files.prefix, plan.frozen, options);
  const tensor = (data: Feeds[string] | Float32Array, shape: readonly number[], type: string): Tensor =>
    new runtime.Tensor(type as 'float32', data as Float32Array, shape);
  const asTensors = (array: 'weights' | 'gradients' | 'average') =>
    new Map(all.map(({ slab, tensor: t }) => [t.name, tensor(viewOf(slab, t, array), t.shape, 'float32')]));
  const views = (array: ArrayName) =>
    new Map(all.map(({ slab, tensor: t }) => [t.name, viewOf(slab, t, array)] as const));
  const fed = [training, files.forward, files.aside].flatMap((file) => file?.fed ?? []);
  const frozen = fed.map(({ name, shape }) => [name, tensor(plan.frozen.get(name)!, shape, 'float32')] as const);
  const weightTensors = new Map([...frozen, ...asTensors('weights')]);
  const fetches: Record<string, Tensor | null> = Object.fromEntries(
    [...asTensors('gradients')].map(([name, view]) => [gradients.get(name)!, view]),
  );
  fetches[lossName] = null;
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
    const tensors = from === 'weights' ? weightTensors : new Map([...frozen, ...asTensors('average')]);
    const out = await opened.run(feedsOf(file, given, tensors, opened.inputNames));
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
        const feeds = feedsOf(training, await withPrefix(batch), weightTensors, session.inputNames);
        const out = await session.run(feeds, fetches as Record<string, Tensor>);
        loss += Number(out[lossName]!.data[0]) / batches.length;
        const before = performance.now();
        if (batches.length > 1) optimizer.accumulate(i === 0);
        summing += performance.now() - before;
      }
      if (!Number.isFinite(loss))
        throw new TrainingError(
          `The loss became ${loss} at step ${done + 1}: the weights ran away. Use a smaller learning rate (it was ${lr}), or clip the gradients.`,
        );
      const middle = performance.now();
      const norm = optimizer.step({ step: ++done, lr, clip, parts: batches.length, average: options.average });
      const end = performance.now();
      return { loss, norm, graphMs: middle - started - summing, optimizerMs: end - middle + summing };
    },
    forward: async (feeds, from = 'weights') => runOther('forward', await withPrefix(feeds), from),
    forwardAside: (feeds, from = 'weights') => runOther('aside', feeds, from),
    prefix: files.prefix && ((feeds) => runOther('prefix', feeds, 'weights')),
    tensors: (array = 'weights') => views(array),
    state: () => ({
      step: done,
      arrays: Object.fromEntries(
        (['weights', 'first', 'second', 'average'] as const)
          .filter((array) => slabs.every((slab) => slab.arrays[array] !== null))
          .map((array) => [array, views(array)]),
      ),
    }),
    restore(state) {
      const arrays = Object.entries(state.arrays) as [ArrayName, ReadonlyMap<string, Float32Array>][];
      for (const [array, stored] of arrays)
        for (const [name, view] of views(array))
          if (stored.get(name)?.length !== view.length)
            throw new Error(
              `${array} of ${name}: ${stored.get(name)?.length ?? 'no'} numbers where ${view.length} belong.`,
            );
      for (const [array, stored] of arrays) for (const [name, view] of views(array)) view.set(stored.get(name)!);
      done = state.step;
    },
    async close() {
      await optimizer.close();
      await session.release();
      for (const opened of Object.values(sessions)) await opened.release();
    },
  };
}

const NONE: TrainingPlan['frozen'] = new Map();

/** `frozen`: has the weights that the file holds; the runtime makes its own of them. */
const open = (
  runtime: typeof import('onnxruntime-node'),
  { bytes, holds }: GraphFile,
  frozen: TrainingPlan['frozen'],
  { device, threads }: TrainerOptions,
): Promise<InferenceSession> =>
  runtime.InferenceSession.create(bytes, {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // the pattern is one block beside the arena that the first run filled: 1.9 GB instead of 1.1 for ViT-B/32, no faster
    enableMemPattern: false,
    logSeverityLevel: 3,
    externalData: holds.map((name) => ({ path: placeOf(name), data: asBytes(frozen.get(name)!) })),
  });

const asBytes = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);

/** The shared memory with the plan's numbers in it, and the optimizer over it. */
function fill(plan: TrainingPlan, options: TrainerOptions) {
  const slabs = createSlabs(plan.tensors, {
    moments: options.optimizer.kind === 'adamw' ? 2 : 1,
    average: options.average > 0,
    sum: options.parts > 1,
  });
  const all = slabs.flatMap((slab) => slab.tensors.map((tensor) => ({ slab, tensor })));
  const places = new Map(all.map((place) => [place.tensor.name, place]));
  for (const { name, data } of plan.tensors) {
    const { slab, tensor } = places.get(name)!;
    viewOf(slab, tensor, 'weights').set(data);
    if (options.average > 0) viewOf(slab, tensor, 'average').set(data);
  }
  const rules = new Map(plan.tensors.map(({ name, decay, rate = 1 }) => [name, { decay, rate }]));
  return { all, slabs, optimizer: createOptimizer(slabs, rules, options.optimizer, options) };
}
