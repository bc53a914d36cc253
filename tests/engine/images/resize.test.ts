// The resize equals Pillow's to the bit: by digests of what Pillow gave, and against the same arithmetic without WebAssembly.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resizeRgb } from '../../../electron/engine/images/resize.ts';
import type { Resample } from '../../../electron/engine/images/spec.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { plainResize } from './plain-resize.ts';

type Case = { size: [number, number]; to: [number, number]; filter: Resample; sha256: string };
const cases: Case[] = JSON.parse(readFileSync(fixturePath('images/golden/resize.json'), 'utf8'));

/** The generator of tests/fixtures/images/make_goldens.py. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 16) & 255;
  });
}

const image = (width: number, height: number) => ({ width, height, data: noise(width * height * 3) });

describe('resize', () => {
  it.each(cases)('gives the bytes of Pillow: $size to $to, $filter', ({ size, to, filter, sha256 }) => {
    const out = resizeRgb(image(...size), ...to, filter);
    expect(createHash('sha256').update(out).digest('hex')).toBe(sha256);
  });

  it('computes a window as a cut of the whole', () => {
    for (const [w, h, toW, toH] of [
      [90, 61, 50, 34],
      [40, 205, 37, 64],
      [31, 17, 64, 48],
    ] as const) {
      for (const filter of ['bicubic', 'lanczos', 'nearest'] as const) {
        const source = image(w, h);
        const whole = resizeRgb(source, toW, toH, filter);
        const window = { left: 5, top: 3, width: 20, height: 13 };
        const part = resizeRgb(source, toW, toH, filter, window);
        for (let y = 0; y < window.height; y++) {
          const from = ((window.top + y) * toW + window.left) * 3;
          expect(part.subarray(y * 60, (y + 1) * 60)).toEqual(whole.subarray(from, from + 60));
        }
      }
    }
  });

  it('equals the plain arithmetic on sizes of every remainder, and on images beyond one strip', () => {
    for (const [w, h] of [
      [1, 1],
      [2, 9],
      [3, 2],
      [17, 5],
      [64, 64],
      [97, 33],
      [21, 300],
      [3000, 150],
      [150, 3000],
    ] as const) {
      for (const [toW, toH] of [
        [1, 1],
        [5, 3],
        [16, 16],
        [33, 20],
        [20, 70],
      ] as const) {
        for (const filter of ['box', 'bilinear', 'bicubic', 'lanczos'] as const) {
          const source = image(w, h);
          if (w === toW && h === toH) continue;
          expect(
            Buffer.compare(resizeRgb(source, toW, toH, filter), plainResize(source, toW, toH, filter)),
            `${w} x ${h} to ${toW} x ${toH} ${filter}`,
          ).toBe(0);
        }
      }
    }
  });
});
