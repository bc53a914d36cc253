// The resize without WebAssembly, as Pillow's C code reads: what the kernel is checked against and its speed compared with.
import { PRECISION_BITS } from '../../../electron/engine/images/kernel.ts';
import { columnsFirst, type Rgb, type Taps, tapsFor } from '../../../electron/engine/images/resize.ts';
import type { Resample } from '../../../electron/engine/images/spec.ts';

const HALF = 1 << (PRECISION_BITS - 1);
const clip = (v: number) => Math.max(0, Math.min(255, v));

export function plainResize(
  source: Rgb,
  width: number,
  height: number,
  resample: Exclude<Resample, 'nearest'>,
): Uint8Array {
  const across = tapsFor(source.width, width, resample, 0, width);
  const down = tapsFor(source.height, height, resample, 0, height);
  if (columnsFirst(source, width, height))
    return rows(columns(source.data, source.width, down), source.width, height, across);
  return columns(rows(source.data, source.width, source.height, across), width, down);
}

function rows(data: Uint8Array, inWidth: number, height: number, { starts, counts, weights }: Taps): Uint8Array {
  const width = starts.length;
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const w = weights[x]!;
      let [r, g, b] = [HALF, HALF, HALF];
      for (let k = 0, from = (y * inWidth + starts[x]!) * 3; k < counts[x]!; k++, from += 3) {
        r += data[from]! * w[k]!;
        g += data[from + 1]! * w[k]!;
        b += data[from + 2]! * w[k]!;
      }
      const to = (y * width + x) * 3;
      out[to] = clip(r >> PRECISION_BITS);
      out[to + 1] = clip(g >> PRECISION_BITS);
      out[to + 2] = clip(b >> PRECISION_BITS);
    }
  }
  return out;
}

function columns(data: Uint8Array, width: number, { starts, counts, weights }: Taps): Uint8Array {
  const height = starts.length;
  const stride = width * 3;
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const w = weights[y]!;
    for (let x = 0; x < stride; x++) {
      let sum = HALF;
      for (let k = 0, from = starts[y]! * stride + x; k < counts[y]!; k++, from += stride) sum += data[from]! * w[k]!;
      out[y * stride + x] = clip(sum >> PRECISION_BITS);
    }
  }
  return out;
}
