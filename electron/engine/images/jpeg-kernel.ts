// The inner loops of the JPEG decoder (jpeg.ts) as WebAssembly SIMD: Huffman codes to coefficients, the inverse DCT, enlarged
// colour, and YCbCr to RGB. All arithmetic is libjpeg's exact integer one, as libjpeg-turbo's SIMD code does it, so the bytes
// are the same: jidctint.c (the accurate DCT), jdsample.c (fancy upsampling) and jdcolor.c.
import { add, assemble, type Code, get, int, load, mul, repeat, set, store, sub, zero } from '../../../shared/wasm.ts';
import {
  above,
  add16,
  add32,
  addSaturating16,
  and,
  constant16,
  constant32,
  dot,
  either,
  equalsZero,
  fail,
  grow,
  interleave,
  load16,
  load16s,
  load32,
  loadWide,
  longShl,
  longShrU,
  perfectShuffle,
  shl,
  shr32,
  shrS,
  shrU,
  shuffle,
  splat16,
  store16,
  store32,
  storeHalf,
  sub16,
  sub32,
  to16,
  toBytes,
  toInt,
  toLong,
  vector,
  when,
} from './wasm-code.ts';

/** Where things lie in the kernel's memory, in bytes. */
export const BLOCK = 0;
export const QUANT = 128;
/** 64 words a quantisation table, in zigzag order: the divisor << 16, and the byte offset of the coefficient in its block. */
export const QUANT_BYTES = 256;
export const HUFFMAN = QUANT + 4 * QUANT_BYTES;
/** Codes of up to so many bits are looked up at once. */
export const FAST_BITS = 10;
/** Then for each longer length: the first 16 bits that are beyond its codes, and what makes a code's number an index of ENTRIES. */
export const LONGER = 2 << FAST_BITS;
export const ENTRIES = LONGER + 64;
/**
 * A Huffman table: for every FAST_BITS bits an entry, or LONG; LONGER; ENTRIES, one for each code. An entry: the bits of the code and
 * its number; << 6 those of the number alone; << 10 the zeros before it, or END.
 */
export const HUFFMAN_BYTES = ENTRIES + 512;
/** More bits than any entry has, so that one test finds both this and the end of the bits at hand. */
export const LONG = 63;
/** In place of a run of zeros: the block ends. From any coefficient that is beyond the last one. */
export const END = 63;
/** Four numbers: the last DC coefficient of each component. */
export const LAST_DC = HUFFMAN + 8 * HUFFMAN_BYTES;
/** Sixteen numbers, 2^i - 1. */
export const MASKS = LAST_DC + 16;
/**
 * The blocks of an MCU, eight numbers each: the addresses of its tables for DC, AC and quantisation, of its LAST_DC, and of its
 * bytes in the next MCU; their stride; then how far the bytes move with every MCU, and once more at the end of a row.
 */
export const PARTS = MASKS + 64;
export const PART_BYTES = 32;
export const FREE = PARTS + 6 * PART_BYTES;

export type JpegKernel = {
  memory: WebAssembly.Memory;
  /** The 8 x 8 coefficients at BLOCK to bytes at `dst`. */
  inverse(dst: number, stride: number): void;
  /**
   * Decodes `count` MCUs whose codes lie from bit `bit` of memory to before bit `end`, `left` of them in their first row and
   * `across` in the others. Each has the PARTS up to address `parts`. Returns the first bit after them, or -1 where the codes are
   * wrong. Reads up to 300 bytes beyond the end.
   */
  mcus(bit: number, end: number, count: number, left: number, across: number, parts: number): number;
  /** 8 x `groups` sums 3 * near + far (or near alone, where `both` is 0) as 16-bit integers at `dst`. */
  sums(near: number, far: number, dst: number, groups: number, both: number): void;
  /** Of sums s at `src`, 16 x `groups` bytes: (3 * s + the sum before + even) >> shift, (3 * s + the sum after + odd) >> shift. */
  spread(src: number, dst: number, groups: number, even: number, odd: number, shift: number): void;
  /** 8 x `groups` pixels of YCbCr to RGB. */
  convert(y: number, cb: number, cr: number, dst: number, groups: number): void;
};

// ---------------------------------------------------------------- inverse DCT

const PASS1_BITS = 2;
const CONST_BITS = 13;

