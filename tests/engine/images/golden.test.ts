// Twelve images from file to model input against transformers and Pillow (tests/fixtures/images, see make_goldens.py there).
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeRgb } from '../../../electron/engine/images/decode.ts';
import { preprocess, resizedAndCropped } from '../../../electron/engine/images/preprocess.ts';
import { resizeRgb } from '../../../electron/engine/images/resize.ts';
import type { Preprocessing } from '../../../electron/engine/images/spec.ts';
import { readNpy } from '../../../electron/engine/npy.ts';
import { fixturePath } from '../../helpers/shared.ts';

const npy = (name: string) => readNpy(readFileSync(fixturePath(`images/${name}.npy`)), name);
const files = readdirSync(fixturePath('images'))
  .filter((name) => /^\d\d_/.test(name))
  .sort();
const common = {
  resample: 'bicubic',
  crop: { width: 64, height: 64 },
  rescale: 1 / 255,
  width: 64,
  height: 64,
} as const;
const clip: Preprocessing = {
  ...common,
  resize: { mode: 'shortest', size: 64 },
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};
const resnet: Preprocessing = {
  ...common,
  resize: { mode: 'shortest', size: 72 },
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};
const VALUES = 3 * 64 * 64;

/** 16-bit grey, which Pillow clips to white: the goldens of its upper byte are in files of their own. */
const GREY16 = '09_gray16.png';

describe('golden images', () => {
  it('are twelve', () => expect(files).toHaveLength(12));

  it.each(files)('%s decodes to the bytes of Pillow', async (file) => {
    const rgb = await decodeRgb(fixturePath(`images/${file}`));
    const golden = npy(file === GREY16 ? 'decoded/alt_09_gray16_shift8' : `decoded/${file.replace(/\.\w+$/, '')}`);
    expect([rgb.height, rgb.width, 3]).toEqual(golden.shape);
    expect(Buffer.compare(rgb.data, golden.data as Uint8Array)).toBe(0);
  });

  it.each(files.filter((file) => file !== GREY16))(
    '%s gives the resized bytes and pixel values of transformers',
    async (file) => {
      const rgb = await decodeRgb(fixturePath(`images/${file}`));
      const index = files.indexOf(file);
      const planar = npy('golden/clip_u8').data.subarray(index * VALUES, (index + 1) * VALUES);
      const bytes = resizedAndCropped(rgb, clip);
      expect(bytes.every((v, i) => v === planar[(i % 3) * 64 * 64 + Math.floor(i / 3)])).toBe(true);
      for (const [name, spec] of [
        ['clip', clip],
        ['resnet', resnet],
      ] as const) {
        const out = new Float32Array(VALUES + 2).fill(7);
        preprocess(rgb, spec, out, 1);
        const golden = npy(`golden/${name}_pixel_values`).data.subarray(index * VALUES, (index + 1) * VALUES);
        expect(out.subarray(1, VALUES + 1), name).toEqual(golden);
        expect([out[0], out.at(-1)]).toEqual([7, 7]);
      }
    },
  );

  it(`${GREY16} gives those of its upper byte`, async () => {
    const out = new Float32Array(VALUES);
    preprocess(await decodeRgb(fixturePath(`images/${GREY16}`)), clip, out, 0);
    expect(out).toEqual(npy('golden/clip_alt_09').data);
  });
});

describe('preprocessing', () => {
  const ramp = { width: 5, height: 3, data: Uint8Array.from({ length: 45 }, (_, i) => i + 1) };
  const plain: Preprocessing = {
    ...clip,
    resize: { mode: 'none' },
    crop: null,
    rescale: 1,
    mean: [0, 0, 0],
    std: [1, 1, 1],
    width: 5,
    height: 3,
  };

  it('pads with zeros before normalising where the crop is larger, the odd pixel first', () => {
    const bytes = resizedAndCropped(ramp, { ...plain, crop: { width: 8, height: 4 }, width: 8, height: 4 });
    const rows = Array.from({ length: 4 }, (_, y) => [...bytes.subarray(y * 24, y * 24 + 24)]);
    expect(rows[0]).toEqual(new Array(24).fill(0));
    expect(rows[1]).toEqual([...new Array(6).fill(0), ...ramp.data.subarray(0, 15), 0, 0, 0]);
    expect(rows[3]).toEqual([...new Array(6).fill(0), ...ramp.data.subarray(30, 45), 0, 0, 0]);
  });

  it('pads one axis and cuts the other', () => {
    const bytes = resizedAndCropped(ramp, { ...plain, crop: { width: 2, height: 5 }, width: 2, height: 5 });
    expect([...bytes.subarray(6, 12)]).toEqual([...ramp.data.subarray(3, 9)]);
    expect([...bytes.subarray(0, 6), ...bytes.subarray(24)]).toEqual(new Array(12).fill(0));
  });

  it('takes bytes as they are where the model does', () => {
    const out = new Float32Array(45);
    preprocess(ramp, plain, out, 0);
    expect([out[0], out[1], out[15], out[44]]).toEqual([1, 4, 2, 45]);
  });

  it('resizes to an exact size', () => {
    const out = new Float32Array(3 * 4 * 6);
    preprocess(ramp, { ...plain, resize: { mode: 'exact', width: 4, height: 6 }, width: 4, height: 6 }, out, 0);
    const bytes = resizeRgb(ramp, 4, 6, 'bicubic');
    expect([...out]).toEqual([0, 1, 2].flatMap((channel) => [...bytes].filter((_, i) => i % 3 === channel)));
  });

  it('crops from the middle; half a pixel goes down, or to the even side as in torchvision', () => {
    // Python: [int(round((w - 2) / 2.0)) for w in (5, 7, 9, 6)] and [(w - 2) // 2 for w in (5, 7, 9, 6)]
    const starts = (halves?: 'even') =>
      [5, 7, 9, 6].map((width) => {
        const row = { width, height: 1, data: Uint8Array.from({ length: width * 3 }, (_, i) => Math.floor(i / 3)) };
        const crop = { width: 2, height: 1, ...(halves ? { halves } : {}) };
        return resizedAndCropped(row, { ...plain, crop, width: 2, height: 1 })[0];
      });
    expect(starts('even')).toEqual([2, 2, 4, 2]);
    expect(starts()).toEqual([1, 2, 3, 2]);
  });

  it('refuses sizes that do not fit the model', () => {
    expect(() => preprocess(ramp, { ...plain, width: 4 }, new Float32Array(99), 0)).toThrow(
      'the model takes 4 x 3 pixels, its preprocessing gives 5 x 3',
    );
  });
});
