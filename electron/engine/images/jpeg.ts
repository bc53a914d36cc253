// The usual kind of JPEG, decoded in less than half the time that libvips takes: one baseline scan of YCbCr with colour at full
// size, halved across, or halved both ways. Anything else, and anything odd in a file, is left to libvips, so that what is
// refused, and why, does not depend on this file. The bytes are those of libjpeg-turbo (Pillow, libvips); format: ITU-T T.81.
import { starts, u16be } from './bytes.ts';
import {
  createJpegKernel,
  FAST_BITS,
  FREE,
  HUFFMAN,
  HUFFMAN_BYTES,
  type JpegKernel,
  LAST_DC,
  LONGER,
  QUANT,
  QUANT_BYTES,
  SYMBOLS,
} from './jpeg-kernel.ts';
import type { Rgb } from './resize.ts';

/** Larger photos are left to libvips: the memory of a thread's decoder never shrinks. */
const MOST_PIXELS = 1 << 22;
/** What the kernel reads or writes beyond the end of things. */
const SPARE = 512;

type Component = { id: number; h: number; v: number; quant: number; dc: number; ac: number };
type Frame = { width: number; height: number; components: Component[] };
/** A run of entropy-coded bytes [start, end) between restart markers. */
type Segment = { start: number; end: number };
type Parsed = {
  frame: Frame;
  /** Quantisation tables in zigzag order, by number. */
  quants: Map<number, Uint8Array>;
  /** Huffman tables as the kernel reads them, by class * 4 + number. */
  huffmans: Map<number, Uint8Array>;
  /** MCUs between restarts. */
  interval: number;
  segments: Segment[];
};

let kernel: JpegKernel | null = null;

/**
 * The pixels as stored (EXIF's orientation is the caller's), or null where libvips is to decode or refuse the file. They lie in
 * memory that the next image uses again.
 */
export function decodeJpeg(bytes: Uint8Array): Rgb | null {
  const parsed = parse(bytes);
  if (!parsed) return null;
  const { width, height, components } = parsed.frame;
  const [hMax, vMax] = [components[0]!.h, components[0]!.v];
  const [across, down] = [Math.ceil(width / (8 * hMax)), Math.ceil(height / (8 * vMax))];
  kernel ??= createJpegKernel();

  let end = FREE;
  const region = (size: number) => {
    const start = end;
    end = (end + size + SPARE) & ~15;
    return start;
  };
  const coded = parsed.segments.map((segment) => ({ ...segment, at: region(segment.end - segment.start) }));
  const planes = components.map((component) => {
    const stride = across * component.h * 8;
    return { component, stride, at: region(stride * down * component.v * 8) };
  });
  const rows = { sums: region(across * 8 * 2 + 32) + 16, cb: region(across * 16), cr: region(across * 16) };
  const out = region(width * height * 3);
  const memory = reserve(kernel, end);

  load(memory, parsed);
  for (const [i, segment] of coded.entries()) {
    const stop = unstuff(bytes, segment, memory, segment.at);
    const first = i * parsed.interval;
    const count = Math.min(parsed.interval, across * down - first);
    if (!decodeSegment(kernel, planes, across, first, count, segment.at, stop)) return null;
  }
  toRgb(kernel, parsed.frame, planes, rows, out);
  return { width, height, data: memory.subarray(out, out + width * height * 3) };
}

function reserve({ memory }: JpegKernel, bytes: number): Uint8Array {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));
  return new Uint8Array(memory.buffer);
}

// ---------------------------------------------------------------- the file

/** Walks the segments to the end marker; null for whatever is not of the usual kind. */
function parse(bytes: Uint8Array): Parsed | null {
  const [quants, huffmans] = [new Map<number, Uint8Array>(), new Map<number, Uint8Array>()];
  let frame: Frame | null = null;
  let interval = 0;
  let jfif = false;
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1]!;
    const [start, end] = [at + 4, at + 2 + u16be(bytes, at + 2)];
    if (end > bytes.length || end < start) return null;
    if (marker === 0xe0) jfif ||= starts(bytes, start, 'JFIF\0');
    else if (marker === 0xee) {
      // Adobe's marker may say that the colours are RGB
      if (!jfif && starts(bytes, start, 'Adobe')) return null;
    } else if (marker === 0xdb) {
      if (!readQuants(bytes, start, end, quants)) return null;
    } else if (marker === 0xc4) {
      if (!readHuffmans(bytes, start, end, huffmans)) return null;
    } else if (marker === 0xc0 || marker === 0xc1) {
      if (frame) return null;
      frame = readFrame(bytes, start, end);
      if (!frame || !(jfif || frame.components.every(({ id }, i) => id === i + 1))) return null;
    } else if (marker === 0xdd) interval = u16be(bytes, start);
    else if (marker === 0xda) {
      if (!frame || !readScan(bytes, start, end, frame, quants, huffmans)) return null;
      const segments = findSegments(bytes, end);
      const [{ h, v }] = frame.components as [Component];
      const units = Math.ceil(frame.width / (8 * h)) * Math.ceil(frame.height / (8 * v));
      interval ||= units;
      if (segments?.length !== Math.ceil(units / interval)) return null;
      return { frame, quants, huffmans, interval, segments };
    } else if (!((marker >= 0xe1 && marker <= 0xef) || marker === 0xfe)) return null;
    at = end;
  }
  return null;
}

