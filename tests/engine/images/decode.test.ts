// What decoding does with odd and broken files: bitmaps of every depth, turned and cut ones, and the reasons it gives.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeBmp } from '../../../electron/engine/images/bmp.ts';
import { decodeBytes, decodeRgb } from '../../../electron/engine/images/decode.ts';
import { writeThumbnail } from '../../../electron/engine/images/show.ts';
import { fixturePath } from '../../helpers/shared.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lab-decode-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** 4 x 2 blocks of 16 pixels, each of its own colour. */
const COLOURS = [
  [250, 10, 10],
  [10, 250, 10],
  [10, 10, 250],
  [240, 240, 20],
  [20, 240, 240],
  [240, 20, 240],
  [20, 20, 20],
  [240, 240, 240],
];
function blocks(): Buffer {
  const data = Buffer.alloc(64 * 32 * 3);
  for (let y = 0; y < 32; y++)
    for (let x = 0; x < 64; x++) data.set(COLOURS[Math.floor(y / 16) * 4 + Math.floor(x / 16)]!, (y * 64 + x) * 3);
  return data;
}
const picture = () => sharp(blocks(), { raw: { width: 64, height: 32, channels: 3 } });

/** Numbers of the block colours in an image, row by row. */
function read(rgb: { width: number; height: number; data: Uint8Array }): number[][] {
  return Array.from({ length: rgb.height / 16 }, (_, row) =>
    Array.from({ length: rgb.width / 16 }, (_, column) => {
      const at = ((row * 16 + 8) * rgb.width + column * 16 + 8) * 3;
      const distance = (colour: number[]) => Math.hypot(...colour.map((v, c) => v - rgb.data[at + c]!));
      const nearest = COLOURS.toSorted((a, b) => distance(a) - distance(b))[0]!;
      return distance(nearest) < 40 ? COLOURS.indexOf(nearest) : -1;
    }),
  );
}

describe('bitmaps', () => {
  const goldens: Record<string, string> = JSON.parse(readFileSync(fixturePath('images/golden/bmp.json'), 'utf8'));

  it('are all there', () =>
    expect(
      readdirSync(fixturePath('images/bmp'))
        .map((name) => name.slice(0, -4))
        .sort(),
    ).toEqual(Object.keys(goldens).sort()));

  it.each(Object.entries(goldens))('of kind %s decode to the bytes of Pillow', async (name, golden) => {
    const { width, height, data } = await decodeRgb(fixturePath(`images/bmp/${name}.bmp`));
    expect([width, height]).toEqual([13, 6]);
    expect(Buffer.from(data).toString('base64')).toBe(golden);
  });

  it('that are cut or of a kind that is not read say so', () => {
    const bytes = readFileSync(fixturePath('images/bmp/24.bmp'));
    expect(() => decodeBmp(bytes.subarray(0, bytes.length - 10))).toThrow('premature end of data');
    expect(() => decodeBmp(readFileSync(fixturePath('images/bmp/8-rle.bmp')).subarray(0, 1100))).toThrow(
      'premature end of data',
    );
    expect(() => decodeBmp(bytes.subarray(0, 30))).toThrow('header cut short');
    const jpegInside = Buffer.from(bytes);
    jpegInside[30] = 4;
    expect(() => decodeBmp(jpegInside)).toThrow('24 bits with compression 4');
  });
});

describe('orientation', () => {
  // EXIF 2.32, tag 274: where row 0 and column 0 of the stored pixels are to be seen.
  const upright: Record<number, number[][]> = {
    1: [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ],
    2: [
      [3, 2, 1, 0],
      [7, 6, 5, 4],
    ],
    3: [
      [7, 6, 5, 4],
      [3, 2, 1, 0],
    ],
    4: [
      [4, 5, 6, 7],
      [0, 1, 2, 3],
    ],
    5: [
      [0, 4],
      [1, 5],
      [2, 6],
      [3, 7],
    ],
    6: [
      [4, 0],
      [5, 1],
      [6, 2],
      [7, 3],
    ],
    7: [
      [7, 3],
      [6, 2],
      [5, 1],
      [4, 0],
    ],
    8: [
      [3, 7],
      [2, 6],
      [1, 5],
      [0, 4],
    ],
  };
  const cases = ['jpeg', 'png', 'webp', 'tiff'].flatMap((format) =>
    Object.entries(upright).map(([orientation, expected]) => ({ format, orientation: Number(orientation), expected })),
  );

  it.each(cases)('$orientation of $format is applied once', async ({ format, orientation, expected }) => {
    const bytes = await picture()
      .toFormat(format as 'png', { quality: 95 })
      .withMetadata({ orientation })
      .toBuffer();
    expect(read(await decodeBytes(bytes))).toEqual(expected);
  });
});

