// The built-in features: their gradients equal scikit-image's, their colours count pixels.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeRgb } from '../../../electron/engine/images/decode.ts';
import { HOG_DIM, hogFeature, orientations } from '../../../electron/engine/images/hog.ts';
import { resizeRgb } from '../../../electron/engine/images/resize.ts';
import { fixturePath } from '../../helpers/shared.ts';

const goldens: Record<string, number[]> = JSON.parse(readFileSync(fixturePath('images/golden/hog.json'), 'utf8'));

describe('hog', () => {
  it.each(Object.entries(goldens))('%s has the gradients of skimage.feature.hog', async (file, golden) => {
    const rgb = await decodeRgb(fixturePath(`images/${file}`));
    const values = orientations(resizeRgb(rgb, 64, 64, 'bilinear'));
    expect(values).toHaveLength(golden.length);
    expect(Math.max(...golden.map((v, i) => Math.abs(v - values[i]!)))).toBeLessThan(2e-7);
  });

  it('has two parts of unit length', async () => {
    const feature = hogFeature(await decodeRgb(fixturePath('images/00_astronaut.jpg')));
    expect(feature).toHaveLength(HOG_DIM);
    expect(Math.hypot(...feature.subarray(0, HOG_DIM - 64))).toBeCloseTo(1, 5);
    expect(Math.hypot(...feature.subarray(HOG_DIM - 64))).toBeCloseTo(1, 5);
  });

  it('knows a flat colour and no gradient in it', () => {
    const data = new Uint8Array(30 * 20 * 3);
    for (let i = 0; i < data.length; i += 3) data.set([255, 64, 63], i); // levels 3, 1, 0
    const feature = hogFeature({ width: 30, height: 20, data });
    const set = [...feature].flatMap((v, i) => (v === 0 ? [] : [[i - (HOG_DIM - 64), v]]));
    expect(set).toEqual([[3 * 16 + 1 * 4, 1]]);
  });
});