/** Baseline with three components, the second and third of which are not larger than the first. */
function readFrame(bytes: Uint8Array, start: number, end: number): Frame | null {
  if (end - start !== 15 || bytes[start] !== 8 || bytes[start + 5] !== 3) return null;
  const [height, width] = [u16be(bytes, start + 1), u16be(bytes, start + 3)];
  const components = [0, 1, 2].map((i) => {
    const at = start + 6 + 3 * i;
    return { id: bytes[at]!, h: bytes[at + 1]! >> 4, v: bytes[at + 1]! & 15, quant: bytes[at + 2]!, dc: 0, ac: 0 };
  });
  const [luma, cb, cr] = components.map(({ h, v }) => h * 16 + v);
  if (cb !== 0x11 || cr !== 0x11 || (luma !== 0x11 && luma !== 0x21 && luma !== 0x22)) return null;
  // libjpeg repeats pixels where the halved colour has no more than two
  if (width * height === 0 || width * height > MOST_PIXELS || (luma !== 0x11 && width <= 4)) return null;
  return { width, height, components };
}

function readQuants(bytes: Uint8Array, start: number, end: number, quants: Parsed['quants']): boolean {
  for (let at = start; at < end; at += 65) {
    const number = bytes[at]!;
    if (number > 3 || at + 65 > end) return false; // 16-bit tables are of the unusual kind
    quants.set(number, bytes.subarray(at + 1, at + 65));
  }
  return true;
}

function readHuffmans(bytes: Uint8Array, start: number, end: number, huffmans: Parsed['huffmans']): boolean {
  for (let at = start; at < end; ) {
    if (at + 17 > end) return false;
    const [kind, number] = [bytes[at]! >> 4, bytes[at]! & 15];
    const symbols = bytes.subarray(at + 1, at + 17).reduce((a, b) => a + b, 0);
    const next = at + 17 + symbols;
    if (kind > 1 || number > 3 || symbols > 256 || next > end) return false;
    const table = huffmanTable(bytes.subarray(at + 1, next), kind === 0);
    if (!table) return false;
    huffmans.set(kind * 4 + number, table);
    at = next;
  }
  return true;
}

/** Assigns the tables to the components; the scan must hold all of them, in order, whole. */
function readScan(
  bytes: Uint8Array,
  start: number,
  end: number,
  frame: Frame,
  quants: Parsed['quants'],
  huffmans: Parsed['huffmans'],
): boolean {
  if (end - start !== 10 || bytes[start] !== 3) return false;
  if (bytes[start + 7] !== 0 || bytes[start + 8] !== 63 || bytes[start + 9] !== 0) return false;
  return frame.components.every((component, i) => {
    const [id, tables] = [bytes[start + 1 + 2 * i]!, bytes[start + 2 + 2 * i]!];
    component.dc = tables >> 4;
    component.ac = 4 + (tables & 15);
    return (
      id === component.id && quants.has(component.quant) && huffmans.has(component.dc) && huffmans.has(component.ac)
    );
  });
}

/** The entropy-coded runs from `start` to the end marker, or null where another marker comes before. */
function findSegments(bytes: Uint8Array, start: number): Segment[] | null {
  const segments: Segment[] = [];
  let from = start;
  for (let at = start; ; ) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at + 1 >= bytes.length) return null;
    const marker = bytes[at + 1]!;
    if (marker !== 0) {
      segments.push({ start: from, end: at });
      if (marker === 0xd9) return segments;
      if (marker !== 0xd0 + ((segments.length - 1) & 7)) return null;
      from = at + 2;
    }
    at += 2;
  }
}

// ---------------------------------------------------------------- tables

const ZIGZAG = [
  ...[0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21],
  ...[28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61],
  ...[54, 47, 55, 62, 63],
];

/** Most files of a dataset carry the same tables. */
const known = new Map<string, Uint8Array | null>();
const TABLES_KEPT = 64;

/** `code`: how many codes there are of each length from 1 to 16, then their symbols. Null where they do not fit. */
function huffmanTable(code: Uint8Array, isDc: boolean): Uint8Array | null {
  const key = `${isDc} ${Buffer.from(code.buffer, code.byteOffset, code.length).toString('latin1')}`;
  let table = known.get(key);
  if (table === undefined) {
    table = isDc && code.subarray(16).some((symbol) => symbol > 15) ? null : makeHuffmanTable(code);
    if (known.size >= TABLES_KEPT) known.clear();
    known.set(key, table);
  }
  return table;
}

