// Pillow's resize, bit for bit: antialiased, one pass along the rows and one along the columns, rounded to bytes in between.
// Source of the arithmetic: Pillow, src/libImaging/Resample.c (precompute_coeffs, normalize_coeffs_8bpc) and Geometry.c (nearest).
import { createKernel, type Kernel, LOW_BITS, PRECISION_BITS } from './kernel.ts';
import type { Resample } from './spec.ts';

/** Upright 8-bit RGB, row by row without padding. */
export type Rgb = { width: number; height: number; data: Uint8Array };

/** The part of the resized image that is wanted, in its pixels. */
export type Window = { left: number; top: number; width: number; height: number };

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** Single precision, as the C source has them. */
const [HAMMING_A, HAMMING_B] = [Math.fround(0.54), Math.fround(0.46)];

/** Filter functions and how far they reach, in pixels of the larger scale. */
const FILTERS: Record<Exclude<Resample, 'nearest'>, { support: number; at(x: number): number }> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    at: (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (HAMMING_A + HAMMING_B * Math.cos(x * Math.PI))),
  },
  bicubic: { support: 2, at: bicubic },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic with a = -0.5. */
function bicubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * -0.5;
  return 0;
}

/** For output positions `first` to `first + count`: where their taps begin and the fixed-point weights of each. */
export type Taps = { starts: Int32Array; counts: Int32Array; weights: Int32Array[] };

export function tapsFor(
  inSize: number,
  outSize: number,
  resample: Exclude<Resample, 'nearest'>,
  first: number,
  count: number,
): Taps {
  const filter = FILTERS[resample];
  const scale = inSize / outSize;
  const filterScale = Math.max(1, scale);
  const support = filter.support * filterScale;
  const starts = new Int32Array(count);
  const counts = new Int32Array(count);
  const weights: Int32Array[] = [];
  // plain loops: in a folder of many sizes these tables are made anew for most images
  for (let i = 0; i < count; i++) {
    const centre = (first + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const taps = Math.min(inSize, Math.trunc(centre + support + 0.5)) - start;
    const exact = new Float64Array(taps);
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      exact[k] = filter.at((k + start - centre + 0.5) * (1 / filterScale));
      sum += exact[k]!;
    }
    const fixed = new Int32Array(taps);
    for (let k = 0; k < taps; k++) fixed[k] = fixedPoint(sum === 0 ? exact[k]! : exact[k]! / sum);
    starts[i] = start;
    counts[i] = taps;
    weights.push(fixed);
  }
  return { starts, counts, weights };
}

const fixedPoint = (w: number) => Math.trunc((w < 0 ? -0.5 : 0.5) + w * (1 << PRECISION_BITS));

/** Taps as the kernel reads them. Columns: starts apart, pairs of taps in rows of `pairs`. Rows: each row begins with its byte offset. */
type Table = { starts: Int32Array; pairs: number; words: Int32Array };

function tableFor(taps: Taps, axis: 'row' | 'column'): Table {
  const longest = taps.counts.reduce((a, b) => Math.max(a, b), 1);
  const pairs = axis === 'row' ? 2 * Math.ceil(longest / 4) : Math.ceil(longest / 2);
  const head = axis === 'row' ? 1 : 0;
  const stride = head + 2 * pairs;
  const words = new Int32Array(taps.starts.length * stride);
  taps.weights.forEach((weights, i) => {
    if (head) words[i * stride] = taps.starts[i]! * 3;
    for (let p = 0; p < pairs; p++) {
      const [a, b] = [weights[2 * p] ?? 0, weights[2 * p + 1] ?? 0];
      words[i * stride + head + 2 * p] = ((a >> LOW_BITS) & 0xffff) | ((b >> LOW_BITS) << 16);
      words[i * stride + head + 2 * p + 1] = (a & LOW_MASK) | ((b & LOW_MASK) << 16);
    }
  });
  return { starts: taps.starts, pairs, words };
}

const LOW_MASK = (1 << LOW_BITS) - 1;
const tables = new Map<string, Table>();
const TABLES_KEPT = 64;

/** Images of one dataset come in few sizes: the last tables are kept. */
function cachedTable(
  axis: 'row' | 'column',
  inSize: number,
  outSize: number,
  resample: Exclude<Resample, 'nearest'>,
  first: number,
  count: number,
): Table {
  const key = `${axis} ${inSize} ${outSize} ${resample} ${first} ${count}`;
  let table = tables.get(key);
  if (!table) table = tableFor(tapsFor(inSize, outSize, resample, first, count), axis);
  tables.delete(key);
  tables.set(key, table);
  if (tables.size > TABLES_KEPT)
    for (const oldest of tables.keys()) {
      tables.delete(oldest);
      break;
    }
  return table;
}

let kernel: Kernel | null = null;
const STRIP_BYTES = 1 << 20;
/** To 16 bytes, with at least 48 to spare: the kernel reads and writes a little beyond the end. */
const align = (bytes: number) => (bytes + 63) & ~15;

/** One resize: where its parts lie in the kernel's memory is up to each order of the two passes. */
type Plan = { kernel: Kernel; source: Rgb; window: Window; across: Table; down: Table };

/** The `window` (all of it by default) of `source` resized to width x height, as RGB bytes; the caller may keep them. */
export function resizeRgb(source: Rgb, width: number, height: number, resample: Resample, window?: Window): Uint8Array {
  const made = resizeLent(source, width, height, resample, window);
  return made.buffer === kernel?.memory.buffer ? made.slice() : made;
}

