// Pixels as a vision tower takes them: in its own order of channels, type and number of images.
import type { Preprocessing } from '../images/spec.ts';
import type { OnnxTensor } from './sessions.ts';

/** Plain data, so that a thread can be told. */
export type PixelInput = {
  /** The graph input. */
  name: string;
  type: string;
  channelsLast: boolean;
  bgr: boolean;
  /** Images of every run where the model states it; fewer are filled up with zeros. */
  fixed: number | null;
  preprocessing: Preprocessing;
};

/** Of `count` images, [count, 3, height, width] in `values`, which it may change. */
export function pixelTensor(values: Float32Array, count: number, input: PixelInput): OnnxTensor {
  const { height, width } = input.preprocessing;
  const images = input.fixed ?? count;
  let data: Float32Array | Uint8Array = filled(values, images * 3 * height * width);
  if (input.bgr) swapRedAndBlue(data, images, height * width);
  if (input.channelsLast) data = toChannelsLast(data, images, height * width);
  // a model of bytes does its own scaling, so its preprocessing leaves 0..255
  if (input.type === 'uint8') data = Uint8Array.from(data, (value) => Math.min(255, Math.max(0, Math.round(value))));
  return {
    type: input.type,
    data,
    dims: input.channelsLast ? [images, height, width, 3] : [images, 3, height, width],
  };
}

function filled(values: Float32Array, length: number): Float32Array {
  if (values.length === length) return values;
  const out = new Float32Array(length);
  out.set(values.subarray(0, length));
  return out;
}

function toChannelsLast(values: Float32Array, count: number, plane: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let image = 0; image < count; image++)
    for (let channel = 0; channel < 3; channel++)
      for (let i = 0; i < plane; i++)
        out[(image * plane + i) * 3 + channel] = values[(image * 3 + channel) * plane + i]!;
  return out;
}

function swapRedAndBlue(values: Float32Array, count: number, plane: number): void {
  for (let image = 0; image < count; image++) {
    const red = values.subarray(image * 3 * plane, (image * 3 + 1) * plane);
    const blue = values.subarray((image * 3 + 2) * plane, (image * 3 + 3) * plane);
    const kept = red.slice();
    red.set(blue);
    blue.set(kept);
  }
}
