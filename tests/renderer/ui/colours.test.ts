// The methods' colours stay apart for the common colour-vision deficiencies, or a marker tells them apart.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { METHOD_ORDER, METHODS } from '../../../renderer/ui/methods.ts';
import { METHOD_IDS } from '../../../shared/report.ts';

const css = readFileSync(new URL('../../../renderer/style/tokens.css', import.meta.url), 'utf8');
const themes = { light: css.slice(0, css.indexOf('[data-theme')), dark: css.slice(css.indexOf('[data-theme')) };
type Rgb = [number, number, number];

const linear = (hex: string): Rgb =>
  [1, 3, 5].map((at) => {
    const v = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as Rgb;

// Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
const DEFICIENCIES: Record<string, Rgb[]> = {
  none: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
/** Zero-shot is the only dashed line, and has no marker: it may come closer. */
const apart = (a: string, b: string) => (a === 'zero-shot' || b === 'zero-shot' ? 0.02 : 0.035);
const seen = (matrix: Rgb[], [r, g, b]: Rgb): Rgb => matrix.map((row) => row[0] * r + row[1] * g + row[2] * b) as Rgb;

/** Oklab (Ottosson 2020) from linear RGB; a distance of 0.02 is about the least that is noticed side by side, and here nearly twice that is asked for. */
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(Math.max(0, 0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b));
  const m = Math.cbrt(Math.max(0, 0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b));
  const s = Math.cbrt(Math.max(0, 0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b));
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function colour(theme: 'light' | 'dark', value: string): Rgb {
  const name = /--[\w-]+/.exec(value)![0];
  return linear(new RegExp(`${name}: (#[0-9a-f]{6})`).exec(themes[theme])![1]!);
}

test('every method of the contract has a look, and a marker or dash of its own', () => {
  expect([...METHOD_ORDER].sort()).toEqual([...METHOD_IDS].sort());
  expect(new Set(METHOD_IDS.map((id) => METHODS[id].marker)).size).toBe(METHOD_IDS.length);
});

test.each(['light', 'dark'] as const)(
  'colours of methods stay apart in the %s theme under every deficiency',
  (theme) => {
    for (const [name, matrix] of Object.entries(DEFICIENCIES)) {
      for (const a of METHOD_IDS) {
        for (const b of METHOD_IDS) {
          if (a >= b) continue;
          const [p, q] = [a, b].map((id) => oklab(seen(matrix, colour(theme, METHODS[id].colour)))) as [Rgb, Rgb];
          expect(Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]), `${a} and ${b}, ${name}`).toBeGreaterThan(
            apart(a, b),
          );
        }
      }
    }
  },
);
