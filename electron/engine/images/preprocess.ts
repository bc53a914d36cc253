// Pixels to model input as transformers' image processors do it with Pillow: resize, centre crop, rescale, normalise.
import { createKernel, type Kernel } from './kernel.ts';
import { type Rgb, reserve, resizeLent, resizeRgb } from './resize.ts';
import type { Preprocessing } from './spec.ts';

/** Writes [3, height, width] of `spec` into `out` from `offset` on. */
export function preprocess(rgb: Rgb, spec: Preprocessing, out: Float32Array, offset: number): void {
  normalise(resizedAndCropped(rgb, spec, resizeLent), spec, out, offset);
}

/** Bytes [height, width, 3] as the model's numbers, [3, height, width], into `out` from `offset` on. */
export function normalise(bytes: Uint8Array, spec: Preprocessing, out: Float32Array, offset: number): void {
  const plane = spec.width * spec.height;
  const groups = Math.ceil(plane / 4);
  // planes begin at whole words: V8 copies to shared memory byte by byte where one side does not
  const [src, dst] = [TABLE_BYTES, (TABLE_BYTES + 12 * (groups + 1) + 15) & ~15];
  kernel ??= createKernel();
  const memory = reserve(kernel, dst + 48 * groups);
  memory.set(tableBytes(spec));
  memory.set(bytes, src);
  kernel.planes(src, dst, 0, groups);
  for (let channel = 0; channel < 3; channel++)
    out.set(new Float32Array(memory.buffer, dst + channel * groups * 16, plane), offset + channel * plane);
}

/** The 8-bit step before normalising: RGB of spec.width x spec.height. Only what the crop keeps is computed. */
export function resizedAndCropped(rgb: Rgb, spec: Preprocessing, resize = resizeRgb): Uint8Array {
  const [width, height] = resizedSize(rgb.width, rgb.height, spec.resize);
  const crop: NonNullable<Preprocessing['crop']> = spec.crop ?? { width, height };
  if (crop.width !== spec.width || crop.height !== spec.height) {
    throw new Error(
      `the model takes ${spec.width} x ${spec.height} pixels, its preprocessing gives ${crop.width} x ${crop.height}`,
    );
  }
  // transformers' center_crop: pads with zeros where the image is smaller, the odd pixel first.
  const [left, x, w] = cropSpan(width, crop.width, crop.halves);
  const [top, y, h] = cropSpan(height, crop.height, crop.halves);
  const part = resize(rgb, width, height, spec.resample, { left, top, width: w, height: h });
  if (w === crop.width && h === crop.height) return part;
  const padded = new Uint8Array(crop.width * crop.height * 3);
  for (let r = 0; r < h; r++) padded.set(part.subarray(r * w * 3, (r + 1) * w * 3), ((y + r) * crop.width + x) * 3);
  return padded;
}

/** Along one axis: where the kept part begins in the image, where it lands in the crop, and its length. */
function cropSpan(size: number, crop: number, halves?: 'even'): [number, number, number] {
  if (size < crop) return [0, Math.ceil((crop - size) / 2), size];
  const start = Math.floor((size - crop) / 2);
  return [halves === 'even' && (size - crop) % 2 === 1 && start % 2 === 1 ? start + 1 : start, 0, crop];
}

/** transformers' get_resize_output_image_size: the longer edge is cut to an integer, not rounded. */
export function resizedSize(width: number, height: number, resize: Preprocessing['resize']): [number, number] {
  if (resize.mode === 'none') return [width, height];
  if (resize.mode === 'exact') return [resize.width, resize.height];
  const { size } = resize;
  return width <= height ? [size, Math.trunc((size * height) / width)] : [Math.trunc((size * width) / height), size];
}

/** One of its own, so that its memory is not the one that a resize has lent. */
let kernel: Kernel | null = null;
const TABLE_BYTES = 3 * 256 * 4;
let last: { key: string; table: Uint8Array } | null = null;

/** (v * rescale - mean) / std for every channel and byte, with numpy's float32 roundings. */
function tableBytes({ mean, std, rescale }: Preprocessing): Uint8Array {
  const key = JSON.stringify([mean, std, rescale]);
  if (last?.key !== key) {
    const f = Math.fround;
    const table = Float32Array.from({ length: 768 }, (_, i) => {
      const channel = i >> 8;
      return f(f(f((i & 255) * rescale) - f(mean[channel]!)) / f(std[channel]!));
    });
    last = { key, table: new Uint8Array(table.buffer) };
  }
  return last.table;
}