/** One pass of jidctint.c on the columns of eight rows of 16 bits, in place; `work` are 24 further vector locals. */
function pass(rows: number[], work: number[], shift: number): Code[] {
  const [r0, r1, r2, r3, r4, r5, r6, r7] = rows.map(get) as [Code, Code, Code, Code, Code, Code, Code, Code];
  const [z3, z4, pair, even10, even11, even12, even13, odd0, odd1, odd2, odd3, z3Sum, z4Sum] = work as [
    ...[number, number, number, number, number, number, number],
    ...[number, number, number, number, number, number],
  ];
  const lower = work.slice(13, 21);
  const half = (upper: boolean): Code[] => {
    const paired = (a: Code, b: Code) => set(pair, interleave(2, upper, a, b));
    const weighted = (a: number, b: number) => dot(get(pair), a, b);
    const round = constant32(1 << (shift - 1));
    const out = (sign: 1 | -1, even: number, odd: number) =>
      shr32((sign === 1 ? add32 : sub32)(get(even), get(odd)), shift);
    const outs = [
      ...[out(1, even10, odd3), out(1, even11, odd2), out(1, even12, odd1), out(1, even13, odd0)],
      ...[out(-1, even13, odd0), out(-1, even12, odd1), out(-1, even11, odd2), out(-1, even10, odd3)],
    ];
    return [
      paired(r0, r4),
      set(even10, add32(weighted(8192, 8192), round)),
      set(even11, add32(weighted(8192, -8192), round)),
      paired(r2, r6),
      set(odd3, weighted(4433 + 6270, 4433)),
      set(odd2, weighted(4433, 4433 - 15137)),
      set(even13, sub32(get(even10), get(odd3))),
      set(even10, add32(get(even10), get(odd3))),
      set(even12, sub32(get(even11), get(odd2))),
      set(even11, add32(get(even11), get(odd2))),
      paired(get(z3), get(z4)),
      set(z3Sum, weighted(9633 - 16069, 9633)),
      set(z4Sum, weighted(9633, 9633 - 3196)),
      paired(r7, r1),
      set(odd0, add32(weighted(2446 - 7373, -7373), get(z3Sum))),
      set(odd3, add32(weighted(-7373, 12299 - 7373), get(z4Sum))),
      paired(r5, r3),
      set(odd1, add32(weighted(16819 - 20995, -20995), get(z4Sum))),
      set(odd2, add32(weighted(-20995, 25172 - 20995), get(z3Sum))),
      ...outs.map((code, i) => (upper ? set(rows[i]!, to16(get(lower[i]!), code)) : set(lower[i]!, code))),
    ];
  };
  return [set(z3, add16(r7, r3)), set(z4, add16(r5, r1)), ...half(false), ...half(true)];
}

function inverseBody(): Code[] {
  const [dst, stride] = [0, 1] as const;
  const locals = Array.from({ length: 40 }, (_, i) => 2 + i);
  const [rows, others, work] = [locals.slice(0, 8), locals.slice(8, 16), locals.slice(16)];
  const [bytes, mixed] = [others.slice(0, 4), others.slice(4)];
  const wide = (i: number) => addSaturating16(get(rows[i]!), constant16(128));
  return [
    ...rows.map((row, i) => set(row, load(int(BLOCK), i * 16))),
    ...pass(rows, work, CONST_BITS - PASS1_BITS),
    ...perfectShuffle(2, rows, others),
    ...perfectShuffle(2, others, rows),
    ...perfectShuffle(2, rows, others),
    ...rows.map((row, i) => set(row, get(others[i]!))),
    ...pass(rows, work, CONST_BITS + PASS1_BITS + 3),
    ...bytes.map((local, i) => set(local, toBytes(wide(2 * i), wide(2 * i + 1)))),
    ...perfectShuffle(1, bytes, mixed),
    ...perfectShuffle(1, mixed, bytes),
    ...perfectShuffle(1, bytes, mixed),
    ...mixed.flatMap((local) => [
      storeHalf(get(dst), get(local), 0),
      grow(dst, get(stride)),
      storeHalf(get(dst), get(local), 1),
      grow(dst, get(stride)),
    ]),
  ];
}

// ---------------------------------------------------------------- Huffman codes

/**
 * The block of 8 x 8 whose codes begin at bit `bit` of memory, to bytes at `dst`, by the tables and the last DC at these addresses.
 * Results in the first bit after it, or -1.
 */
