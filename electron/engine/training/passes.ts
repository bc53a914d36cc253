// What a thread of the optimizer does: passes over its pieces of the slabs.
import { type Kernels, kernelsOver } from './kernels.ts';
import type { ArrayName, Slab } from './slab.ts';

export type Pass = 'squares' | 'adamw' | 'sgd' | 'accumulate' | 'average';
export const PASSES: readonly Pass[] = ['squares', 'adamw', 'sgd', 'accumulate', 'average'];

/** A stretch of one tensor: `from` in bytes within each array of the slab, `table` the address of the tensor's constants. */
export type Piece = { slab: number; from: number; bytes: number; table: number };
export type ThreadData = { slabs: Slab[]; pieces: Piece[]; control: SharedArrayBuffer; index: number };

/** Int32 indices in `control`: the generation of the work, its pass, whether it reads the sum of gradients, threads done. */
export const CONTROL = { generation: 0, pass: 1, summed: 2, done: 3 } as const;
/** Byte offset in `control` of the threads' sums of squares, float64. */
export const SUMS = 64;
export const controlBytes = (threads: number) => SUMS + 8 * threads;

/** Byte offset of the moving average's constant within a tensor's table; the optimizer's come first. */
export const AVERAGE_AT = 48;
/** Floats are added up in stretches short enough for single precision. */
const STRETCH = 1 << 16;

const instances = new WeakMap<WebAssembly.Memory, Kernels>();
function kernelsOf(memory: WebAssembly.Memory): Kernels {
  const made = instances.get(memory) ?? kernelsOver(memory);
  instances.set(memory, made);
  return made;
}

/** Runs one pass over the pieces of thread `index`; returns the sum of squares where that was asked. */
export function runPass({ slabs, pieces, index }: ThreadData, pass: Pass, summed: boolean): number {
  let total = 0;
  for (const { slab, from, bytes, table } of pieces) {
    const { arrays, memory, scratch } = slabs[slab]!;
    const kernels = kernelsOf(memory);
    const at = (name: ArrayName) => arrays[name]! + from;
    const gradients = at(summed ? 'sum' : 'gradients');
    if (pass === 'adamw') kernels.adamw(at('weights'), gradients, at('first'), at('second'), table, bytes);
    else if (pass === 'sgd') kernels.sgd(at('weights'), gradients, at('first'), table, bytes);
    else if (pass === 'accumulate') kernels.accumulate(at('sum'), at('gradients'), bytes);
    else if (pass === 'average') kernels.blend(at('average'), at('weights'), table + AVERAGE_AT, bytes);
    else {
      const out = scratch + 64 * index;
      const parts = new Float32Array(memory.buffer, out, 4);
      for (let done = 0; done < bytes; done += STRETCH) {
        kernels.squares(gradients + done, Math.min(STRETCH, bytes - done), out);
        total += parts[0]! + parts[1]! + parts[2]! + parts[3]!;
      }
    }
  }
  return total;
}

/** The life of a helper thread: waits for work, does its share, says so. */
export function servePasses(data: ThreadData): never {
  const flags = new Int32Array(data.control, 0, 16);
  const sums = new Float64Array(data.control, SUMS);
  let seen = 0;
  for (;;) {
    Atomics.wait(flags, CONTROL.generation, seen);
    seen = Atomics.load(flags, CONTROL.generation);
    sums[data.index] = runPass(data, PASSES[flags[CONTROL.pass]!]!, flags[CONTROL.summed] === 1);
    Atomics.add(flags, CONTROL.done, 1);
    Atomics.notify(flags, CONTROL.done);
  }
}
