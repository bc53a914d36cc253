// Image files to upright 8-bit RGB, the same bytes as Pillow's `exif_transpose(open(file)).convert('RGB')` gives, so that
// features equal those computed in Python. What that decides:
// - Colour profiles are ignored, as Pillow does; thumbnails and what the screens show obey them.
// - CMYK becomes RGB by Pillow's plain formula, not through a printing profile.
// - 16 bits a channel keep their upper byte. Pillow does so for colour, but clips 16-bit grey at 255, which makes nearly every
//   such image white; the lab scales it instead.
// - Large photos are decoded in full: letting libjpeg shrink them (tried) saves nothing at a half, 40 % at a quarter, and the last
//   digits of the features.
// - Alpha is dropped, not composited. Of animations the first frame counts, of TIFFs the first page.
// Bytes still differ where the decoders do: AVIF with halved colour (libheif enlarges it otherwise than libavif: up to 16 levels
// at edges), and what is transparent in a GIF (black here).
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { decodeBmp } from './bmp.ts';
import { starts, u32le } from './bytes.ts';
import { readHeader, unsupportedReason } from './header.ts';
import { decodeJpeg } from './jpeg.ts';
import type { Rgb } from './resize.ts';

/** Errors of decoding are shown to the user as they are: an Error whose message is a plain reason. */
export async function decodeRgb(file: string): Promise<Rgb> {
  return decodeBytes(readImage(file));
}

/**
 * The file's bytes; a reason such as 'file not found (ENOENT)' where it cannot be read. Synchronous: this runs on threads of its
 * own, where an asynchronous read takes a fifth of the time of a small image.
 */
export function readImage(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(readFailure(error as NodeJS.ErrnoException), { cause: error });
  }
}

/**
 * The usual JPEG without libvips, at once; null for all else. The pixels lie in memory that the next image uses again: what is
 * done with them before need not be collected as garbage.
 */
export function decodeLent(bytes: Buffer): Rgb | null {
  const header = readHeader(bytes);
  return header.format === 'jpeg' && header.orientation === 1 ? decodeJpeg(bytes) : null;
}

export async function decodeBytes(bytes: Buffer): Promise<Rgb> {
  const lent = decodeLent(bytes);
  if (lent) return { ...lent, data: lent.data.slice() };
  const header = readHeader(bytes);
  const unsupported = unsupportedReason(header.format);
  if (unsupported) throw new Error(unsupported);
  if (header.format === 'bmp') return decodeBmp(bytes);
  try {
    // 'error' refuses what Pillow refuses: pixels that are missing, but not a remark of the decoder about the rest.
    const image = sharp(forVips(bytes, header.format), { failOn: 'error', ignoreIcc: true }).autoOrient();
    const plain = header.cmyk
      ? image.pipelineColourspace('cmyk').toColourspace('cmyk')
      : image.toColourspace('srgb').removeAlpha();
    const { data, info } = await plain.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: header.cmyk ? cmykToRgb(data, info.channels) : data };
  } catch (error) {
    throw new Error(plainReason((error as Error).message, header.format, bytes), { cause: error });
  }
}

/** libvips knows an AVIF by its first brand alone, and none of animations; their first picture is stored as any other. */
export function forVips(bytes: Buffer, format: string): Buffer {
  if (format !== 'avif' || starts(bytes, 8, 'avif')) return bytes;
  const branded = Buffer.from(bytes);
  branded.write('avif', 8, 'latin1');
  return branded;
}

/** Pillow's cmyk2rgb: 255 - k, less its share of each ink. `channels` is 4, or more where the file has others besides. */
function cmykToRgb(cmyk: Uint8Array, channels: number): Uint8Array {
  const pixels = cmyk.length / channels;
  const out = new Uint8Array(pixels * 3);
  for (let i = 0, from = 0; i < pixels; i++, from += channels) {
    const white = 255 - cmyk[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = cmyk[from + c]! * white + 128;
      out[i * 3 + c] = white - (((product >> 8) + product) >> 8);
    }
  }
  return out;
}

/** libvips' message in words for someone who has a folder of images, not a debugger. */
export function plainReason(message: string, format: string, bytes: Uint8Array): string {
  if (
    /premature end|unexpected end|end of file|truncated|not enough data|got \d+ bytes, expected/i.test(message) ||
    endIsMissing(format, bytes)
  )
    return 'premature end of data';
  if (/pixel limit|too large/i.test(message)) return 'too large: more than 268 million pixels';
  const last = message.split('\n').findLast((line) => line.trim() !== '') ?? '';
  const detail = last
    .replace(/^Input buffer has corrupt header: /, '')
    .replace(/^(Vips\w+|vips\w+|\w+2vips|\w+load\w*|heif): /, '');
  if (/^(Unknown error|libpng read error|Input buffer contains unsupported.*)?$/.test(detail))
    return `not a valid ${format.toUpperCase()} file: its data is damaged`;
  return `not a valid ${format.toUpperCase()} file: ${detail}`;
}

/**
 * Whether a file stops before its own end. PNG's and WebP's decoders do not say; JPEG's does, but libvips keeps one message
 * for all threads, and another image decoded at the same moment may take it away.
 */
function endIsMissing(format: string, bytes: Uint8Array): boolean {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // The end marker after the last scan began; an earlier one belongs to the preview inside the file.
  if (format === 'jpeg') return all.lastIndexOf('ffd9', undefined, 'hex') < all.lastIndexOf('ffda', undefined, 'hex');
  if (format === 'webp') return u32le(bytes, 4) + 8 > bytes.length;
  if (format === 'png') return all.lastIndexOf('IEND') < 0;
  return false;
}

/** A system error's code in words; the code stays, so that an unplugged drive can be told from a bad file. */
export function readFailure(error: NodeJS.ErrnoException): string {
  const { code } = error;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'file not found (ENOENT)';
  if (code === 'EACCES' || code === 'EPERM') return `no permission to read the file (${code})`;
  if (code === 'EISDIR') return 'a folder, not a file (EISDIR)';
  if (code === 'ERR_FS_FILE_TOO_LARGE') return 'larger than 2 GiB';
  return `the file could not be read (${code ?? error.message})`;
}
