// A run in words and curves: what it came to, where the slider begins, what a chart draws of many steps.
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, test } from 'vitest';
import { curvesOf, niceTicks, ofEpochs, thinned } from '../../../renderer/finetune/curves.ts';
import {
  answer,
  bestOf,
  ending,
  many,
  modelNameFor,
  settingRows,
  settingText,
  trade,
} from '../../../renderer/finetune/run.ts';
import { firstPoint, reading } from '../../../renderer/finetune/wise.ts';
import { MethodMark } from '../../../renderer/ui/MethodMark.tsx';
import type { FinetuneEpoch, FinetuneReport, WisePoint } from '../../../shared/finetune.ts';
import { METHOD_IDS } from '../../../shared/report.ts';

const epoch = (n: number, valAccuracy: number | null, valLoss: number | null): FinetuneEpoch => ({
  epoch: n,
  step: n * 10,
  trainLoss: 1 / n,
  valAccuracy,
  valLoss,
  lr: 1e-4,
  imagesPerSecond: 12,
});
const report = {
  test: { accuracy: 0.942 },
  before: { zeroShot: 0.851, probe: 0.911 },
  control: { before: 0.612, after: 0.388 },
  epochs: [epoch(1, 0.5, 1), epoch(2, 0.6, 1)],
  best: 2,
  ended: 'stopped by you',
} as unknown as FinetuneReport;

describe('words', () => {
  test('the answer names the test, the probe and zero-shot; the trade names yours and the control', () => {
    expect(answer(report)).toBe('94.2 % on test, +3.1 on the probe; +9.1 on yours, −22.4 on the control');
    expect(answer({ ...report, control: null })).toBe('94.2 % on test, +3.1 on the probe, +9.1 on zero-shot');
    expect(trade(report)).toBe('+9.1 on yours, −22.4 on the control');
    const plain = { ...report, before: { zeroShot: null, probe: 0.95 }, control: null } as FinetuneReport;
    expect(answer(plain)).toBe('94.2 % on test, −0.8 on the probe');
    expect(trade(plain)).toBeNull();
    expect(ending(report)).toBe('Stopped by you; epoch 2 of 2 was kept.');
    expect(ending({ ...report, epochs: [] })).toBe('Only the head was trained.');
  });

  test('numbers of settings and parameters', () => {
    expect([0.00001, 0.0002, 0.01, 0, 20].map(settingText)).toEqual(['1e-5', '2e-4', '0.01', '0', '20']);
    expect([119_882, 87_849_216, 1_496_000, 1.5e9].map(many)).toEqual([
      '119,882',
      '87.8 million',
      '1.50 million',
      '1.50 billion',
    ]);
    expect(settingRows({ epochs: 5, lr: 1e-5, targets: ['q', 'v'], augment: 'crop' })).toEqual([
      ['Epochs', '5'],
      ['Learning rate', '1e-5'],
      ['Where LoRA is added', 'q and v'],
      ['Augmentation', 'flips and crops'],
    ]);
    expect(modelNameFor('mine', 1)).toBe('mine');
    expect(modelNameFor('mine', 0.6)).toBe('mine-60');
    expect(modelNameFor('x'.repeat(100), 0.6).length).toBeLessThanOrEqual(100);
  });

  test('the best epoch has the highest accuracy, and of equals the lower loss', () => {
    expect(bestOf([epoch(1, 0.8, 0.5), epoch(2, 0.9, 0.6), epoch(3, 0.9, 0.4)])!.epoch).toBe(3);
    expect(bestOf([epoch(1, null, null)])).toBeNull();
  });
});

