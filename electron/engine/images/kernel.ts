// The inner loops of the resize as WebAssembly SIMD, assembled here byte by byte: no toolchain, no binary to trust.
// Plain typed arrays take eight times as long or more (tests/bench/images.ts measures it); both give the same bits.
//
// A weighted sum of bytes with 32-bit weights c is done with 16-bit multiply-adds (i32x4.dot_i16x8_s), two taps at a time:
// c = hi * 2^LOW_BITS + lo, so sum(c * p) = (sum(hi * p) << LOW_BITS) + sum(lo * p), exactly, modulo 2^32.

/** Weights are fixed-point numbers with this many fraction bits, as in Pillow's Resample.c. */
export const PRECISION_BITS = 32 - 8 - 2;
/** Where a weight is cut in two. */
export const LOW_BITS = 11;

export type Kernel = {
  memory: WebAssembly.Memory;
  /**
   * One row of RGB pixels at `src` to `count` RGB pixels at `dst`. `table` holds for each output pixel the byte offset of its first
   * input pixel, then `pairs` (even) pairs of taps, each as (hi, hi) and (lo, lo) of 16 bits. Reads up to 16 and writes 1 byte beyond.
   */
  row(src: number, dst: number, table: number, count: number, pairs: number): void;
  /**
   * 16 x `blocks` bytes at `dst` from 2 x `pairs` rows of `stride` bytes at `src`; `table` holds the pairs of taps. Writes whole blocks.
   */
  column(src: number, stride: number, dst: number, table: number, blocks: number, pairs: number): void;
  /**
   * 4 x `groups` RGB pixels at `src` to three planes of floats at `dst`, 16 x `groups` bytes each: what `table` (3 x 256 floats)
   * has for each byte.
   */
  planes(src: number, dst: number, table: number, groups: number): void;
};

const I32 = 0x7f;
const V128 = 0x7b;

const uleb = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...uleb(value >>> 7)]);
const sleb = (value: number): number[] => {
  const low = value & 0x7f;
  const rest = value >> 7;
  return (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40) ? [low] : [low | 0x80, ...sleb(rest)];
};
const vec = (items: number[][]) => [...uleb(items.length), ...items.flat()];
const section = (id: number, body: number[]) => [id, ...uleb(body.length), ...body];

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const tee = (local: number) => [0x22, local];
const i32 = (value: number) => [0x41, ...sleb(value)];
const ADD = [0x6a];
const SUB = [0x6b];
const MUL = [0x6c];
const loop = (...body: number[][]) => [0x03, 0x40, ...body.flat(), 0x0b];
/** Repeats the innermost loop while the number on the stack is not 0. */
const AGAIN = [0x0d, 0];
/** local += amount */
const advance = (local: number, amount: number[]) => [...get(local), ...amount, ...ADD, ...set(local)];
/** local -= 1, leaving the new value on the stack */
const countDown = (local: number) => [...get(local), ...i32(1), ...SUB, ...tee(local)];

const simd = (op: number, ...immediates: number[]) => [0xfd, ...uleb(op), ...immediates];
/** Unaligned access at a constant offset. */
const at = (offset: number) => [0, ...uleb(offset)];
const load = (offset = 0) => simd(0x00, ...at(offset));
const loadSplat32 = (offset: number) => simd(0x09, ...at(offset));
const store = simd(0x0b, ...at(0));
const load32Zero = (offset: number) => simd(0x5c, ...at(offset));
const load32Lane = (offset: number, lane: number) => simd(0x56, ...at(offset), lane);
const storeLane32 = simd(0x5a, ...at(0), 0);
const constant = (bytes: number[]) => simd(0x0c, ...bytes);
const shuffle = (lanes: number[]) => simd(0x0d, ...lanes);
const SWIZZLE = simd(0x0e);
const SPLAT = simd(0x11);
const NARROW_U8 = simd(0x66);
const NARROW_I16 = simd(0x85);
const EXTEND_LOW = simd(0x89);
const EXTEND_HIGH = simd(0x8a);
const SHIFT_LEFT = simd(0xab);
const SHIFT_RIGHT = simd(0xac);
const ADD_I32X4 = simd(0xae);
const DOT = simd(0xba);

const ZERO = constant(new Array(16).fill(0));
const NONE = 0xff; // swizzle: a lane of 0
/** Pixels 0 and 1 (of four RGB pixels) as 16-bit pairs: r0 r1, g0 g1, b0 b1, 0 0. */
const FIRST_TWO = constant([0, NONE, 3, NONE, 1, NONE, 4, NONE, 2, NONE, 5, NONE, NONE, NONE, NONE, NONE]);
/** Pixels 2 and 3. */
const LAST_TWO = constant([6, NONE, 9, NONE, 7, NONE, 10, NONE, 8, NONE, 11, NONE, NONE, NONE, NONE, NONE]);
const INTERLEAVE_LOW = shuffle([0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23]);
const INTERLEAVE_HIGH = shuffle([8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31]);

/** (hi << LOW_BITS) + lo + a half, >> PRECISION_BITS: four sums as 32-bit integers on the stack. */
const finish = (hi: number, lo: number) => [
  ...[...get(hi), ...i32(LOW_BITS), ...SHIFT_LEFT, ...get(lo), ...ADD_I32X4],
  ...[...i32(1 << (PRECISION_BITS - 1)), ...SPLAT, ...ADD_I32X4, ...i32(PRECISION_BITS), ...SHIFT_RIGHT],
];
/** accumulator += dot(pixels, weights at `table` + offset) */
const accumulate = (accumulator: number, pixels: number, table: number, offset: number) => [
  ...[
    ...get(accumulator),
    ...get(pixels),
    ...get(table),
    ...loadSplat32(offset),
    ...DOT,
    ...ADD_I32X4,
    ...set(accumulator),
  ],
];

