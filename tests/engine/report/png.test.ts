import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canDraw, outlineText } from '../../../electron/engine/report/font.ts';
import { exportAs } from '../../../electron/engine/report/outcome.ts';
import { sampleOutcome } from './sample.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'lab-png-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const svgOf = (body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60" font-size="20">${body}</svg>`;

/** Dark pixels of a grey rendering, and where they lie. */
async function ink(svg: string | Uint8Array) {
  const { data, info } = await sharp(typeof svg === 'string' ? Buffer.from(svg) : svg)
    .flatten({ background: '#fff' })
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  let [count, left, right, top, bottom] = [0, info.width, 0, info.height, 0];
  for (let y = 0; y < info.height; y++)
    for (let x = 0; x < info.width; x++)
      if (data[(y * info.width + x) * info.channels]! < 128) {
        count++;
        [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
      }
  return { count, left, right, top, bottom };
}

test('text becomes paths at its place, with its anchor', async () => {
  const at = (anchor: string) =>
    ink(outlineText(svgOf(`<text x="100" y="40" text-anchor="${anchor}">Hamburg 42</text>`)));
  const [start, middle, end] = [await at('start'), await at('middle'), await at('end')];
  expect(start.count).toBeGreaterThan(200);
  expect(start.left).toBeGreaterThanOrEqual(100);
  expect(end.right).toBeLessThanOrEqual(100);
  expect(Math.abs((middle.left + middle.right) / 2 - 100)).toBeLessThan(2);
  expect(start.bottom).toBeGreaterThan(40); // the g goes below the baseline
  expect(start.top).toBeGreaterThan(22);
});

test('bold is heavier, tspans follow on, entities are characters', async () => {
  const plain = await ink(outlineText(svgOf('<text x="5" y="40">Probe</text>')));
  const bold = await ink(outlineText(svgOf('<text x="5" y="40" font-weight="600">Probe</text>')));
  expect(bold.count).toBeGreaterThan(plain.count * 1.15);
  const more = await ink(outlineText(svgOf('<text x="5" y="40">Probe<tspan dx="6">93.8</tspan></text>')));
  expect(more.right).toBeGreaterThan(plain.right + 30);
  expect(outlineText(svgOf('<text x="5" y="40">a &#38; &lt;b&gt;</text>'))).not.toContain('<text');
});

test('inherits size and weight from groups, and leaves foreign scripts to the system', async () => {
  const small = await ink(outlineText(svgOf('<g font-size="10"><text x="5" y="40">Probe</text></g>')));
  const large = await ink(outlineText(svgOf('<g font-size="10"><rect width="0"/></g><text x="5" y="40">Probe</text>')));
  expect(large.right - large.left).toBeGreaterThan(1.8 * (small.right - small.left));
  expect(outlineText(svgOf('<text x="5" y="40">犬</text>'))).toContain('<text');
  expect(canDraw('Größe, żółw, Ωμέγα, Жук: ±3.7 − 5 · “x” … é')).toBe(true);
});

test('every word the chart writes of itself can be drawn', async () => {
  const svg = (await exportAs(sampleOutcome(), 'chart.svg')) as string;
  expect(svg.match(/<text/g)!.length).toBeGreaterThan(15);
  expect(outlineText(svg)).not.toContain('<text');
});

test('looks the same on a machine without any font', async () => {
  const here = (await exportAs(sampleOutcome(), 'chart.png')) as Uint8Array;
  const config = path.join(dir, 'fonts.conf');
  writeFileSync(config, '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>');
  const svgFile = path.join(dir, 'chart.svg');
  const pngFile = path.join(dir, 'chart.png');
  writeFileSync(svgFile, (await exportAs(sampleOutcome(), 'chart.svg')) as string);
  const module = new URL('../../../electron/engine/report/png.ts', import.meta.url).href;
  const program = `import { chartPng } from ${JSON.stringify(module)}; import fs from 'node:fs';
    fs.writeFileSync(${JSON.stringify(pngFile)}, await chartPng(fs.readFileSync(${JSON.stringify(svgFile)}, 'utf8'), 2));`;
  execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, FONTCONFIG_FILE: config, HOME: dir },
  });
  const there = readFileSync(pngFile);
  expect(Buffer.from(here).equals(there)).toBe(true);
  const { width, height } = await sharp(there).metadata();
  expect([width, height]).toEqual([1800, 1120]);
  // The title's strip holds ink, although there is no font to draw it with.
  const title = await sharp(there).extract({ left: 30, top: 36, width: 700, height: 44 }).png().toBuffer();
  expect((await ink(title)).count).toBeGreaterThan(1500);
});
