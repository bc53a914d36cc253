// Format and upright size of an image from its first bytes, fast enough (a few microseconds) to sit in the import loop.
// It looks at the content, never at the name; a full decode is what finds broken pixels.
import { cutShort, need, starts, u16be, u16le, u24le, u32be, u32le } from './bytes.ts';
import { readIsobmff, readJp2 } from './header-boxes.ts';

/**
 * `width` and `height` are upright: `orientation` (EXIF, 1-8; 1 where none is stored) is already applied to them.
 * `cmyk` marks JPEG and TIFF files in four inks, which decode differently.
 */
export type ImageHeader = { format: string; width: number; height: number; orientation: number; cmyk?: boolean };

/** Names with these endings (lower case, with the dot) are taken for images, those that cannot be decoded included. */
export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set([
  ...['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif', '.bmp', '.dib', '.tif', '.tiff', '.avif'],
  ...['.heic', '.heif', '.hif', '.jp2', '.j2k', '.jpf', '.jpx'],
]);

const UNSUPPORTED: Record<string, string> = {
  heic: 'HEIC is not supported: convert it to JPEG or PNG',
  jp2: 'JPEG 2000 is not supported: convert it to JPEG or PNG',
};

/** Why the lab cannot decode a format that it can name, or null where it can. */
export const unsupportedReason = (format: string): string | null => UNSUPPORTED[format] ?? null;

/** Throws an Error with a plain reason: 'the file is empty', 'not an image', 'header cut short', ... */
export function readHeader(bytes: Uint8Array): ImageHeader {
  const header = read(bytes);
  // of a format that is not decoded anyway the name is enough
  if (!(header.width > 0 && header.height > 0) && unsupportedReason(header.format) === null)
    throw new Error(`its header says ${header.width} x ${header.height} pixels`);
  return header.orientation >= 5 ? { ...header, width: header.height, height: header.width } : header;
}

/** By the first bytes; the sizes are as stored. */
function read(bytes: Uint8Array): ImageHeader {
  if (bytes.length === 0) throw new Error('the file is empty');
  switch (bytes[0]) {
    case 0xff:
      if (bytes[1] === 0xd8) return readJpeg(bytes);
      if (bytes[1] === 0x4f && bytes[2] === 0xff && bytes[3] === 0x51) return readJp2(bytes);
      break;
    case 0x89:
      if (starts(bytes, 0, '\x89PNG\r\n\x1a\n')) return readPng(bytes);
      break;
    case 0x52:
      if (starts(bytes, 0, 'RIFF') && starts(bytes, 8, 'WEBP')) return readWebp(bytes);
      break;
    case 0x47:
      if (starts(bytes, 0, 'GIF8')) {
        need(bytes, 10);
        return { format: 'gif', width: u16le(bytes, 6), height: u16le(bytes, 8), orientation: 1 };
      }
      break;
    case 0x42:
      if (bytes[1] === 0x4d) return readBmp(bytes);
      break;
    case 0x49:
    case 0x4d:
      if (
        starts(bytes, 0, 'II*\0') ||
        starts(bytes, 0, 'MM\0*') ||
        starts(bytes, 0, 'II+\0') ||
        starts(bytes, 0, 'MM\0+')
      )
        return readTiff(bytes);
      break;
    case 0:
      if (starts(bytes, 4, 'ftyp')) return readIsobmff(bytes);
      if (starts(bytes, 4, 'jP  ')) return readJp2(bytes);
  }
  throw new Error('not an image, or of a format the lab does not know');
}

/** ITU-T T.81: segments up to the frame header (SOF); orientation from an Exif APP1 before it. */
function readJpeg(bytes: Uint8Array): ImageHeader {
  let orientation = 1;
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) throw new Error('not a valid JPEG: a marker is missing in its header');
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // fill byte
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2; // no length
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) throw new Error('not a valid JPEG: no frame header before the data');
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      need(bytes, at + 10);
      return {
        format: 'jpeg',
        width: u16be(bytes, at + 7),
        height: u16be(bytes, at + 5),
        orientation,
        cmyk: bytes[at + 9] === 4,
      };
    }
    const length = u16be(bytes, at + 2);
    if (marker === 0xe1 && orientation === 1 && starts(bytes, at + 4, 'Exif\0\0'))
      orientation = exifOrientation(bytes, at + 10, at + 2 + length);
    at += 2 + length;
  }
  throw cutShort();
}

/** Chunks up to the first IDAT: IHDR, and eXIf where there is one. */
function readPng(bytes: Uint8Array): ImageHeader {
  need(bytes, 24);
  if (!starts(bytes, 12, 'IHDR')) throw new Error('not a valid PNG: IHDR is missing');
  const header = { format: 'png', width: u32be(bytes, 16), height: u32be(bytes, 20), orientation: 1 };
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = u32be(bytes, at);
    if (starts(bytes, at + 4, 'IDAT')) break;
    if (starts(bytes, at + 4, 'eXIf')) header.orientation = exifOrientation(bytes, at + 8, at + 8 + length);
    at += 12 + length;
  }
  return header;
}