/** The same, in memory that the next resize uses again: what is done with it at once need not be collected as garbage. */
export function resizeLent(
  source: Rgb,
  width: number,
  height: number,
  resample: Resample,
  window: Window = { left: 0, top: 0, width, height },
): Uint8Array {
  if (source.width === width && source.height === height) return cut(source, window);
  if (resample === 'nearest') return nearest(source, width, height, window);
  kernel ??= createKernel();
  const across = cachedTable('row', source.width, width, resample, window.left, window.width);
  const down = cachedTable('column', source.height, height, resample, window.top, window.height);
  const plan = { kernel, source, window, across, down };
  return columnsFirst(source, width, height) ? resizeColumnsFirst(plan) : resizeRowsFirst(plan);
}

/**
 * Which pass goes first changes the last bits. This is what Pillow 13.0.0 does (found by trying sizes); before 13 it was the rows,
 * but for images more than 100 times as tall as wide. The two agree on all but tall images made smaller.
 */
export const columnsFirst = (source: Rgb, width: number, height: number) =>
  source.height - height > Math.max(0, 2 * (source.width - width));

function resizeRowsFirst({ kernel, source, window, across, down }: Plan): Uint8Array {
  const firstRow = down.starts[0]!;
  const beyond = down.starts[window.height - 1]! + 2 * down.pairs; // taps of weight 0 may lie below the last row
  const endRow = Math.min(source.height, beyond);
  const inStride = source.width * 3;
  const outStride = window.width * 3;
  const stripRows = Math.max(1, Math.floor(STRIP_BYTES / inStride));
  const [strip, between, out, acrossAt, downAt, end] = layout(
    stripRows * inStride,
    (beyond - firstRow) * outStride,
    window.height * outStride,
    across.words.byteLength,
    down.words.byteLength,
  );
  const memory = reserve(kernel, end);
  memory.set(bytesOf(across.words), acrossAt);
  memory.set(bytesOf(down.words), downAt);
  for (let y = firstRow; y < endRow; y += stripRows) {
    const rows = Math.min(stripRows, endRow - y);
    memory.set(source.data.subarray(y * inStride, (y + rows) * inStride), strip);
    for (let r = 0; r < rows; r++)
      kernel.row(strip + r * inStride, between + (y + r - firstRow) * outStride, acrossAt, window.width, across.pairs);
  }
  for (let y = 0; y < window.height; y++) {
    const from = between + (down.starts[y]! - firstRow) * outStride;
    kernel.column(
      from,
      outStride,
      out + y * outStride,
      downAt + y * down.pairs * 8,
      Math.ceil(outStride / 16),
      down.pairs,
    );
  }
  return memory.subarray(out, out + window.height * outStride);
}

function resizeColumnsFirst({ kernel, source, window, across, down }: Plan): Uint8Array {
  const inStride = source.width * 3;
  const outStride = window.width * 3;
  const taps = 2 * down.pairs;
  const stripRows = Math.max(taps, Math.floor(STRIP_BYTES / inStride));
  const [strip, middle, out, acrossAt, downAt, end] = layout(
    stripRows * inStride,
    inStride,
    window.height * outStride,
    across.words.byteLength,
    down.words.byteLength,
  );
  const memory = reserve(kernel, end);
  memory.set(bytesOf(across.words), acrossAt);
  memory.set(bytesOf(down.words), downAt);
  let loaded = Number.NEGATIVE_INFINITY;
  for (let y = 0; y < window.height; y++) {
    const start = down.starts[y]!;
    if (start + taps > loaded + stripRows) {
      loaded = start;
      memory.set(source.data.subarray(loaded * inStride, (loaded + stripRows) * inStride), strip);
    }
    kernel.column(
      strip + (start - loaded) * inStride,
      inStride,
      middle,
      downAt + y * taps * 4,
      Math.ceil(inStride / 16),
      down.pairs,
    );
    kernel.row(middle, out + y * outStride, acrossAt, window.width, across.pairs);
  }
  return memory.subarray(out, out + window.height * outStride);
}

/** Offsets of regions of these sizes, one after the other, and the end of the last. */
function layout(...sizes: [number, number, number, number, number]): [number, number, number, number, number, number] {
  const [a, b, c, d, e] = sizes.map(align) as [number, number, number, number, number];
  return [0, a, a + b, a + b + c, a + b + c + d, a + b + c + d + e];
}

const bytesOf = (words: Int32Array) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** The kernel's memory with at least `bytes` of it. */
export function reserve({ memory }: Kernel, bytes: number): Uint8Array {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));
  return new Uint8Array(memory.buffer);
}

function cut(source: Rgb, { left, top, width, height }: Window): Uint8Array {
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * source.width + left) * 3;
    out.set(source.data.subarray(from, from + width * 3), y * width * 3);
  }
  return out;
}

/** Pillow adds the step up from pixel to pixel; so does this, so that the roundings agree. */
function nearest(source: Rgb, width: number, height: number, window: Window): Uint8Array {
  const pick = (inSize: number, outSize: number) => {
    const step = inSize / outSize;
    const picked = new Int32Array(outSize);
    for (let i = 0, at = step * 0.5; i < outSize; i++, at += step) picked[i] = Math.min(inSize - 1, Math.trunc(at));
    return picked;
  };
  const xs = pick(source.width, width);
  const ys = pick(source.height, height);
  const out = new Uint8Array(window.width * window.height * 3);
  let to = 0;
  for (let y = 0; y < window.height; y++) {
    const row = ys[window.top + y]! * source.width;
    for (let x = 0; x < window.width; x++) {
      const from = (row + xs[window.left + x]!) * 3;
      out[to++] = source.data[from]!;
      out[to++] = source.data[from + 1]!;
      out[to++] = source.data[from + 2]!;
    }
  }
  return out;
}
