// Pixels to model input as transformers' image processors do it with Pillow: resize, centre crop, rescale, normalise.
import { type Rgb, resizeRgb } from './resize.ts';
import type { Preprocessing } from './spec.ts';

/** Writes [3, height, width] of `spec` into `out` from `offset` on. */
export function preprocess(rgb: Rgb, spec: Preprocessing, out: Float32Array, offset: number): void {
  normalise(resizedAndCropped(rgb, spec), spec, out, offset);
}

/** Bytes [height, width, 3] as the model's numbers, [3, height, width], into `out` from `offset` on. */
export function normalise(bytes: Uint8Array, spec: Preprocessing, out: Float32Array, offset: number): void {
  const { width, height } = spec;
  const table = normaliser(spec);
  const plane = width * height;
  const [red, green, blue] = [table[0]!, table[1]!, table[2]!];
  const toGreen = offset + plane;
  const toBlue = toGreen + plane;
  for (let i = 0, from = 0; i < plane; i++, from += 3) {
    out[offset + i] = red[bytes[from]!]!;
    out[toGreen + i] = green[bytes[from + 1]!]!;
    out[toBlue + i] = blue[bytes[from + 2]!]!;
  }
}

/** The 8-bit step before normalising: RGB of spec.width x spec.height. Only what the crop keeps is computed. */
export function resizedAndCropped(rgb: Rgb, spec: Preprocessing): Uint8Array {
  const [width, height] = resizedSize(rgb.width, rgb.height, spec.resize);
  const crop = spec.crop ?? { width, height };
  if (crop.width !== spec.width || crop.height !== spec.height) {
    throw new Error(
      `the model takes ${spec.width} x ${spec.height} pixels, its preprocessing gives ${crop.width} x ${crop.height}`,
    );
  }
  // transformers' center_crop: pads with zeros where the image is smaller, the odd pixel first.
  const [left, x, w] = cropSpan(width, crop.width);
  const [top, y, h] = cropSpan(height, crop.height);
  const part = resizeRgb(rgb, width, height, spec.resample, { left, top, width: w, height: h });
  if (w === crop.width && h === crop.height) return part;
  const padded = new Uint8Array(crop.width * crop.height * 3);
  for (let r = 0; r < h; r++) padded.set(part.subarray(r * w * 3, (r + 1) * w * 3), ((y + r) * crop.width + x) * 3);
  return padded;
}

/** Along one axis: where the kept part begins in the image, where it lands in the crop, and its length. */
function cropSpan(size: number, crop: number): [number, number, number] {
  return size >= crop ? [Math.floor((size - crop) / 2), 0, crop] : [0, Math.ceil((crop - size) / 2), size];
}

/** transformers' get_resize_output_image_size: the longer edge is cut to an integer, not rounded. */
export function resizedSize(width: number, height: number, resize: Preprocessing['resize']): [number, number] {
  if (resize.mode === 'none') return [width, height];
  if (resize.mode === 'exact') return [resize.width, resize.height];
  const { size } = resize;
  return width <= height ? [size, Math.trunc((size * height) / width)] : [Math.trunc((size * width) / height), size];
}

const normalisers = new WeakMap<Preprocessing, Float32Array[]>();

/** (v * rescale - mean) / std for every byte and channel, with numpy's float32 roundings. */
function normaliser(spec: Preprocessing): Float32Array[] {
  let table = normalisers.get(spec);
  if (!table) {
    const f = Math.fround;
    table = spec.mean.map((mean, channel) =>
      Float32Array.from({ length: 256 }, (_, v) => f(f(f(v * spec.rescale) - f(mean)) / f(spec.std[channel]!))),
    );
    normalisers.set(spec, table);
  }
  return table;
}
