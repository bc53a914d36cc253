// Pillow's picture operations that augmentation is made of, byte for byte (ImageEnhance, ImageOps, Image.transform). Each takes
// RGB bytes and gives new ones, or the same where nothing changes.
import type { Rgb } from './resize.ts';

/** Pillow's L: ITU-R 601-2 in 16-bit fixed point. */
const luma = (data: Uint8Array, at: number) =>
  (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16;

const f32 = Math.fround;
/** Blend.c: from + factor * (to - from) in single precision; cut to an integer and clipped by where it is stored. */
const blend = (from: number, to: number, factor: number) => f32(from + f32(factor * (to - from)));
const clipped = (v: number) => (v <= 0 ? 0 : v >= 255 ? 255 : v);

const withData = (image: Rgb, data: Uint8Array): Rgb => ({ width: image.width, height: image.height, data });

/** Every byte through a table. */
function mapped(image: Rgb, tableOf: (v: number) => number): Rgb {
  const table = Uint8Array.from({ length: 256 }, (_, v) => tableOf(v));
  const { data } = image;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = table[data[i]!]!;
  return withData(image, out);
}

/** 0: black, 1: as it is. */
export function brightness(image: Rgb, factor: number): Rgb {
  const f = f32(factor);
  return factor === 1 ? image : mapped(image, (v) => clipped(blend(0, v, f)));
}

/** 0: the mean grey, 1: as it is. */
export function contrast(image: Rgb, factor: number): Rgb {
  if (factor === 1) return image;
  const f = f32(factor);
  let sum = 0;
  for (let at = 0; at < image.data.length; at += 3) sum += luma(image.data, at);
  const mean = Math.trunc(sum / (image.width * image.height) + 0.5);
  return mapped(image, (v) => clipped(blend(mean, v, f)));
}

/** 0: grey, 1: as it is. */
export function saturation(image: Rgb, factor: number): Rgb {
  if (factor === 1) return image;
  const f = f32(factor);
  const { data } = image;
  const out = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += 3) {
    const grey = luma(data, at);
    for (let i = at; i < at + 3; i++) out[i] = clipped(blend(grey, data[i]!, f));
  }
  return withData(image, out);
}

/** 0: smoothed (a 3 x 3 mean with the middle five times; edges as they are), 1: as it is, 2: sharpened. */
export function sharpness(image: Rgb, factor: number): Rgb {
  if (factor === 1) return image;
  const f = f32(factor);
  const { width, height, data } = image;
  const stride = width * 3;
  const out = Uint8Array.from(data);
  for (let y = 1; y < height - 1; y++)
    for (let i = y * stride + 3; i < (y + 1) * stride - 3; i++) {
      const [a, b] = [i - stride, i + stride];
      const around = data[a - 3]! + data[a]! + data[a + 3]! + data[i - 3]! + data[i + 3]!;
      const sum = around + data[b - 3]! + data[b]! + data[b + 3]! + 5 * data[i]!;
      out[i] = clipped(blend(Math.floor(sum / 13 + 0.5), data[i]!, f));
    }
  return withData(image, out);
}

/** Keeps the upper `bits` of every byte. */
export const posterize = (image: Rgb, bits: number): Rgb => mapped(image, (v) => v & (256 - 2 ** (8 - bits)));

/** Turns every byte from `threshold` on into its negative. */
export const solarize = (image: Rgb, threshold: number): Rgb => mapped(image, (v) => (v < threshold ? v : 255 - v));

/** How often each byte occurs in a channel. */
function histogram(data: Uint8Array, channel: number): Int32Array {
  const counts = new Int32Array(256);
  for (let i = channel; i < data.length; i += 3) counts[data[i]!]!++;
  return counts;
}

function throughTables(image: Rgb, tableOf: (counts: Int32Array) => Uint8Array | null): Rgb {
  const out = Uint8Array.from(image.data);
  for (let channel = 0; channel < 3; channel++) {
    const table = tableOf(histogram(image.data, channel));
    if (table) for (let i = channel; i < out.length; i += 3) out[i] = table[out[i]!]!;
  }
  return withData(image, out);
}

const clip = (v: number) => Math.min(255, Math.max(0, Math.trunc(v)));

/** Stretches each channel over 0..255. */
export const autocontrast = (image: Rgb): Rgb =>
  throughTables(image, (counts) => {
    const lowest = counts.findIndex((n) => n > 0);
    const highest = counts.findLastIndex((n) => n > 0);
    if (highest <= lowest) return null;
    const scale = 255 / (highest - lowest);
    return Uint8Array.from({ length: 256 }, (_, v) => clip(v * scale - lowest * scale));
  });

/** Spreads each channel's values evenly. */
export const equalize = (image: Rgb): Rgb =>
  throughTables(image, (counts) => {
    const last = counts[counts.findLastIndex((n) => n > 0)]!;
    const step = Math.floor((image.width * image.height - last) / 255);
    if (step === 0) return null;
    let n = step >> 1;
    return Uint8Array.from(counts, (count) => {
      const v = Math.floor(n / step);
      n += count;
      return Math.min(255, v);
    });
  });

/** Where a pixel of the result is looked up: x' = a x + b y + c, y' = d x + e y + f, of pixel centres. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

const mix = (a: number, b: number, part: number) => a + (b - a) * part;

/** Image.transform(AFFINE, BILINEAR): what lies outside becomes `fill`. */
export function affine(image: Rgb, [a, b, c, d, e, f]: Affine, fill: readonly [number, number, number]): Rgb {
  const { width, height, data } = image;
  const out = new Uint8Array(data.length);
  const stride = width * 3;
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, to += 3) {
      const fromX = a * (x + 0.5) + b * (y + 0.5) + c;
      const fromY = d * (x + 0.5) + e * (y + 0.5) + f;
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) {
        out[to] = fill[0];
        out[to + 1] = fill[1];
        out[to + 2] = fill[2];
        continue;
      }
      const x0 = Math.floor(fromX - 0.5);
      const y0 = Math.floor(fromY - 0.5);
      const dx = fromX - 0.5 - x0;
      const dy = fromY - 0.5 - y0;
      const left = Math.max(0, x0) * 3;
      const right = Math.min(width - 1, x0 + 1) * 3;
      const above = Math.max(0, y0) * stride;
      const below = Math.min(height - 1, y0 + 1) * stride;
      for (let k = 0; k < 3; k++) {
        const top = mix(data[above + left + k]!, data[above + right + k]!, dx);
        const bottom = mix(data[below + left + k]!, data[below + right + k]!, dx);
        out[to + k] = mix(top, bottom, dy);
      }
    }
  return withData(image, out);
}

/** By `degrees` about the middle, against the clock as Image.rotate. */
export function rotation({ width, height }: Rgb, degrees: number): Affine {
  const angle = (-degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y];
}

/** Left and right exchanged. */
export function flipped({ width, height, data }: Rgb): Rgb {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      const to = (y * width + width - 1 - x) * 3;
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  return { width, height, data: out };
}

/** The part of an image. */
export function cropped({ width, data }: Rgb, box: { left: number; top: number; width: number; height: number }): Rgb {
  const out = new Uint8Array(box.width * box.height * 3);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * width + box.left) * 3;
    out.set(data.subarray(from, from + box.width * 3), y * box.width * 3);
  }
  return { width: box.width, height: box.height, data: out };
}
