// The lab's own JPEG decoder: the bytes of libjpeg-turbo (here through libvips), and everything unusual left to libvips.
import { readFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeJpeg } from '../../../electron/engine/images/jpeg.ts';
import { fixturePath } from '../../helpers/shared.ts';

const file = (name: string) => readFileSync(fixturePath(`images/${name}`));

async function byLibvips(jpeg: Buffer): Promise<{ width: number; height: number; data: Buffer }> {
  const { data, info } = await sharp(jpeg, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

/** Colour that changes from pixel to pixel, cut from a noisy picture at a place of its own. */
function picture(width: number, height: number, seed: number): Sharp {
  const data = Buffer.alloc(width * height * 3);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const pixel = Math.floor(i / 3);
    const wave = 128 + 90 * Math.sin((pixel % width) / 5 + (i % 3)) * Math.cos(Math.floor(pixel / width) / 7);
    data[i] = Math.min(255, Math.max(0, wave + ((state >>> 16) % 60) - 30));
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

describe('pixels', () => {
  it.each(['4:2:0', '4:4:4'])('with colour at %s equal libjpeg-turbo’s at every size and quality', async (chroma) => {
    let decoded = 0;
    for (let i = 0; i < 160; i++) {
      const [width, height] = [1 + ((i * 7) % 53), 1 + ((i * 11) % 37)];
      const quality = [1, 10, 50, 75, 92, 100][i % 6]!;
      const jpeg = await picture(width, height, i + 1)
        .jpeg({ quality, chromaSubsampling: chroma, optimiseCoding: i % 2 === 0 })
        .toBuffer();
      const [made, expected] = [decodeJpeg(jpeg), await byLibvips(jpeg)];
      if (!made) {
        expect(width, 'only colour of one or two pixels is left to libvips').toBeLessThanOrEqual(4);
        continue;
      }
      decoded++;
      expect([made.width, made.height]).toEqual([expected.width, expected.height]);
      expect(Buffer.compare(made.data, expected.data), `${width} x ${height}, quality ${quality}`).toBe(0);
    }
    expect(decoded).toBeGreaterThan(140);
  });

  it('of grey equal libjpeg-turbo’s, whatever sampling it states', async () => {
    for (let i = 0; i < 60; i++) {
      const [width, height] = [1 + ((i * 7) % 53), 1 + ((i * 11) % 37)];
      const grey = picture(width, height, i + 1).toColourspace('b-w');
      const jpeg = await grey.jpeg({ quality: [1, 50, 92, 100][i % 4]!, optimiseCoding: i % 2 === 0 }).toBuffer();
      const sampling = jpeg.indexOf(Buffer.from([0xff, 0xc0])) + 11;
      expect(jpeg[sampling]).toBe(0x11);
      jpeg[sampling] = [0x11, 0x21, 0x22][i % 3]!;
      const [made, expected] = [decodeJpeg(jpeg), await sharp(jpeg).toColourspace('srgb').raw().toBuffer()];
      expect([made?.width, made?.height]).toEqual([width, height]);
      expect(Buffer.compare(made!.data, expected), `${width} x ${height}`).toBe(0);
    }
  });

  it.each(['422', '422-restart-rows', '420-restarts'])('of %s.jpg equal libjpeg-turbo’s', async (name) => {
    const jpeg = file(`jpeg/${name}.jpg`);
    const made = decodeJpeg(jpeg);
    expect(made && Buffer.compare(made.data, (await byLibvips(jpeg)).data)).toBe(0);
  });

  it('do not depend on the image before', () => {
    const [small, other] = [file('jpeg/422.jpg'), file('jpeg/420-restarts.jpg')];
    const first = decodeJpeg(small)?.data.slice();
    decodeJpeg(other);
    expect(decodeJpeg(small)?.data).toEqual(first);
    expect(first).toHaveLength(45 * 35 * 3);
  });
});

describe('left to libvips', () => {
  it.each(['03_china_progressive.jpg', '06_flower_cmyk.jpg', 'jpeg/progressive.jpg', 'jpeg/adobe-rgb.jpg'])(
    'is %s',
    (name) => expect(decodeJpeg(file(name))).toBeNull(),
  );

  it.each(['jpeg/422.jpg', 'jpeg/420-restarts.jpg'])('is %s cut anywhere', (name) => {
    const jpeg = file(name);
    for (let length = 2; length < jpeg.length; length++)
      expect(decodeJpeg(jpeg.subarray(0, length)), `${length}`).toBeNull();
  });

  it('is what has too much or too little data before its end', () => {
    const jpeg = file('jpeg/422.jpg');
    const end = jpeg.length - 2;
    expect(decodeJpeg(Buffer.concat([jpeg.subarray(0, end), Buffer.alloc(2), jpeg.subarray(end)]))).toBeNull();
    expect(decodeJpeg(Buffer.concat([jpeg.subarray(0, end - 3), jpeg.subarray(end)]))).toBeNull();
  });

  it('is what is damaged, unless libvips finds nothing wrong either', async () => {
    const jpeg = file('jpeg/420-restarts.jpg');
    const scan = jpeg.indexOf(Buffer.from([0xff, 0xda])) + 14;
    let [left, taken] = [0, 0];
    for (let i = scan; i < jpeg.length - 2; i++) {
      const damaged = Buffer.from(jpeg);
      damaged[i]! ^= 1 << (i % 8);
      const made = decodeJpeg(damaged);
      if (made) taken++;
      else left++;
      if (made) expect(Buffer.compare(made.data, (await byLibvips(damaged)).data), `byte ${i}`).toBe(0);
    }
    expect(left).toBeGreaterThan(50);
    expect(taken).toBeGreaterThan(50);
  });
});