function rowBody(): number[] {
  const [src, dst, table, count, pairs, from, left, hi, lo, quad, two] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as const;
  const taps = loop(
    [...get(from), ...load(), ...tee(quad), ...FIRST_TWO, ...SWIZZLE, ...set(two)],
    accumulate(hi, two, table, 0),
    accumulate(lo, two, table, 4),
    [...get(quad), ...LAST_TWO, ...SWIZZLE, ...set(two)],
    accumulate(hi, two, table, 8),
    accumulate(lo, two, table, 12),
    advance(from, i32(12)),
    advance(table, i32(16)),
    [...get(left), ...i32(2), ...SUB, ...tee(left), ...AGAIN],
  );
  const pixels = loop(
    [...get(src), ...get(table), 0x28, ...at(0), ...ADD, ...set(from)], // i32.load
    advance(table, i32(4)),
    [...get(pairs), ...set(left), ...ZERO, ...set(hi), ...ZERO, ...set(lo)],
    taps,
    [...get(dst), ...finish(hi, lo), ...ZERO, ...NARROW_I16, ...ZERO, ...NARROW_U8, ...storeLane32],
    advance(dst, i32(3)),
    [...countDown(count), ...AGAIN],
  );
  return func([2, I32], [4, V128], pixels);
}

function columnBody(): number[] {
  const [src, stride, dst, table, blocks, pairs, from, left, weights] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
  const [above, below, mixed, four] = [9, 10, 11, 12] as const;
  const [hi, lo] = [
    [13, 14, 15, 16],
    [17, 18, 19, 20],
  ] as const;
  const group = (i: number, extend: number[]) => [
    ...[...get(mixed), ...extend, ...set(four)],
    ...accumulate(hi[i]!, four, weights, 0),
    ...accumulate(lo[i]!, four, weights, 4),
  ];
  const taps = loop(
    [...get(from), ...load(), ...set(above), ...get(from), ...get(stride), ...ADD, ...load(), ...set(below)],
    [...get(above), ...get(below), ...INTERLEAVE_LOW, ...set(mixed)],
    [...group(0, EXTEND_LOW), ...group(1, EXTEND_HIGH)],
    [...get(above), ...get(below), ...INTERLEAVE_HIGH, ...set(mixed)],
    [...group(2, EXTEND_LOW), ...group(3, EXTEND_HIGH)],
    advance(from, [...get(stride), ...i32(2), ...MUL]),
    advance(weights, i32(8)),
    [...countDown(left), ...AGAIN],
  );
  const bytes = loop(
    [...get(src), ...set(from), ...get(table), ...set(weights), ...get(pairs), ...set(left)],
    [...hi, ...lo].flatMap((local) => [...ZERO, ...set(local)]),
    taps,
    [...get(dst), ...finish(hi[0], lo[0]), ...finish(hi[1], lo[1]), ...NARROW_I16],
    [...finish(hi[2], lo[2]), ...finish(hi[3], lo[3]), ...NARROW_I16, ...NARROW_U8, ...store],
    [...advance(src, i32(16)), ...advance(dst, i32(16))],
    [...countDown(blocks), ...AGAIN],
  );
  return func([3, I32], [12, V128], bytes);
}

function planesBody(): number[] {
  const [src, dst, table, groups, plane, four] = [0, 1, 2, 3, 4, 5] as const;
  const entry = (pixel: number, channel: number) => [
    ...[...get(src), 0x2d, ...at(3 * pixel + channel)], // i32.load8_u
    ...[...i32(4), ...MUL, ...get(table), ...ADD],
  ];
  const channel = (c: number) => [
    ...[...entry(0, c), ...load32Zero(c * 1024), ...set(four)],
    ...[1, 2, 3].flatMap((p) => [...entry(p, c), ...get(four), ...load32Lane(c * 1024, p), ...set(four)]),
    ...[...get(dst), ...i32(c), ...get(plane), ...MUL, ...ADD, ...get(four), ...store],
  ];
  const pixels = loop([0, 1, 2].flatMap(channel), advance(src, i32(12)), advance(dst, i32(16)), [
    ...countDown(groups),
    ...AGAIN,
  ]);
  return func([1, I32], [1, V128], [...get(groups), ...i32(16), ...MUL, ...set(plane), ...pixels]);
}

/** A function's code: how many locals of which type follow the parameters, then its body. */
const func = (ints: number[], vectors: number[], body: number[]) => {
  const code = [...vec([ints, vectors]), ...body, 0x0b];
  return [...uleb(code.length), ...code];
};

/** A fresh instance with its own memory, one per thread. */
export function createKernel(): Kernel {
  const name = (text: string) => [...uleb(text.length), ...Buffer.from(text)];
  const type = (params: number) => [0x60, ...vec(Array.from({ length: params }, () => [I32])), 0];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vec([type(5), type(6), type(4)])),
    ...section(3, vec([[0], [1], [2]])),
    ...section(5, vec([[0, 1]])),
    ...section(
      7,
      vec([
        [...name('memory'), 2, 0],
        [...name('row'), 0, 0],
        [...name('column'), 0, 1],
        [...name('planes'), 0, 2],
      ]),
    ),
    ...section(10, vec([rowBody(), columnBody(), planesBody()])),
  ];
  return new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes))).exports as Kernel;
}
