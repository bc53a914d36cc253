// The header reader against sharp's own metadata on every format sharp writes, and against files no decoder here can make.
import { readFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { IMAGE_EXTENSIONS, readHeader, unsupportedReason } from '../../../electron/engine/images/header.ts';
import { fixturePath } from '../../helpers/shared.ts';

const [WIDTH, HEIGHT] = [37, 21];
const picture = () =>
  sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: { r: 200, g: 30, b: 90 } } });
const transparent = () => picture().ensureAlpha(0.5);

const writers: Record<string, () => Promise<Buffer>> = {
  jpeg: () => picture().jpeg().toBuffer(),
  'jpeg, progressive': () => picture().jpeg({ progressive: true }).toBuffer(),
  'jpeg, grey': () => picture().greyscale().jpeg().toBuffer(),
  'jpeg, cmyk': () => picture().toColourspace('cmyk').jpeg().toBuffer(),
  'jpeg, with a profile': () => picture().withIccProfile('p3').jpeg().toBuffer(),
  png: () => picture().png().toBuffer(),
  'png, palette': () => picture().png({ palette: true }).toBuffer(),
  'png, alpha, interlaced': () => transparent().png({ progressive: true }).toBuffer(),
  'png, 16 bit': () => picture().toColourspace('rgb16').png().toBuffer(),
  webp: () => picture().webp().toBuffer(),
  'webp, lossless': () => picture().webp({ lossless: true }).toBuffer(),
  'webp, alpha': () => transparent().webp().toBuffer(),
  gif: () => picture().gif().toBuffer(),
  tiff: () => picture().tiff().toBuffer(),
  'tiff, lzw, tiled': () => picture().tiff({ compression: 'lzw', tile: true }).toBuffer(),
  'tiff, big': () => picture().tiff({ bigtiff: true, compression: 'none' }).toBuffer(),
  avif: () => picture().avif({ effort: 0 }).toBuffer(),
};

/** Where orientation is EXIF's (AVIF turns by a property of its own, which sharp does not write). */
const oriented: Record<string, (image: Sharp) => Sharp> = {
  jpeg: (image) => image.jpeg(),
  png: (image) => image.png(),
  webp: (image) => image.webp(),
  'webp, lossless': (image) => image.webp({ lossless: true }),
  tiff: (image) => image.tiff(),
};

