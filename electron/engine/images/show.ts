// Images for the screens, through sharp's own pipeline: colour profiles are obeyed here, orientation is applied.
import { rename, rm, writeFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { decodeBmp } from './bmp.ts';
import { forVips, plainReason, readImage } from './decode.ts';
import { readHeader, unsupportedReason } from './header.ts';

/** Longest edge of a thumbnail, in pixels. */
const THUMBNAIL_EDGE = 256;
/** WebP holds no more than this along an edge. */
const WEBP_EDGE = 16383;

/** What every browser the lab runs in decodes by itself, and its media type. */
const SHOWN_AS_IS: Record<string, string> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
};

/** Writes a thumbnail to `temporary`, then moves it to `target`: a reader never finds half a file. Throws a plain reason. */
export async function writeThumbnail(file: string, target: string, temporary: string): Promise<void> {
  const webp = await encode(file, (image) =>
    image.resize(THUMBNAIL_EDGE, THUMBNAIL_EDGE, { fit: 'inside', withoutEnlargement: true }).webp({ quality: 80 }),
  );
  try {
    await writeFile(temporary, webp);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Nothing and a type where a browser shows the file as it is (of EXIF orientations it is sure to obey JPEG's alone), else a WebP. */
export async function displayable(file: string, format: string): Promise<{ body: Uint8Array | null; type: string }> {
  const type = SHOWN_AS_IS[format];
  if (type && (format === 'jpeg' || format === 'gif' || format === 'avif')) return { body: null, type };
  if (type && readHeader(readImage(file)).orientation === 1) return { body: null, type };
  const body = await encode(file, (image) =>
    image.resize(WEBP_EDGE, WEBP_EDGE, { fit: 'inside', withoutEnlargement: true }).webp({ quality: 92 }),
  );
  return { body, type: 'image/webp' };
}

/** Shows as much of a damaged file as there is: that it is damaged is told elsewhere. */
async function encode(file: string, finish: (image: Sharp) => Sharp): Promise<Uint8Array> {
  const bytes = readImage(file);
  const { format } = readHeader(bytes);
  const unsupported = unsupportedReason(format);
  if (unsupported) throw new Error(unsupported);
  try {
    if (format !== 'bmp')
      return await finish(sharp(forVips(bytes, format), { failOn: 'none' }).autoOrient()).toBuffer();
    const { width, height, data } = decodeBmp(bytes);
    return await finish(sharp(data, { raw: { width, height, channels: 3 } })).toBuffer();
  } catch (error) {
    throw new Error(plainReason((error as Error).message, format, bytes), { cause: error });
  }
}
