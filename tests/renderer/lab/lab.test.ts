// What the window does with events: which answers they make old, and how the list of jobs is kept.
import { expect, test } from 'vitest';
import { backOff, JOBS_LISTED, outdated, withJob } from '../../../renderer/lab.ts';
import type { Job } from '../../../shared/contract.ts';

const job = (id: number, status: Job['status'] = 'running') => ({ id, status }) as Job;

test('tries again at once, then ever more slowly, four seconds at most', () => {
  expect([0, 1, 2, 3, 4, 5, 20].map(backOff)).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
});

test('a dataset that changed makes its own items old, not those of others', () => {
  const old = outdated('dataset.changed', { id: 7 });
  expect(old).toContainEqual(['dataset.items', 7]);
  expect(old).toContainEqual(['dataset.list', null]);
});

test('progress refetches nothing; an end refetches what it may have changed', () => {
  expect(outdated('job.changed', job(1, 'running'))).toEqual([]);
  for (const status of ['done', 'failed', 'cancelled', 'interrupted'] as const) {
    expect(outdated('job.changed', job(1, status)), status).toContainEqual(['compare.list', null]);
    expect(outdated('job.changed', job(1, status)), status).toContainEqual(['job.log', 1]);
  }
});

test('a job that was taken off the list in another window goes here too, with its comparison', () => {
  expect(outdated('job.deleted', { id: 7 })).toEqual([
    ['job.list', null],
    ['job.get', 7],
    ['compare.list', null],
  ]);
});

test('a job takes its place, the newest first', () => {
  expect(withJob([job(3), job(1)], job(2)).map((each) => each.id)).toEqual([3, 2, 1]);
  const after = withJob([job(3), job(1)], job(1, 'done'));
  expect(after.map((each) => [each.id, each.status])).toEqual([
    [3, 'running'],
    [1, 'done'],
  ]);
  const many = Array.from({ length: JOBS_LISTED }, (_, i) => job(JOBS_LISTED - i));
  expect(withJob(many, job(999)), 'the list is as long in every window').toHaveLength(JOBS_LISTED);
});