describe('the line between before and after', () => {
  const at = (alpha: number, validation: number | null, control: number | null): WisePoint => ({
    alpha,
    validation,
    control,
  });

  test('the slider begins where yours is nearly best and the control is best', () => {
    expect(firstPoint([at(0, 0.7, 0.9), at(0.5, 0.898, 0.8), at(0.8, 0.9, 0.6), at(1, 0.9, 0.4)])).toBe(1);
    expect(firstPoint([at(0, 0.7, 0.9), at(0.5, 0.88, 0.8), at(0.8, 0.9, 0.6), at(1, 0.9, 0.4)])).toBe(2);
    expect(firstPoint([at(0, 0.7, 0.9), at(0.5, 0.9, 0.8), at(1, 0.6, 0.4)])).toBe(1);
  });
  test('without a control set, or anything measured, it begins at what was trained', () => {
    expect(firstPoint([at(0, 0.9, null), at(0.5, 0.9, null), at(1, 0.9, null)])).toBe(2);
    expect(firstPoint([at(0, null, null), at(1, null, null)])).toBe(1);
    expect(reading(at(0.5, 0.931, 0.55))).toBe('0.5: 93.1 % on validation, 55.0 % on the control');
    expect(reading(at(0.5, null, null))).toBe('0.5: nothing was measured here');
  });
});

describe('curves', () => {
  const metric = (name: string, step: number, value: number) => ({ jobId: 1, name, step, value });

  test('a step told again replaces the first; steps rise', () => {
    const curves = curvesOf([metric('loss', 2, 5), metric('loss', 1, 9), metric('lr', 1, 0.1), metric('loss', 2, 4)]);
    expect(curves.get('loss')).toEqual([
      { x: 1, y: 9 },
      { x: 2, y: 4 },
    ]);
    expect(curves.get('lr')).toHaveLength(1);
  });

  test('10,000 steps become 300 means that keep the curve’s mean', () => {
    const dots = Array.from({ length: 10_000 }, (_, i) => ({ x: i, y: Math.sin(i / 500) }));
    const few = thinned(dots, 300);
    expect(few).toHaveLength(300);
    const mean = (of: { y: number }[]) => of.reduce((sum, dot) => sum + dot.y, 0) / of.length;
    expect(mean(few)).toBeCloseTo(mean(dots), 3);
    expect(thinned(dots.slice(0, 5), 300)).toEqual(dots.slice(0, 5));
  });

  test('epochs without validation leave no dot', () =>
    expect(ofEpochs([epoch(1, null, null), epoch(2, 0.5, 1)], 'valAccuracy')).toEqual([{ x: 20, y: 0.5 }]));

  test.each([
    [[0.2, 1.7], { zero: true }],
    [[0.91, 0.93], { least: 0.01, most: 1 }],
    [[0.95, 1], { least: 0.01, most: 1 }],
    [[0.9, 0.9], { least: 0.01, most: 1 }],
    [[1e-6, 1e-4], { zero: true }],
    [[0, 4], { zero: true, least: 1 }],
    [[0, 0], { zero: true }],
    [[], {}],
  ])('ticks hold all of %j', (values, options) => {
    const ticks = niceTicks(values, options);
    expect(ticks.length).toBeGreaterThanOrEqual(2);
    expect(ticks.length).toBeLessThanOrEqual(7);
    expect(Math.min(...ticks)).toBeLessThanOrEqual(Math.min(...values, Number.POSITIVE_INFINITY));
    expect(Math.max(...ticks)).toBeGreaterThanOrEqual(Math.max(...values, Number.NEGATIVE_INFINITY));
  });

  test('ticks in whole percent, or whole steps, are written as what they are', () => {
    expect(niceTicks([0.75, 0.833], { least: 0.01, most: 1 })).toEqual([0.75, 0.8, 0.85]);
    expect(niceTicks([0, 9], { zero: true, least: 1 })).toEqual([0, 5, 10]);
    expect(niceTicks([0, 0.9], { zero: true, least: 0.01 })).toEqual([0, 0.25, 0.5, 0.75, 1]);
  });
});

test('every method has a mark that can be drawn, each another', () => {
  const drawn = METHOD_IDS.map((method) => renderToStaticMarkup(<MethodMark method={method} />));
  expect(new Set(drawn).size).toBe(METHOD_IDS.length);
  for (const svg of drawn) expect(svg).not.toMatch(/NaN|undefined/);
});