describe('colour', () => {
  it('drops alpha without compositing', async () => {
    const rgba = Buffer.from([200, 100, 50, 0, 1, 2, 3, 128]);
    const png = await sharp(rgba, { raw: { width: 2, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect([...(await decodeBytes(png)).data]).toEqual([200, 100, 50, 1, 2, 3]);
  });

  it('keeps the upper byte of 16 bits', async () => {
    const values = Uint16Array.from([0x12ff, 0x8000, 0xff80, 0x00ff, 0x7f7f, 0xfffe]);
    const png = await sharp(values, { raw: { width: 2, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(png).metadata()).depth).toBe('ushort');
    expect([...(await decodeBytes(png)).data]).toEqual([0x12, 0x80, 0xff, 0x00, 0x7f, 0xff]);
  });

  it('ignores colour profiles, as Pillow does', async () => {
    const png = await sharp(Buffer.from([10, 200, 30]), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toBuffer();
    const tagged = await sharp(png).withIccProfile('p3').png().toBuffer();
    const { data } = await sharp(tagged, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true });
    expect((await sharp(tagged).metadata()).hasProfile).toBe(true);
    expect([...data]).not.toEqual([10, 200, 30]);
    expect([...(await decodeBytes(tagged)).data]).toEqual([...data]);
  });

  it('reads grey, CMYK and the first frame', async () => {
    expect((await decodeBytes(await picture().greyscale().png().toBuffer())).data).toHaveLength(64 * 32 * 3);
    const cmyk = await picture().toColourspace('cmyk').tiff().toBuffer();
    expect((await decodeBytes(cmyk)).data).toHaveLength(64 * 32 * 3);
    const frames = Buffer.concat([blocks(), Buffer.alloc(64 * 32 * 3)]);
    const gif = await sharp(frames, { raw: { width: 64, height: 64, channels: 3, pageHeight: 32 } })
      .gif()
      .toBuffer();
    expect((await sharp(gif).metadata()).pages).toBe(2);
    expect(read(await decodeBytes(gif))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
  });
});

it('an animated AVIF gives its first picture, as one that stands still does', async () => {
  const still = await picture().avif({ effort: 0 }).toBuffer();
  const animated = Buffer.from(still);
  animated.write('avis', 8, 'latin1');
  expect(await decodeBytes(animated)).toEqual(await decodeBytes(still));
  await writeFile(join(folder, 'moving.avif'), animated);
  const thumbnail = join(folder, 'moving.webp');
  await writeThumbnail(join(folder, 'moving.avif'), thumbnail, `${thumbnail}.tmp`);
  expect(await sharp(thumbnail).metadata()).toMatchObject({ width: 64, height: 32 });
});

describe('broken files', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'])('%s cut anywhere gives a plain reason', async (format) => {
    const noisy = sharp({
      create: {
        width: 120,
        height: 90,
        channels: 3,
        background: '#888',
        noise: { type: 'gaussian', mean: 128, sigma: 40 },
      },
    });
    const bytes = await noisy.toFormat(format as 'png').toBuffer();
    for (const share of [0.95, 0.6, 0.3, 0.1]) {
      const reason = await decodeBytes(bytes.subarray(0, Math.floor(bytes.length * share))).then(
        () => 'decoded',
        (error: Error) => error.message,
      );
      expect(reason, `${share}`).toMatch(
        /^(premature end of data|header cut short|not a valid TIFF file: Quantization .*)$/,
      );
    }
  });

  it('JPEG without its end marker is refused, as by Pillow', async () => {
    const bytes = await picture().jpeg().toBuffer();
    await expect(decodeBytes(bytes.subarray(0, -2))).rejects.toThrow('premature end of data');
  });

  it('PNG with damaged pixels is told from one that is cut', async () => {
    const bytes = await picture().png().toBuffer();
    for (let i = 0; i < 12; i++) bytes[Math.floor(bytes.length * 0.5) + i]! ^= 0x5a;
    await expect(decodeBytes(bytes)).rejects.toThrow('not a valid PNG file: its data is damaged');
  });

  it.each([
    ['zero.jpg', Buffer.alloc(0), 'the file is empty'],
    ['letter.jpg', Buffer.from('Dear Sir or Madam, this is no picture.'), 'not an image'],
    [
      'photo.heic',
      Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic'), Buffer.alloc(12)]),
      'HEIC is not supported: convert it to JPEG or PNG',
    ],
  ])('%s: %s', async (name, bytes, reason) => {
    await writeFile(join(folder, name), bytes);
    await expect(decodeRgb(join(folder, name))).rejects.toThrow(reason);
  });

  it('TIFF that lacks rows is one that is cut', async () => {
    await expect(decodeBytes(tiff(64, 48).subarray(0, -500))).rejects.toThrow('premature end of data');
    expect(await decodeBytes(tiff(64, 48))).toMatchObject({ width: 64, height: 48 });
  });

  it('files that cannot be read say why, with the code', async () => {
    await expect(decodeRgb(join(folder, 'gone.jpg'))).rejects.toThrow('file not found (ENOENT)');
    await mkdir(join(folder, 'folder.jpg'));
    await expect(decodeRgb(join(folder, 'folder.jpg'))).rejects.toThrow('EISDIR');
  });
});

/** Uncompressed grey with its directory before its pixels, in strips of 8 rows, as Pillow writes it. */
function tiff(width: number, height: number): Buffer {
  const strips = height / 8;
  const tags = 9;
  const lists = 8 + 2 + tags * 12 + 4;
  const pixels = lists + strips * 8;
  const head = Buffer.alloc(pixels);
  head.write('II*\0\x08\0\0\0', 'latin1');
  head.writeUInt16LE(tags, 8);
  const entries = [
    [256, width],
    [257, height],
    [258, 8],
    [259, 1],
    [262, 1],
    [273, lists],
    [277, 1],
    [278, 8],
    [279, lists + strips * 4],
  ];
  for (const [i, [tag, value]] of entries.entries()) {
    const many = tag === 273 || tag === 279;
    head.writeUInt16LE(tag!, 10 + i * 12);
    head.writeUInt16LE(4, 12 + i * 12);
    head.writeUInt32LE(many ? strips : 1, 14 + i * 12);
    head.writeUInt32LE(value!, 18 + i * 12);
  }
  for (let strip = 0; strip < strips; strip++) {
    head.writeUInt32LE(pixels + strip * 8 * width, lists + strip * 4);
    head.writeUInt32LE(8 * width, lists + (strips + strip) * 4);
  }
  return Buffer.concat([head, Buffer.alloc(width * height, 99)]);
}
