// Runs in words: how long, what came of it, which list it is on.
import { expect, test } from 'vitest';
import { matchesFilter, outcome, progressFact, took } from '../../../renderer/runs/words.ts';
import { progressText } from '../../../renderer/ui/JobProgress.tsx';
import type { Job } from '../../../shared/contract.ts';

const job = (more: Partial<Job>): Job => ({
  id: 1,
  kind: 'import',
  title: 'flowers12',
  params: {},
  status: 'done',
  done: 960,
  total: 960,
  note: '',
  rate: null,
  secondsLeft: null,
  unit: 'files',
  result: null,
  error: null,
  resumable: false,
  createdAt: '2026-11-23T18:00:00.000Z',
  startedAt: '2026-11-23T18:00:01.000Z',
  endedAt: '2026-11-23T18:00:03.500Z',
  ...more,
});

test('how long it took, or takes', () => {
  expect(took(job({}))).toBe(2.5);
  expect(took(job({ endedAt: null }), Date.parse('2026-11-23T18:01:01.000Z'))).toBe(60);
  expect(took(job({ startedAt: null }))).toBeNull();
});

test('what came of it', () => {
  expect(outcome(job({ result: { datasetId: 4, items: 958, problems: 2, seconds: 0.31 } }))).toBe(
    '958 items, 2 problems, 0.3 s',
  );
  expect(outcome(job({ result: { added: 1, changed: 0, moved: 12, deleted: 3, unchanged: 900 } }))).toBe(
    '1 added, 0 changed, 12 moved, 3 deleted, 900 unchanged',
  );
  expect(outcome(job({ status: 'failed', error: { code: 'offline', message: '/media/usb cannot be reached.' } }))).toBe(
    '/media/usb cannot be reached.',
  );
  expect(outcome(job({ result: { checked: 324, problems: 1 } }))).toBe('324 checked, 1 problem');
  expect(outcome(job({}))).toBe('960 files');
  const trained = { finetuneId: 1, accuracy: 0.2042, best: 9, seconds: 17.2 };
  expect(outcome(job({ kind: 'finetune', result: trained }))).toBe('20.4 % on test, epoch 9 kept');
  const embedded = { model: 'm', dim: 32, items: 640, ready: 639, failed: 1, embedded: 600, imagesPerSecond: 460.04 };
  expect(outcome(job({ kind: 'embed', result: embedded }))).toBe(
    '639 of 640 images ready, 600 of them new, 1 failed, 460 images/s',
  );
  expect(outcome(job({ kind: 'compare', result: { comparisonId: 1, rows: 100, omitted: 0 } }))).toBe('100 rows');
});

test('progress says only what is known', () => {
  expect(
    progressText(job({ status: 'running', done: 380, total: 1000, rate: 21, secondsLeft: 180, unit: 'images' })),
  ).toBe('38 % · 3 min left · 21 images/s');
  expect(progressText(job({ status: 'running', done: 1234, total: 0 }))).toBe('1,234');
  expect(progressText(job({ status: 'running', done: 0, total: 0 }))).toBe('starting');
  expect(progressText(job({ status: 'running', done: 0, total: 0, note: 'testing' }))).toBe('');
  expect(progressText(job({ status: 'queued' }))).toBe('waiting its turn');
  expect(progressText(job({ status: 'paused', done: 1, total: 2, rate: 5, secondsLeft: 9 }))).toBe('paused · 50 %');
  expect(progressText(job({ status: 'paused', done: 0, total: 0 }))).toBe('paused');
});

test('what was cut off says its part, not a unit that it no longer has', () => {
  expect(progressFact(job({ status: 'done', done: 12, total: 12, unit: 'files' }))).toBe('12 of 12 files');
  const cut = { done: 592, total: 960, unit: 'fits', note: 'embedding with hog' };
  expect(progressFact(job({ ...cut, status: 'paused' }))).toBe('61 % of embedding with hog');
  expect(progressFact(job({ ...cut, status: 'cancelled', note: '' }))).toBe('61 %');
});

test('every status is on exactly one of the three lists', () => {
  for (const status of ['queued', 'running', 'paused', 'interrupted', 'done', 'failed', 'cancelled'] as const) {
    const lists = (['active', 'done', 'stopped'] as const).filter((filter) => matchesFilter(job({ status }), filter));
    expect(lists, status).toHaveLength(1);
  }
});
