// Where weights, gradients and moments live: shared memories of up to 3 GiB that the runtime reads and writes in place and that
// the optimizer's threads pass over. Within a slab every kind of array has the same layout.
import type { Shape } from './graph.ts';
import { sizeOf } from './shape.ts';

const PAGE = 65536;
const LIMIT = 3 * 2 ** 30;
/** Bytes of a tensor's table of constants, and of a thread's scratch. */
const TABLE = 64;
/** An optimizer's: each has its scratch. */
export const MAX_THREADS = 64;
const ALIGN = 64;

export type SlabTensor = {
  name: string;
  shape: Shape;
  /** Byte offset within each array of the slab. */
  offset: number;
  /** Bytes, padded to whole vectors. */
  bytes: number;
  /** Byte address of its 16 constants. */
  table: number;
};
export type Slab = {
  memory: WebAssembly.Memory;
  tensors: SlabTensor[];
  /** Byte address of a few floats for each thread. */
  scratch: number;
  /** Byte address at which each array begins. */
  arrays: {
    weights: number;
    gradients: number;
    first: number;
    second: number | null;
    average: number | null;
    sum: number | null;
  };
  bytes: number;
};
export type ArrayName = keyof Slab['arrays'];

export type SlabOptions = {
  /** AdamW keeps two moments, SGD one. */
  moments: 1 | 2;
  /** An exponential moving average of the weights. */
  average: boolean;
  /** A second array of gradients, to add up micro-batches in. */
  sum: boolean;
};

const up = (n: number, to: number) => Math.ceil(n / to) * to;

/** Throws RangeError when the machine cannot give that much memory. */
export function createSlabs(tensors: readonly { name: string; shape: Shape }[], options: SlabOptions): Slab[] {
  const names: ArrayName[] = ['weights', 'gradients', 'first'];
  if (options.moments === 2) names.push('second');
  if (options.average) names.push('average');
  if (options.sum) names.push('sum');
  const groups: { name: string; shape: Shape }[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    const bytes = up(sizeOf(tensor.shape) * 4, ALIGN) * names.length + TABLE;
    if (bytes > LIMIT)
      throw new RangeError(
        `${tensor.name} [${tensor.shape}] is too large to train here: it needs ${bytes} bytes in one piece.`,
      );
    if (groups.length === 0 || room < bytes) {
      groups.push([]);
      room = LIMIT;
    }
    groups.at(-1)!.push(tensor);
    room -= bytes;
  }
  return groups.map((group) => createSlab(group, names));
}

function createSlab(group: readonly { name: string; shape: Shape }[], names: readonly ArrayName[]): Slab {
  const head = up((group.length + MAX_THREADS) * TABLE, PAGE);
  let offset = 0;
  const tensors = group.map(({ name, shape }, i): SlabTensor => {
    const bytes = up(sizeOf(shape) * 4, 16);
    const tensor = { name, shape, offset, bytes, table: i * TABLE };
    offset += up(bytes, ALIGN);
    return tensor;
  });
  const total = head + names.length * up(offset, PAGE);
  const pages = Math.ceil(total / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
  const begin = (name: ArrayName) => (names.includes(name) ? head + names.indexOf(name) * up(offset, PAGE) : null);
  return {
    memory,
    tensors,
    scratch: group.length * TABLE,
    bytes: offset,
    arrays: {
      weights: begin('weights')!,
      gradients: begin('gradients')!,
      first: begin('first')!,
      second: begin('second'),
      average: begin('average'),
      sum: begin('sum'),
    },
  };
}

/** A tensor's floats in one of the arrays: a view, no copy. */
export function viewOf(slab: Slab, tensor: SlabTensor, array: ArrayName): Float32Array {
  const begin = slab.arrays[array];
  if (begin === null) throw new Error(`This run keeps no ${array}.`);
  return new Float32Array(slab.memory.buffer, begin + tensor.offset, sizeOf(tensor.shape));
}
