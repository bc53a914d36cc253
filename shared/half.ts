// IEEE half precision, for models that take or give float16: round to nearest, ties to even.

const view = new DataView(new ArrayBuffer(4));

export function toHalf(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    view.setFloat32(0, values[i]!);
    const bits = view.getUint32(0);
    const sign = (bits >>> 16) & 0x8000;
    const exponent = ((bits >>> 23) & 255) - 127 + 15;
    const fraction = bits & 0x7fffff;
    if (exponent >= 31) out[i] = sign | 0x7c00 | (((bits >>> 23) & 255) === 255 && fraction ? 0x200 : 0);
    else if (exponent <= 0) {
      // below 2^-14: a count of units of 2^-24
      const small = Math.abs(values[i]!) * 2 ** 24;
      const floor = Math.floor(small);
      const rest = small - floor;
      out[i] = sign | (floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0));
    } else {
      const rest = fraction & 0x1fff;
      const half = (exponent << 10) | (fraction >>> 13);
      // a carry out of the fraction rightly raises the exponent
      out[i] = sign | (half + (rest > 0x1000 || (rest === 0x1000 && half % 2 === 1) ? 1 : 0));
    }
  }
  return out;
}

export function fromHalf(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const h = halves[i]!;
    const exponent = (h >>> 10) & 31;
    const fraction = h & 1023;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction
            ? Number.NaN
            : Number.POSITIVE_INFINITY
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    out[i] = h & 0x8000 ? -magnitude : magnitude;
  }
  return out;
}
