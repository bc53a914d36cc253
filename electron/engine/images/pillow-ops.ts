// Pillow's picture operations that augmentation is made of, byte for byte (ImageEnhance, ImageOps, Image.transform). Each takes
// RGB bytes and gives new ones, or the same where nothing changes.
import type { Rgb } from './resize.ts';

/** Pillow's L: ITU-R 601-2 in 16-bit fixed point. */
const luma = (data: Uint8Array, at: number) =>
  (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16;

/** Blend.c: from + factor * (to - from) in single precision, cut to an integer and clipped. */
function blend(to: Uint8Array, factor: number, from: (at: number) => number): Uint8Array {
  const f = Math.fround(factor);
  const out = new Uint8Array(to.length);
  for (let i = 0; i < to.length; i++) {
    const start = from(i);
    const mixed = Math.fround(start + Math.fround(f * (to[i]! - start)));
    out[i] = mixed <= 0 ? 0 : mixed >= 255 ? 255 : mixed;
  }
  return out;
}

const withData = (image: Rgb, data: Uint8Array): Rgb => ({ width: image.width, height: image.height, data });

/** 0: black, 1: as it is. */
export const brightness = (image: Rgb, factor: number): Rgb =>
  factor === 1
    ? image
    : withData(
        image,
        blend(image.data, factor, () => 0),
      );

/** 0: the mean grey, 1: as it is. */
export function contrast(image: Rgb, factor: number): Rgb {
  if (factor === 1) return image;
  let sum = 0;
  for (let at = 0; at < image.data.length; at += 3) sum += luma(image.data, at);
  const mean = Math.trunc(sum / (image.width * image.height) + 0.5);
  return withData(
    image,
    blend(image.data, factor, () => mean),
  );
}

/** 0: grey, 1: as it is. */
export function saturation(image: Rgb, factor: number): Rgb {
  if (factor === 1) return image;
  const { data } = image;
  return withData(
    image,
    blend(data, factor, (i) => luma(data, i - (i % 3))),
  );
}

/** 0: smoothed (a 3 x 3 mean with the middle five times; edges as they are), 1: as it is, 2: sharpened. */
export function sharpness(image: Rgb, factor: number): Rgb {
  if (factor === 1) return image;
  const { width, height, data } = image;
  const stride = width * 3;
  const smooth = (i: number) => {
    const y = Math.floor(i / stride);
    const x = Math.floor((i - y * stride) / 3);
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) return data[i]!;
    let sum = 4 * data[i]!;
    for (let row = i - stride; row <= i + stride; row += stride) sum += data[row - 3]! + data[row]! + data[row + 3]!;
    return Math.floor(sum / 13 + 0.5);
  };
  return withData(image, blend(data, factor, smooth));
}

/** Keeps the upper `bits` of every byte. */
export function posterize(image: Rgb, bits: number): Rgb {
  const mask = 256 - 2 ** (8 - bits);
  return withData(
    image,
    image.data.map((v) => v & mask),
  );
}

/** Turns every byte from `threshold` on into its negative. */
export const solarize = (image: Rgb, threshold: number): Rgb =>
  withData(
    image,
    image.data.map((v) => (v < threshold ? v : 255 - v)),
  );

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
        out.set(fill, to);
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