function blockBody(inverse: number): Code[] {
  const [bit, dc, ac, quant, lastDc, dst, stride] = [0, 1, 2, 3, 4, 5, 6] as const;
  const [code, value, k, entry, at, top, length, used, next] = [7, 8, 9, 10, 11, 12, 13, 14, 15] as const;
  const [grey, bits] = [16, 17] as const;
  const reversed = [7, 6, 5, 4, 3, 2, 1, 0, 8, 8, 8, 8, 8, 8, 8, 8];
  const eightBytes: Code = [...shrU(get(bit), int(3)), 0xfd, 0x5d, 0, 0]; // v128.load64_zero
  /** The next 57 bits or more, the first one uppermost. */
  const peek = [
    grow(bit, get(used)),
    set(used, int(0)),
    set(
      bits,
      longShl(
        [...shuffle(reversed, eightBytes, zero), 0xfd, 0x1d, 0], // i64x2.extract_lane
        toLong(and(get(bit), int(7))),
      ),
    ),
  ];
  const first = (count: number) => toInt(longShrU(get(bits), [0x42, 64 - count]));
  /** A code longer than FAST_BITS: the first length whose codes reach beyond these 16 bits. */
  const long = (table: number): Code[] => [
    set(top, first(16)),
    set(at, get(table)),
    set(length, int(FAST_BITS + 1)),
    [
      ...[0x03, 0x40],
      ...when(
        equalsZero(above(load32(get(at), LONGER), get(top))),
        grow(at, int(8)),
        grow(length, int(1)),
        when(above(get(length), int(16)), fail),
        [0x0c, 1],
      ),
      0x0b,
    ],
    set(at, add(shrU(get(top), sub(int(16), get(length))), load32(get(at), LONGER + 4))),
    set(code, load16(add(get(table), shl(get(at), int(1))), ENTRIES)),
  ];
  const lookUp = (table: number) => set(code, load16(add(get(table), shl(first(FAST_BITS), int(1)))));
  /** Reads a symbol's entry into `code` and the number after it (T.81, EXTEND) into `value`; shifts count in their lower 6 bits. */
  const symbol = (table: number): Code[] => [
    lookUp(table),
    set(next, add(get(used), and(get(code), int(63)))),
    // too few bits were left, or it is LONG
    when(
      above(get(next), int(57)),
      ...peek,
      lookUp(table),
      when(equalsZero(sub(get(code), int(LONG))), ...long(table)),
      set(next, and(get(code), int(63))),
    ),
    set(top, load32(and(shrU(get(code), int(4)), int(60)), MASKS)),
    set(value, and(toInt(longShrU(get(bits), toLong(sub(int(0), get(code))))), get(top))),
    set(bits, longShl(get(bits), toLong(get(code)))),
    set(used, get(next)),
    // its first bit is 0 where the number is negative
    set(value, sub(get(value), and(shrS(sub(shl(get(value), int(1)), get(top)), int(31)), get(top)))),
  ];
  return [
    ...Array.from({ length: 8 }, (_, i) => store(int(BLOCK), zero, i * 16)),
    ...peek,
    ...symbol(dc),
    store32(get(lastDc), add(load32(get(lastDc)), get(value))),
    store16(int(BLOCK), mul(load32(get(lastDc)), load16(get(quant), 2))),
    set(k, int(1)),
    [0x02, 0x40],
    repeat(
      [
        ...symbol(ac),
        grow(k, shrU(get(code), int(10))),
        [...above(get(k), int(63)), 0x0d, 1],
        set(entry, load32(add(get(quant), shl(get(k), int(2))))),
        store16(and(get(entry), int(0xffff)), mul(get(value), shrU(get(entry), int(16)))),
        grow(k, int(1)),
      ],
      sub(get(k), int(64)),
    ),
    set(code, int(END << 10)),
    set(k, int(0)),
    [0x0b],
    // a run of zeros beyond the end
    when(sub(shrU(get(code), int(10)), int(END)), fail),
    // a block whose end is its first symbol after DC is of one colour
    either(
      sub(get(k), int(1 + END)),
      [[...get(dst), ...get(stride), 0x10, inverse]],
      [
        set(grey, toBytes(splat16(add(shrS(add(load16s(int(BLOCK)), int(4)), int(3)), int(128))), zero)),
        ...Array.from({ length: 8 }, () => [...storeHalf(get(dst), get(grey), 0), ...grow(dst, get(stride))]),
      ],
    ),
    add(get(bit), get(used)),
  ];
}

function mcusBody(block: number): Code[] {
  const [bit, end, count, left, across, parts, part] = [0, 1, 2, 3, 4, 5, 6] as const;
  const field = (index: number) => load32(get(part), 4 * index);
  const move = (by: number) => store32(add(get(part), int(16)), add(field(4), field(by)));
  const everyPart = (...body: Code[]) => [
    set(part, int(PARTS)),
    repeat([...body, grow(part, int(PART_BYTES))], above(get(parts), get(part))),
  ];
  return [
    repeat(
      [
        ...everyPart(
          set(bit, get(bit), ...[0, 1, 2, 3, 4, 5].map(field), [0x10, block]),
          when(above(get(bit), get(end)), fail), // as -1 is, without a sign
          move(6),
        ),
        grow(left, int(-1)),
        when(equalsZero(get(left)), set(left, get(across)), ...everyPart(move(7))),
        grow(count, int(-1)),
      ],
      get(count),
    ),
    get(bit),
  ];
}