describe('readHeader', () => {
  it.each(Object.entries(writers))('reads %s as sharp does', async (_, write) => {
    const bytes = await write();
    const metadata = await sharp(bytes).metadata();
    const { format, width, height, orientation } = readHeader(bytes);
    expect({ format, width, height, orientation }).toEqual({
      format: metadata.format === 'heif' ? 'avif' : metadata.format,
      width: metadata.width,
      height: metadata.height,
      orientation: 1,
    });
    expect([width, height]).toEqual([WIDTH, HEIGHT]);
  });

  const turns = Object.keys(oriented).flatMap((format) =>
    [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => ({ format, orientation })),
  );
  it.each(turns)('applies orientation $orientation of $format', async ({ format, orientation }) => {
    const bytes = await oriented[format]!(picture()).withMetadata({ orientation }).toBuffer();
    const { autoOrient } = await sharp(bytes).metadata();
    const header = readHeader(bytes);
    expect([header.width, header.height, header.orientation]).toEqual([
      autoOrient.width,
      autoOrient.height,
      orientation,
    ]);
  });

  it('marks what is in four inks', async () => {
    expect(readHeader(await writers['jpeg, cmyk']!()).cmyk).toBe(true);
    expect(readHeader(await picture().toColourspace('cmyk').tiff().toBuffer()).cmyk).toBe(true);
    expect(readHeader(await writers.jpeg!()).cmyk).toBe(false);
    expect(readHeader(await writers.tiff!()).cmyk).toBe(false);
  });

  it('refuses what libvips would take for red, green and blue: YCbCr as it is in a TIFF, not within a JPEG in it', async () => {
    const plain = await picture().tiff({ compression: 'none' }).toBuffer();
    const asYcc = (bytes: Buffer) => {
      const entry = bytes.indexOf('0601030001000000', undefined, 'hex'); // PhotometricInterpretation, one short
      bytes.writeUInt16LE(6, entry + 8);
      return bytes;
    };
    expect(() => readHeader(asYcc(plain))).toThrow('TIFF in YCbCr without JPEG compression is not supported');
    expect(readHeader(asYcc(await picture().tiff({ compression: 'jpeg' }).toBuffer())).width).toBe(WIDTH);
  });

  it('reads bitmaps of both header kinds and both row orders', () => {
    for (const name of ['24', '24-os2', '24-top-down', '24-v5', '1', '8-rle']) {
      const header = readHeader(readFileSync(fixturePath(`images/bmp/${name}.bmp`)));
      expect([header.format, header.width, header.height]).toEqual(['bmp', 13, 6]);
    }
  });

  it('reads HEIC, turned by its own property, and knows that it cannot be decoded', () => {
    const header = readHeader(heic({ thumbnail: [8, 8], image: [400, 300], irot: 1 }));
    expect([header.format, header.width, header.height]).toEqual(['heic', 300, 400]);
    expect(readHeader(heic({ thumbnail: [8, 8], image: [400, 300], irot: 2 })).width).toBe(400);
    expect(unsupportedReason('heic')).toContain('HEIC');
    expect(unsupportedReason('jpeg')).toBeNull();
  });

  it('reads JPEG 2000 as a file and as a codestream', () => {
    const file = Buffer.concat([
      box('jP  ', [0x0d, 0x0a, 0x87, 0x0a]),
      box('ftyp', 'jp2 '),
      box('jp2h', box('ihdr', [...be32(21), ...be32(37), 0, 3, 7, 7, 0, 0])),
    ]);
    expect(readHeader(file)).toMatchObject({ format: 'jp2', width: 37, height: 21 });
    const codestream = Buffer.from([
      0xff,
      0x4f,
      0xff,
      0x51,
      0,
      47,
      0,
      0,
      ...be32(40),
      ...be32(21),
      ...be32(3),
      ...be32(0),
    ]);
    expect(readHeader(codestream)).toMatchObject({ format: 'jp2', width: 37, height: 21 });
    expect(unsupportedReason('jp2')).toContain('JPEG 2000');
  });

  it('knows HEIC by its first box, whatever became of the rest', () => {
    const whole = heic({ thumbnail: [8, 8], image: [40, 30], irot: 1 });
    for (const end of [28, 60, whole.length - 1])
      expect(readHeader(whole.subarray(0, end))).toMatchObject({ format: 'heic', width: 0, height: 0 });
  });

  it.each([
    ['an empty file', Buffer.alloc(0), 'the file is empty'],
    ['text', Buffer.from('This is a letter, not a picture.'), 'not an image'],
    ['a film', Buffer.concat([box('ftyp', 'isomiso2mp41'), Buffer.alloc(40)]), 'not an image'],
    ['a JPEG of two bytes', Buffer.from([0xff, 0xd8]), 'header cut short'],
    ['a GIF of six bytes', Buffer.from('GIF89a'), 'header cut short'],
    ['a GIF without size', Buffer.from('GIF89a\0\0\0\0\0\0\0'), '0 x 0'],
    ['a JPEG without a frame', Buffer.from([0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0]), 'no frame header'],
  ])('refuses %s with a reason', (_, bytes, reason) => {
    expect(() => readHeader(bytes)).toThrow(reason);
  });

  it('never fails in another way, wherever a file is cut or damaged', async () => {
    for (const write of [
      ...Object.values(writers),
      async () => heic({ thumbnail: [8, 8], image: [40, 30], irot: 1 }),
    ]) {
      const bytes = await write();
      for (let end = 0; end < Math.min(bytes.length, 700); end++) {
        const damaged = Buffer.from(bytes);
        damaged[end] = (damaged[end]! ^ 0xff) & 0xff;
        for (const broken of [bytes.subarray(0, end), damaged]) {
          try {
            const { format, width, height } = readHeader(broken);
            expect((width > 0 && height > 0) || format === 'heic').toBe(true);
          } catch (error) {
            expect((error as Error).constructor).toBe(Error);
            expect((error as Error).message).toMatch(/cut short|not supported|not an? |empty|its header says/);
          }
        }
      }
    }
  });

  it('takes a few microseconds a file', () => {
    const bytes = readFileSync(fixturePath('images/07_rocket_exif6.jpg'));
    for (let i = 0; i < 2000; i++) readHeader(bytes);
    const start = performance.now();
    for (let i = 0; i < 5000; i++) readHeader(bytes);
    expect(((performance.now() - start) / 5000) * 1000).toBeLessThan(50);
  });

  it('names files by the endings of images, decodable or not', () => {
    for (const ending of [
      '.jpg',
      '.jpeg',
      '.png',
      '.webp',
      '.gif',
      '.bmp',
      '.tif',
      '.tiff',
      '.avif',
      '.heic',
      '.heif',
      '.jp2',
    ])
      expect(IMAGE_EXTENSIONS.has(ending), ending).toBe(true);
    expect(IMAGE_EXTENSIONS.has('.txt')).toBe(false);
  });
});

const be32 = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

function box(type: string, ...content: (string | number[] | Buffer)[]): Buffer {
  const body = Buffer.concat(content.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
  return Buffer.concat([Buffer.from(be32(body.length + 8)), Buffer.from(type), body]);
}

/** The boxes of a HEIC with a thumbnail as item 1 and the primary image as item 2. */
function heic({
  thumbnail,
  image,
  irot,
}: {
  thumbnail: [number, number];
  image: [number, number];
  irot: number;
}): Buffer {
  const full = [0, 0, 0, 0];
  const ispe = (size: [number, number]) => box('ispe', full, be32(size[0]), be32(size[1]));
  const ipma = box('ipma', full, be32(2), [0, 1, 1, 1], [0, 2, 2, 0x82, 0x83]);
  const meta = box(
    'meta',
    full,
    box('pitm', full, [0, 2]),
    box('iprp', box('ipco', ispe(thumbnail), ispe(image), box('irot', [irot])), ipma),
  );
  return Buffer.concat([box('ftyp', 'heic', [0, 0, 0, 0], 'mif1heic'), meta]);
}
