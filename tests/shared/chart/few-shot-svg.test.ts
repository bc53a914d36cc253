// The exported chart: valid XML whatever the names hold, every number where it belongs, the same text for the same report.
import { describe, expect, test } from 'vitest';
import { type FewShotInput, fewShotSvg } from '../../../shared/chart/few-shot-svg.ts';
import { METHOD_STYLES } from '../../../shared/chart/style.ts';
import { lineOf, summaryRow } from './rows.ts';
import { readXml } from './xml.ts';

const input: FewShotInput = {
  dataset: { name: 'flowers12' },
  classes: ['a', 'b', 'c'],
  models: [{ id: 'm', name: 'Model', pretrained: true }],
  summary: [
    summaryRow('zero-shot', 0, 0.746),
    ...lineOf('linear-probe', [0.68, 0.79, 0.863]),
    summaryRow('linear-probe', 'all', 0.93),
  ],
  crossings: [{ method: 'linear-probe', over: 'zero-shot', model: 'm', shots: 2 }],
  baselines: { chance: 1 / 3, majority: 0.4 },
  protocol: { seeds: 5 },
  counts: { test: 240 },
  results: [{ validation: 4 }],
};
const size = { width: 960, height: 600 } as const;
const texts = (svg: string) =>
  readXml(svg)
    .filter((node) => node.name === 'text')
    .map((node) => node.text);

describe('the exported chart', () => {
  test('is well-formed and has a title and a description', () => {
    const nodes = readXml(fewShotSvg(input, size));
    expect(nodes[0]!.name).toBe('svg');
    expect(nodes[0]!.attributes.width).toBe('960');
    expect(nodes.find((node) => node.name === 'desc')!.text).toContain('The probe passes zero-shot');
  });

  test('says what it shows: axes, whiskers, crossing, end values, dataset, seeds, test', () => {
    const words = texts(fewShotSvg(input, size)).join('\n');
    // A callout is wrapped into lines of its own.
    expect(words.replaceAll('\n', ' ')).toContain('the probe passes zero-shot at 2 labels per class');
    for (const part of [
      'flowers12: accuracy against labels per class',
      'accuracy, % (axis starts at 60 %)',
      'labelled images per class',
      'Linear probe93.0',
      'Zero-shot74.6',
      'Whiskers: 95 % intervals over seeds',
      '+ up to 4 a class for validation',
      'Below the axis: chance 33.3 %',
      'flowers12 · 3 classes · m · 5 seeds · 240 test images',
      'all',
    ])
      expect(words).toContain(part);
  });

  test('places marks by their values', () => {
    const nodes = readXml(fewShotSvg(input, size));
    const grid = nodes.filter((node) => node.name === 'line' && node.attributes.stroke === '#e3e2dd');
    const [y60, y100] = [Number(grid[0]!.attributes.y1), Number(grid.at(-1)!.attributes.y1)];
    const markers = nodes.filter((node) => node.name === 'path' && node.attributes.d?.includes('A4 4'));
    // Four points, and the one beside the line's name.
    expect(markers).toHaveLength(5);
    const y = Number(/^M[\d.]+ ([\d.]+)A/.exec(markers[2]!.attributes.d!)![1]);
    expect(((y60 - y) / (y60 - y100)) * 0.4 + 0.6).toBeCloseTo(0.863, 3);
  });

  test('has whiskers with caps for seeds, none for one seed', () => {
    const whisker = /<path d="M[\d.]+ [\d.]+V[\d.]+M[\d.]+ [\d.]+h6M/;
    expect(fewShotSvg(input, size)).toMatch(whisker);
    const single = { ...input, summary: input.summary.map((row) => ({ ...row, ci95: null })) };
    expect(fewShotSvg(single, size)).not.toMatch(whisker);
    expect(texts(fewShotSvg(single, size)).join()).not.toContain('Whiskers');
  });

  test('leaves crossings that may be chance to the report, but never those of zero-shot', () => {
    const crossing = { method: 'knn', over: 'linear-probe', model: 'm', shots: 4 } as const;
    const withKnn = {
      ...input,
      summary: [...input.summary, ...lineOf('knn', [0.6, 0.7, 0.87])],
      crossings: [...input.crossings, crossing],
    };
    const pair = { ...crossing, seeds: 5, mean: 0.007 };
    const footOf = (ci95: number) => texts(fewShotSvg({ ...withKnn, paired: [{ ...pair, ci95 }] }, size)).join(' ');
    expect(footOf(0.002)).toContain('k-NN passes the probe at 4 labels per class (+0.7 ±0.2 points)');
    expect(footOf(0.02)).not.toContain('k-NN passes the probe');
    expect(footOf(0.02)).toContain('The probe passes zero-shot');
  });

  test('follows the theme', () => {
    expect(fewShotSvg(input, { ...size, theme: 'dark' })).toContain(METHOD_STYLES['linear-probe'].dark);
    expect(fewShotSvg(input, { ...size, theme: 'dark' })).not.toContain(METHOD_STYLES['linear-probe'].light);
  });

  test('a second model is hollow and named; no pretraining is said', () => {
    const two = {
      ...input,
      models: [...input.models, { id: 'hog', name: 'HOG', pretrained: false }],
      summary: [...input.summary, ...lineOf('linear-probe', [0.2, 0.3], 'hog')],
    };
    const nodes = readXml(fewShotSvg(two, size));
    const hollow = nodes.filter((node) => node.name === 'path' && node.attributes.fill === '#ffffff');
    expect(hollow.length).toBeGreaterThanOrEqual(3);
    expect(texts(fewShotSvg(two, size)).join('\n')).toContain('hog (no pretraining)');
    expect(texts(fewShotSvg(two, size)).join('\n')).toContain('chance 33.3');
  });

  test('survives names made to break it', () => {
    const evil = `</text><script>alert("1")</script>&amp;'\u0007\ud800 ${'long '.repeat(60)}`;
    const svg = fewShotSvg(
      {
        ...input,
        dataset: { name: evil },
        models: [{ id: evil, name: evil, pretrained: true }],
        summary: input.summary.map((row) => ({ ...row, model: evil })),
        crossings: [],
      },
      size,
    );
    expect(readXml(svg).some((node) => node.name === 'script')).toBe(false);
    for (const bad of ['\u0007', '\ud800']) expect(svg).not.toContain(bad);
  });

  test('an empty report is an empty chart, not an error', () => {
    const svg = fewShotSvg({ ...input, models: [], summary: [], crossings: [], baselines: null, results: [] }, size);
    expect(readXml(svg)[0]!.name).toBe('svg');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('is the same text for the same report, without NaN', () => {
    expect(fewShotSvg(input, size)).toBe(fewShotSvg(structuredClone(input), size));
    for (const small of [
      { width: 320, height: 240 },
      { width: 2400, height: 1600 },
    ])
      expect(fewShotSvg(input, small)).not.toMatch(/NaN|Infinity|undefined/);
  });
});
