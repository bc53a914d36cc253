// BMP to RGB: 1, 4, 8, 16, 24 and 32 bits, RLE, colour masks, either row order. sharp reads none, and bmp-ts (tried) gives wrong
// pixels for odd widths of 4 bits, RLE and files with a gap before the pixels. Layout: Microsoft's BITMAPV5HEADER pages.
import { need, u16le, u32le } from './bytes.ts';
import type { Rgb } from './resize.ts';

const RGB = 0;
const RLE8 = 1;
const RLE4 = 2;
const BITFIELDS = 3;
const ALPHA_BITFIELDS = 6;

type Bmp = {
  width: number;
  height: number;
  topDown: boolean;
  bits: number;
  compression: number;
  palette: Uint8Array;
  masks: number[];
  start: number;
};

/** Throws a plain reason; what Windows calls JPEG- or PNG-compressed bitmaps is refused by name. */
export function decodeBmp(bytes: Uint8Array): Rgb {
  const bmp = readInfo(bytes);
  const stride = ((bmp.width * bmp.bits + 31) >> 5) * 4;
  const runs = bmp.compression === RLE8 || bmp.compression === RLE4;
  if (!runs && bytes.length < bmp.start + stride * (bmp.height - 1) + Math.ceil((bmp.width * bmp.bits) / 8))
    throw cutOff();
  const data = new Uint8Array(bmp.width * bmp.height * 3);
  if (runs) unpackRuns(bytes, bmp, data);
  else {
    const row = rowReader(bytes, bmp, data);
    for (let y = 0; y < bmp.height; y++)
      row(bmp.start + y * stride, (bmp.topDown ? y : bmp.height - 1 - y) * bmp.width * 3);
  }
  return { width: bmp.width, height: bmp.height, data };
}

const cutOff = () => new Error('premature end of data');

function readInfo(bytes: Uint8Array): Bmp {
  need(bytes, 26);
  const size = u32le(bytes, 14);
  const core = size === 12;
  if (!core && size < 40) throw new Error(`this kind of BMP is not supported: header of ${size} bytes`);
  need(bytes, 14 + size);
  const rawHeight = core ? u16le(bytes, 20) : u32le(bytes, 22) | 0;
  const width = core ? u16le(bytes, 18) : u32le(bytes, 18);
  const height = Math.abs(rawHeight);
  const bits = u16le(bytes, core ? 24 : 28);
  const compression = core ? RGB : u32le(bytes, 30);
  const colours = core ? 0 : u32le(bytes, 46);
  const fits = {
    [RGB]: [1, 4, 8, 16, 24, 32],
    [RLE8]: [8],
    [RLE4]: [4],
    [BITFIELDS]: [16, 32],
    [ALPHA_BITFIELDS]: [16, 32],
  }[compression];
  if (!fits?.includes(bits))
    throw new Error(`this kind of BMP is not supported: ${bits} bits with compression ${compression}`);
  if (width * height > 2 ** 28) throw new Error('too large: more than 268 million pixels');

  const masked = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  const masksApart = masked && size === 40 ? (compression === ALPHA_BITFIELDS ? 16 : 12) : 0;
  need(bytes, 14 + size + masksApart);
  const byDefault = bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  const masks = masked ? [54, 58, 62].map((i) => u32le(bytes, i)) : byDefault;
  const entry = core ? 3 : 4;
  const at = 14 + size + masksApart;
  const count = bits > 8 ? 0 : colours === 0 ? 1 << bits : Math.min(colours, 1 << bits);
  need(bytes, at + count * entry);
  const palette = new Uint8Array(256 * 3); // indices beyond the palette are black, as in Pillow
  for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) palette[i * 3 + c] = bytes[at + i * entry + 2 - c]!;
  return { width, height, topDown: rawHeight < 0, bits, compression, palette, masks, start: u32le(bytes, 10) };
}

/** Copies one uncompressed row from byte `from` to `data[to..]`. */
function rowReader(
  bytes: Uint8Array,
  { width, bits, palette, masks }: Bmp,
  data: Uint8Array,
): (from: number, to: number) => void {
  if (bits <= 8) {
    const each = 8 / bits;
    const mask = (1 << bits) - 1;
    return (from, to) => {
      for (let x = 0; x < width; x++) {
        const index = (bytes[from + Math.floor(x / each)]! >> (8 - bits * ((x % each) + 1))) & mask;
        data.set(palette.subarray(index * 3, index * 3 + 3), to + x * 3);
      }
    };
  }
  if (bits === 24) {
    return (from, to) => {
      for (let end = from + width * 3; from < end; from += 3, to += 3) {
        data[to] = bytes[from + 2]!;
        data[to + 1] = bytes[from + 1]!;
        data[to + 2] = bytes[from]!;
      }
    };
  }
  const read = bits === 16 ? u16le : u32le;
  const parts = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, max: mask >>> shift || 1 };
  });
  return (from, to) => {
    for (let x = 0; x < width; x++, from += bits / 8) {
      const pixel = read(bytes, from);
      for (const { mask, shift, max } of parts) data[to++] = Math.floor((((pixel & mask) >>> shift) * 255) / max);
    }
  };
}

/** Run-length codes: (count, colour) | 0 0 end of line | 0 1 end | 0 2 dx dy | 0 n and n colours as they are, padded to 16 bits. */
function unpackRuns(
  bytes: Uint8Array,
  { width, height, topDown, compression, palette, start }: Bmp,
  data: Uint8Array,
): void {
  const nibbles = compression === RLE4;
  let [x, y] = [0, 0];
  const put = (index: number) => {
    if (x < width && y < height)
      data.set(palette.subarray(index * 3, index * 3 + 3), ((topDown ? y : height - 1 - y) * width + x) * 3);
    x++;
  };
  for (let i = 0; i < width * height; i++) data.set(palette.subarray(0, 3), i * 3); // what is skipped has colour 0
  for (let at = start; y < height; ) {
    if (at + 2 > bytes.length) throw cutOff();
    const count = bytes[at]!;
    const value = bytes[at + 1]!;
    at += 2;
    if (count > 0) for (let i = 0; i < count; i++) put(nibbles ? (i % 2 === 0 ? value >> 4 : value & 15) : value);
    else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 1) return;
    else if (value === 2) {
      if (at + 2 > bytes.length) throw cutOff();
      x += bytes[at]!;
      y += bytes[at + 1]!;
      at += 2;
    } else {
      const length = nibbles ? (value + 1) >> 1 : value;
      if (at + length > bytes.length) throw cutOff();
      for (let i = 0; i < value; i++)
        put(nibbles ? (i % 2 === 0 ? bytes[at + (i >> 1)]! >> 4 : bytes[at + (i >> 1)]! & 15) : bytes[at + i]!);
      at += length + (length & 1);
    }
  }
}
