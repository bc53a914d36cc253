// AdamW and SGD as one pass over memory, shared by threads; with it clipping by the global norm, the sum over micro-batches and
// the moving average of the weights.
import { Worker } from 'node:worker_threads';
import {
  AVERAGE_AT,
  CONTROL,
  controlBytes,
  PASSES,
  type Pass,
  type Piece,
  runPass,
  SUMS,
  type ThreadData,
} from './passes.ts';
import { MAX_THREADS, type Slab } from './slab.ts';

export type OptimizerSettings =
  | { kind: 'adamw'; beta1?: number; beta2?: number; epsilon?: number; weightDecay?: number }
  | { kind: 'sgd'; momentum?: number; weightDecay?: number };

/** What a tensor has of its own: whether its weights decay, and its share of the run's learning rate. */
export type TensorRule = { decay: boolean; rate: number };

export type StepOptions = {
  /** Counts from 1. */
  step: number;
  lr: number;
  /** Largest L2 norm of all gradients together; 0: no clipping. */
  clip: number;
  /** How many micro-batches were added up; 1: the gradients as they are. */
  parts: number;
  /** What the moving average keeps of itself; 0: there is none. */
  average: number;
};

export type Optimizer = {
  /** Adds the gradients to the sum over micro-batches; `first` begins a new sum. */
  accumulate(first: boolean): void;
  /** One update. Returns the L2 norm of the gradients before clipping (0 when clipping is off). */
  step(options: StepOptions): number;
  close(): Promise<void>;
};

/** PyTorch's defaults. */
const ADAMW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
const SGD = { momentum: 0, weightDecay: 0 };

/** Cuts the tensors into as many shares of about equal size as there are threads. */
function shares(slabs: readonly Slab[], threads: number): Piece[][] {
  const total = slabs.reduce((sum, slab) => sum + slab.tensors.reduce((s, t) => s + t.bytes, 0), 0);
  const each = Math.ceil(total / threads / 64) * 64;
  const out: Piece[][] = Array.from({ length: threads }, () => []);
  let filled = 0;
  for (const [slab, { tensors }] of slabs.entries())
    for (const { offset, bytes, table } of tensors)
      for (let done = 0; done < bytes; ) {
        const thread = Math.min(threads - 1, Math.floor(filled / each));
        const room = thread === threads - 1 ? bytes : (thread + 1) * each - filled;
        const take = Math.min(room, bytes - done);
        out[thread]!.push({ slab, from: offset + done, bytes: take, table });
        done += take;
        filled += take;
      }
  return out;
}

/**
 * `threadFile`: the file that calls `servePasses(workerData)`. The calling thread does a share itself and blocks while the
 * others finish, so it should not be one that answers people.
 */
export function createOptimizer(
  slabs: Slab[],
  rules: ReadonlyMap<string, TensorRule>,
  settings: OptimizerSettings,
  { threads, threadFile }: { threads: number; threadFile: URL },
): Optimizer {
  const work = shares(slabs, Math.min(threads, MAX_THREADS));
  const control = new SharedArrayBuffer(controlBytes(work.length));
  const flags = new Int32Array(control, 0, 16);
  const sums = new Float64Array(control, SUMS);
  const dataOf = (index: number): ThreadData => ({ slabs, pieces: work[index]!, control, index });
  const workers = work.slice(1).map((_, i) => {
    const worker = new Worker(threadFile, { workerData: dataOf(i + 1) });
    worker.unref();
    return worker;
  });
  const own = dataOf(0);

  function run(pass: Pass, summed: boolean): number {
    flags[CONTROL.pass] = PASSES.indexOf(pass);
    flags[CONTROL.summed] = summed ? 1 : 0;
    Atomics.store(flags, CONTROL.done, 0);
    Atomics.add(flags, CONTROL.generation, 1);
    Atomics.notify(flags, CONTROL.generation);
    let total = runPass(own, pass, summed);
    for (let done = Atomics.load(flags, CONTROL.done); done < workers.length; done = Atomics.load(flags, CONTROL.done))
      Atomics.wait(flags, CONTROL.done, done);
    for (let i = 1; i <= workers.length; i++) total += sums[i]!;
    return total;
  }

  const tableOf = (slab: Slab, at: number) => new Float32Array(slab.memory.buffer, at, 16);
  function constants({ step, lr, average }: StepOptions, scale: number): void {
    for (const slab of slabs)
      for (const { name, table } of slab.tensors) {
        const { decay, rate } = rules.get(name) ?? { decay: true, rate: 1 };
        const values =
          settings.kind === 'adamw'
            ? adamwTable(settings, step, lr * rate, decay)
            : sgdTable(settings, lr * rate, decay);
        const floats = tableOf(slab, table);
        floats.set([...values, scale]);
        floats[AVERAGE_AT / 4] = 1 - average;
      }
  }

  return {
    accumulate(first) {
      if (first)
        for (const { arrays, memory, bytes } of slabs) new Float32Array(memory.buffer, arrays.sum!, bytes / 4).fill(0);
      run('accumulate', false);
    },
    step(options) {
      const summed = options.parts > 1;
      const norm = options.clip > 0 ? Math.sqrt(run('squares', summed)) / options.parts : 0;
      const clipping = options.clip > 0 && norm > options.clip ? options.clip / (norm + 1e-6) : 1;
      constants(options, clipping / options.parts);
      run(settings.kind, summed);
      if (options.average > 0) run('average', false);
      return norm;
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** [keep, 1 - beta1, beta2, 1 - beta2, 1 / sqrt(1 - beta2^t), epsilon, lr / (1 - beta1^t)], as `kernels.ts` has them. */
export function adamwTable(
  settings: Extract<OptimizerSettings, { kind: 'adamw' }>,
  step: number,
  lr: number,
  decay: boolean,
): number[] {
  const { beta1, beta2, epsilon, weightDecay } = { ...ADAMW, ...settings };
  return [
    1 - lr * (decay ? weightDecay : 0),
    1 - beta1,
    beta2,
    1 - beta2,
    1 / Math.sqrt(1 - beta2 ** step),
    epsilon,
    lr / (1 - beta1 ** step),
  ];
}

/** [decay, momentum, lr]. */
export function sgdTable(settings: Extract<OptimizerSettings, { kind: 'sgd' }>, lr: number, decay: boolean): number[] {
  const { momentum, weightDecay } = { ...SGD, ...settings };
  return [decay ? weightDecay : 0, momentum, lr];
}
