// The usual kind of JPEG, decoded in less than half the time that libvips takes: one baseline scan of grey, or of YCbCr with
// colour at full size, halved across, or halved both ways. Anything else, and anything odd in a file, is left to libvips, so that what is
// refused, and why, does not depend on this file. The bytes are those of libjpeg-turbo (Pillow, libvips); format: ITU-T T.81.
import { starts, u16be } from './bytes.ts';
import {
  createJpegKernel,
  END,
  ENTRIES,
  FAST_BITS,
  FREE,
  HUFFMAN,
  HUFFMAN_BYTES,
  type JpegKernel,
  LAST_DC,
  LONG,
  LONGER,
  PART_BYTES,
  PARTS,
  QUANT,
  QUANT_BYTES,
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
  const parts = loadParts(memory, planes, across);
  for (const [i, segment] of coded.entries()) {
    const end = 8 * unstuff(bytes, segment, memory, segment.at);
    const first = i * parsed.interval;
    const count = Math.min(parsed.interval, across * down - first);
    memory.fill(0, LAST_DC, LAST_DC + 16);
    const bit = kernel.mcus(segment.at * 8, end, count, across - (first % across), across, parts);
    // exactly what is there, but for the last byte's padding
    if (bit < 0 || end - bit >= 8) return null;
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

/** Baseline with one component, or with three, the second and third of which are not larger than the first. */
function readFrame(bytes: Uint8Array, start: number, end: number): Frame | null {
  const count = bytes[start + 5];
  if ((count !== 1 && count !== 3) || end - start !== 6 + 3 * count || bytes[start] !== 8) return null;
  const [height, width] = [u16be(bytes, start + 1), u16be(bytes, start + 3)];
  const components = Array.from({ length: count }, (_, i) => {
    const at = start + 6 + 3 * i;
    return { id: bytes[at]!, h: bytes[at + 1]! >> 4, v: bytes[at + 1]! & 15, quant: bytes[at + 2]!, dc: 0, ac: 0 };
  });
  const [luma, cb = 0x11, cr = 0x11] = components.map(({ h, v }) => h * 16 + v);
  if (cb !== 0x11 || cr !== 0x11 || (luma !== 0x11 && luma !== 0x21 && luma !== 0x22)) return null;
  // a scan of one component goes block by block, whatever it says
  if (count === 1) Object.assign(components[0]!, { h: 1, v: 1 });
  // libjpeg repeats pixels where the halved colour has no more than two
  if (width * height === 0 || width * height > MOST_PIXELS || (components[0]!.h > 1 && width <= 4)) return null;
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
  const count = frame.components.length;
  if (end - start !== 4 + 2 * count || bytes[start] !== count) return false;
  if (bytes[end - 3] !== 0 || bytes[end - 2] !== 63 || bytes[end - 1] !== 0) return false;
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
    table = isDc && code.subarray(16).some((symbol) => symbol > 15) ? null : makeHuffmanTable(code, isDc);
    if (known.size >= TABLES_KEPT) known.clear();
    known.set(key, table);
  }
  return table;
}

function makeHuffmanTable(code: Uint8Array, isDc: boolean): Uint8Array | null {
  const table = new Uint8Array(HUFFMAN_BYTES);
  const fast = new Uint16Array(table.buffer, 0, 1 << FAST_BITS).fill(LONG);
  const longer = new Int32Array(table.buffer, LONGER, 2 * (16 - FAST_BITS));
  const entries = new Uint16Array(table.buffer, ENTRIES, 256);
  let next = 0;
  let index = 0;
  for (let length = 1; length <= 16; length++) {
    const count = code[length - 1]!;
    if (length > FAST_BITS) {
      longer[2 * (length - FAST_BITS - 1)] = (next + count) << (16 - length);
      longer[2 * (length - FAST_BITS - 1) + 1] = index - next;
    }
    for (let i = 0; i < count; i++, index++, next++) {
      const entry = entryOf(code[16 + index]!, length, isDc);
      entries[index] = entry;
      const spare = FAST_BITS - length;
      if (spare >= 0) fast.fill(entry, next << spare, (next + 1) << spare);
    }
    if (next > 1 << length) return null;
    next <<= 1;
  }
  return table;
}

/** As the kernel reads it. A number of no bits ends the block, but after 15 zeros it is one more. */
function entryOf(symbol: number, length: number, isDc: boolean): number {
  const [run, size] = isDc ? [0, symbol] : [symbol >> 4, symbol & 15];
  const skip = !isDc && size === 0 && run !== 15 ? END : run;
  return (skip << 10) | (size << 6) | (length + size);
}

function load(memory: Uint8Array, { quants, huffmans }: Parsed): void {
  for (const [number, divisors] of quants) {
    const words = new Int32Array(memory.buffer, QUANT + number * QUANT_BYTES, 64);
    for (let i = 0; i < 64; i++) words[i] = (divisors[i]! << 16) | (ZIGZAG[i]! * 2);
  }
  for (const [number, table] of huffmans) memory.set(table, HUFFMAN + number * HUFFMAN_BYTES);
}

// ---------------------------------------------------------------- pixels

type Plane = { at: number; stride: number };
type Coded = Plane & { component: Component };

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

/** What the kernel is to know of the blocks of an MCU; returns the end of that. */
function loadParts(memory: Uint8Array, planes: Coded[], across: number): number {
  const parts = planes.flatMap(({ component: { h, v, quant, dc, ac }, stride, at }, i) =>
    Array.from({ length: h * v }, (_, unit) => [
      ...[HUFFMAN + dc * HUFFMAN_BYTES, HUFFMAN + ac * HUFFMAN_BYTES, QUANT + quant * QUANT_BYTES, LAST_DC + 4 * i],
      ...[at + Math.floor(unit / h) * 8 * stride + (unit % h) * 8, stride, h * 8, v * 8 * stride - across * h * 8],
    ]),
  );
  new Int32Array(memory.buffer, PARTS).set(parts.flat());
  return PARTS + parts.length * PART_BYTES;
}

/** Enlarges the colour and converts, row by row; `rows`: room for what is enlarged. */
function toRgb(
  { memory, sums, spread, convert }: JpegKernel,
  { width, height, components }: Frame,
  planes: Plane[],
  rows: { sums: number; cb: number; cr: number },
  out: number,
): void {
  const { h, v } = components[0]!;
  // no colour is 128 everywhere
  const none = { at: rows.cb, stride: 0 };
  if (planes.length === 1) new Uint8Array(memory.buffer, rows.cb, width + 8).fill(128);
  const [luma, cb = none, cr = none] = planes as [Plane, ...Plane[]];
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