function makeHuffmanTable(code: Uint8Array): Uint8Array | null {
  const table = new Uint8Array(HUFFMAN_BYTES);
  const fast = new Uint16Array(table.buffer, 0, 1 << FAST_BITS);
  const longer = new Int32Array(table.buffer, LONGER, 2 * (16 - FAST_BITS));
  table.set(code.subarray(16), SYMBOLS);
  let next = 0;
  let symbol = 0;
  for (let length = 1; length <= 16; length++) {
    const count = code[length - 1]!;
    if (length > FAST_BITS) {
      longer[2 * (length - FAST_BITS - 1)] = (next + count) << (16 - length);
      longer[2 * (length - FAST_BITS - 1) + 1] = symbol - next;
    } else
      for (let i = 0; i < count; i++) {
        const spare = FAST_BITS - length;
        fast.fill((length << 8) | code[16 + symbol + i]!, (next + i) << spare, (next + i + 1) << spare);
      }
    next += count;
    symbol += count;
    if (next > 1 << length) return null;
    next <<= 1;
  }
  return table;
}

function load(memory: Uint8Array, { quants, huffmans }: Parsed): void {
  for (const [number, divisors] of quants) {
    const words = new Int32Array(memory.buffer, QUANT + number * QUANT_BYTES, 64);
    for (let i = 0; i < 64; i++) words[i] = (divisors[i]! << 16) | (ZIGZAG[i]! * 2);
  }
  for (const [number, table] of huffmans) memory.set(table, HUFFMAN + number * HUFFMAN_BYTES);
}

// ---------------------------------------------------------------- pixels

type Plane = { component: Component; stride: number; at: number };

/** Copies a run without the zeros that follow 0xff; returns where it ends. Zeros come after it. */
function unstuff(bytes: Uint8Array, { start, end }: Segment, memory: Uint8Array, to: number): number {
  let at = to;
  for (let from = start; from < end; ) {
    const ff = bytes.indexOf(0xff, from);
    const stop = ff < 0 || ff >= end ? end : ff + 1;
    memory.set(bytes.subarray(from, stop), at);
    at += stop - from;
    from = stop === end ? end : stop + 1;
  }
  memory.fill(0, at, at + SPARE - 16);
  return at;
}

/** `count` MCUs from `first` on, out of the bytes [start, end). False unless they are exactly what is there. */
function decodeSegment(
  { block, memory }: JpegKernel,
  planes: Plane[],
  across: number,
  first: number,
  count: number,
  start: number,
  end: number,
): boolean {
  new Int32Array(memory.buffer, LAST_DC, 4).fill(0);
  const parts = planes.flatMap(({ component: { h, v, quant, dc, ac }, stride, at }, i) =>
    Array.from({ length: h * v }, (_, unit) => ({
      dc: HUFFMAN + dc * HUFFMAN_BYTES,
      ac: HUFFMAN + ac * HUFFMAN_BYTES,
      quant: QUANT + quant * QUANT_BYTES,
      lastDc: LAST_DC + 4 * i,
      at: at + Math.floor(unit / h) * 8 * stride + (unit % h) * 8,
      stride,
      stepAcross: h * 8,
      stepDown: v * 8 * stride,
    })),
  );
  let bit = start * 8;
  let column = first % across;
  let row = Math.floor(first / across);
  for (let i = 0; i < count; i++) {
    for (const part of parts) {
      const dst = part.at + row * part.stepDown + column * part.stepAcross;
      bit = block(bit, part.dc, part.ac, part.quant, part.lastDc, dst, part.stride);
      if (bit < 0 || bit > end * 8) return false;
    }
    if (++column === across) {
      column = 0;
      row++;
    }
  }
  return end * 8 - bit < 8;
}

/** Enlarges the colour and converts, row by row; `rows`: room for what is enlarged. */
function toRgb(
  { memory, sums, spread, convert }: JpegKernel,
  { width, height, components }: Frame,
  planes: Plane[],
  rows: { sums: number; cb: number; cr: number },
  out: number,
): void {
  const [luma, cb, cr] = planes as [Plane, Plane, Plane];
  const { h, v } = components[0]!;
  const words = new Int16Array(memory.buffer, rows.sums - 2);
  const [chromaWidth, chromaHeight] = [Math.ceil(width / h), Math.ceil(height / v)];
  const groups = Math.ceil(chromaWidth / 8);
  const bothWays = v === 2;
  const enlarge = ({ at, stride }: Plane, y: number, to: number) => {
    const near = bothWays ? y >> 1 : y;
    const far = Math.min(chromaHeight - 1, Math.max(0, bothWays ? near + ((y & 1) === 1 ? 1 : -1) : near));
    sums(at + near * stride, at + far * stride, rows.sums, groups, bothWays ? 1 : 0);
    // at both ends the neighbour is the pixel itself
    words[0] = words[1]!;
    words[chromaWidth + 1] = words[chromaWidth]!;
    if (bothWays) spread(rows.sums, to, groups, 8, 7, 4);
    else spread(rows.sums, to, groups, 1, 2, 2);
    return to;
  };
  for (let y = 0; y < height; y++) {
    const blue = h === 1 ? cb.at + y * cb.stride : enlarge(cb, y, rows.cb);
    const red = h === 1 ? cr.at + y * cr.stride : enlarge(cr, y, rows.cr);
    convert(luma.at + y * luma.stride, blue, red, out + y * width * 3, Math.ceil(width / 8));
  }
}
