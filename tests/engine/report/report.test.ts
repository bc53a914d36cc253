import { expect, test } from 'vitest';
import { buildReport } from '../../../electron/engine/report/report.ts';
import { sampleInput } from './sample.ts';

test('counts the items by split and class, and those without a label', () => {
  const { counts } = buildReport(sampleInput());
  expect(counts).toMatchObject({ train: 12, val: 0, test: 30, unlabelled: 1, excluded: 1 });
  expect(counts.perClass['bee, queen']).toEqual({ train: 8, val: 0, test: 10 });
});

test('the majority line is the share of the commonest training class in the test', () => {
  expect(buildReport(sampleInput()).baselines).toEqual({ chance: 1 / 3, majority: 10 / 30 });
  const skewed = sampleInput();
  skewed.items = [
    { label: 'ant', split: 'train' },
    { label: 'ant', split: 'train' },
    { label: 'bee, queen', split: 'train' },
    { label: 'ant', split: 'test' },
    { label: 'bee, queen', split: 'test' },
    { label: 'bee, queen', split: 'test' },
    { label: 'bee, queen', split: 'test' },
  ];
  expect(buildReport(skewed).baselines.majority).toBe(0.25);
});

test('summarises over seeds and names the crossing', () => {
  const report = buildReport(sampleInput());
  const probe = report.results.filter((row) => row.method === 'linear-probe' && row.shots === 4);
  const summary = report.summary.find((row) => row.method === 'linear-probe' && row.shots === 4)!;
  expect(summary.seeds).toBe(3);
  expect(summary.mean).toBeCloseTo(probe.reduce((sum, row) => sum + row.accuracy, 0) / 3, 12);
  expect(report.summary.find((row) => row.method === 'zero-shot')).toMatchObject({
    shots: 0,
    seeds: 1,
    sd: null,
    ci95: null,
  });
  expect(report.crossings).toContainEqual({ method: 'linear-probe', over: 'zero-shot', model: 'hog', shots: 4 });
});

test('is complete exactly when nothing that was asked for is missing', () => {
  expect(buildReport(sampleInput()).complete).toBe(true);
  const omitted = [{ shots: 8, reason: 'Class "ant" has 4 training items' }];
  expect(buildReport({ ...sampleInput(), omitted })).toMatchObject({ complete: false, omitted });
});

test('says where validation comes from', () => {
  expect(buildReport(sampleInput()).protocol.validation).toContain('further training images');
  const items = [...sampleInput().items, { label: 'ant', split: 'val' as const }];
  expect(buildReport({ ...sampleInput(), items }).protocol.validation).toContain('val split');
});