// ---------------------------------------------------------------- rows

function sumsBody(): Code[] {
  const [near, far, dst, groups, both, sum] = [0, 1, 2, 3, 4, 5] as const;
  return [
    repeat(
      [
        set(sum, loadWide(get(near))),
        when(get(both), set(sum, add16(add16(get(sum), add16(get(sum), get(sum))), loadWide(get(far))))),
        store(get(dst), get(sum)),
        grow(near, int(8)),
        grow(far, int(8)),
        grow(dst, int(16)),
        grow(groups, int(-1)),
      ],
      get(groups),
    ),
  ];
}

function spreadBody(): Code[] {
  const [src, dst, groups, even, odd, shift, three] = [0, 1, 2, 3, 4, 5, 6] as const;
  const side = (offset: number, rounding: number) =>
    vector(0x8d)(add16(add16(get(three), load(sub(get(src), int(2)), offset)), splat16(get(rounding))), get(shift));
  return [
    repeat(
      [
        set(three, load(get(src))),
        set(three, add16(get(three), add16(get(three), get(three)))),
        store(get(dst), vector(0x50)(side(0, even), vector(0x8b)(side(4, odd), int(8)))),
        grow(src, int(16)),
        grow(dst, int(16)),
        grow(groups, int(-1)),
      ],
      get(groups),
    ),
  ];
}

/** jdcolor.c with 16 fraction bits; weights beyond 16 bits are split: 1.402 = 1 + 26345 / 2^16, 1.772 = 2 - 14942 / 2^16 ... */
function convertBody(): Code[] {
  const [y, cb, cr, dst, groups] = [0, 1, 2, 3, 4] as const;
  const [luma, blue, red, low, high, redGreen, blues] = [5, 6, 7, 8, 9, 10, 11] as const;
  const part = (a: number, b: number): Code => {
    const scaled = (pairs: number) => shr32(add32(dot(get(pairs), a, b), constant32(32768)), 16);
    return to16(scaled(low), scaled(high));
  };
  const signed = (address: number) => sub16(loadWide(get(address)), constant16(128));
  /** Byte i of the interleaved pixels, out of red 0-7, green 8-15 and blue 16-23. */
  const lanes = (from: number) =>
    Array.from({ length: 16 }, (_, i) => (from + i < 24 ? ((from + i) % 3) * 8 + Math.floor((from + i) / 3) : 0));
  return [
    repeat(
      [
        set(luma, loadWide(get(y))),
        set(blue, signed(cb)),
        set(red, signed(cr)),
        set(low, interleave(2, false, get(blue), get(red))),
        set(high, interleave(2, true, get(blue), get(red))),
        set(
          redGreen,
          toBytes(
            add16(add16(get(luma), get(red)), part(0, 26345)),
            add16(sub16(get(luma), get(red)), part(-22554, 18734)),
          ),
        ),
        set(blues, toBytes(add16(add16(get(luma), add16(get(blue), get(blue))), part(-14942, 0)), zero)),
        store(get(dst), shuffle(lanes(0), get(redGreen), get(blues))),
        storeHalf(add(get(dst), int(16)), shuffle(lanes(16), get(redGreen), get(blues)), 0),
        grow(y, int(8)),
        grow(cb, int(8)),
        grow(cr, int(8)),
        grow(dst, int(24)),
        grow(groups, int(-1)),
      ],
      get(groups),
    ),
  ];
}

/** A fresh instance with its own memory, one per thread. */
export function createJpegKernel(): JpegKernel {
  const bytes = assemble([
    { name: 'inverse', params: 2, ints: 0, vectors: 40, body: inverseBody() },
    { name: 'block', params: 7, ints: 9, vectors: 1, longs: 1, result: true, body: blockBody(0) },
    { name: 'mcus', params: 6, ints: 1, vectors: 0, result: true, body: mcusBody(1) },
    { name: 'sums', params: 5, ints: 0, vectors: 1, body: sumsBody() },
    { name: 'spread', params: 6, ints: 0, vectors: 1, body: spreadBody() },
    { name: 'convert', params: 5, ints: 0, vectors: 7, body: convertBody() },
  ]);
  const kernel = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as JpegKernel;
  new Int32Array(kernel.memory.buffer, MASKS, 16).forEach((_, i, masks) => {
    masks[i] = (1 << i) - 1;
  });
  return kernel;
}