/** RIFF container with VP8, VP8L or VP8X; EXIF may stand behind the image data. */
function readWebp(bytes: Uint8Array): ImageHeader {
  need(bytes, 30);
  const header = { format: 'webp', width: 0, height: 0, orientation: 1 };
  if (starts(bytes, 12, 'VP8 ')) {
    if (!(bytes[23] === 0x9d && bytes[24] === 0x01 && bytes[25] === 0x2a))
      throw new Error('not a valid WebP: the key frame is missing');
    return { ...header, width: u16le(bytes, 26) & 0x3fff, height: u16le(bytes, 28) & 0x3fff };
  }
  if (starts(bytes, 12, 'VP8L')) {
    const bits = u32le(bytes, 21);
    return { ...header, width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (!starts(bytes, 12, 'VP8X')) throw new Error('not a valid WebP: no image in it');
  header.width = u24le(bytes, 24) + 1;
  header.height = u24le(bytes, 27) + 1;
  const hasExif = (bytes[20]! & 0x08) !== 0;
  for (let at = 12; hasExif && at + 8 <= bytes.length; ) {
    const length = u32le(bytes, at + 4);
    if (starts(bytes, at, 'EXIF')) {
      const start = at + 8 + (starts(bytes, at + 8, 'Exif\0\0') ? 6 : 0);
      header.orientation = exifOrientation(bytes, start, at + 8 + length);
      break;
    }
    at += 8 + length + (length & 1);
  }
  return header;
}

/** OS/2 core header (16-bit sizes) or a Windows one; a negative height means top row first. */
function readBmp(bytes: Uint8Array): ImageHeader {
  need(bytes, 26);
  const core = u32le(bytes, 14) === 12;
  const width = core ? u16le(bytes, 18) : u32le(bytes, 18);
  const height = core ? u16le(bytes, 20) : Math.abs(u32le(bytes, 22) | 0);
  return { format: 'bmp', width, height, orientation: 1 };
}

function readTiff(bytes: Uint8Array): ImageHeader {
  const tags = readIfd(bytes, 0, bytes.length);
  if (tags === null) throw cutShort();
  const { ycc, ...rest } = tags;
  // libvips takes the three for red, green and blue
  if (ycc) throw new Error('TIFF in YCbCr without JPEG compression is not supported: convert it to RGB');
  return { format: 'tiff', ...rest };
}

/** Orientation in the TIFF structure at [start, end); 1 where it is missing or damaged. */
function exifOrientation(bytes: Uint8Array, start: number, end: number): number {
  return readIfd(bytes, start, Math.min(end, bytes.length))?.orientation ?? 1;
}

/**
 * Size, orientation and colour tags of the first image file directory of a (Big)TIFF at [start, end); null when it is cut short.
 * `ycc`: luminance and two colour differences, stored as they are.
 */
function readIfd(
  bytes: Uint8Array,
  start: number,
  end: number,
): (Omit<ImageHeader, 'format'> & { ycc: boolean }) | null {
  if (start + 16 > end) return null;
  const little = bytes[start] === 0x49;
  const u16 = little ? u16le : u16be;
  const u32 = little ? u32le : u32be;
  const big = u16(bytes, start + 2) === 43;
  // Offsets of 8 bytes: what lies beyond 4 GiB is not read here.
  const offset = (i: number) => (big ? (little ? u32(bytes, i) : u32(bytes, i + 4)) : u32(bytes, i));
  const directory = start + offset(start + (big ? 8 : 4));
  if (directory + (big ? 8 : 2) > end) return null;
  const entries = big ? offset(directory) : u16(bytes, directory);
  const tags = { width: 0, height: 0, orientation: 1, cmyk: false, ycc: false };
  let jpeg = false;
  const size = big ? 20 : 12;
  for (let i = 0, at = directory + (big ? 8 : 2); i < entries; i++, at += size) {
    if (at + size > end) return null;
    const tag = u16(bytes, at);
    if (![256, 257, 259, 262, 274].includes(tag)) continue;
    const value =
      u16(bytes, at + 2) === 3 ? u16(bytes, at + size - (big ? 8 : 4)) : u32(bytes, at + size - (big ? 8 : 4));
    if (tag === 256) tags.width = value;
    else if (tag === 257) tags.height = value;
    else if (tag === 259)
      jpeg = value === 6 || value === 7; // Compression
    else if (tag === 262) {
      tags.cmyk = value === 5; // PhotometricInterpretation: separated
      tags.ycc = value === 6;
    } else if (value >= 1 && value <= 8) tags.orientation = value;
  }
  return { ...tags, ycc: tags.ycc && !jpeg };
}
