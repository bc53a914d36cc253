// The dataset a screen begins with, and what keeps one from being learnt from.
import { expect, test } from 'vitest';
import { datasetProblem, pickDataset, scarcest, trainingImages } from '../../../renderer/ui/datasets.ts';
import type { Dataset } from '../../../shared/contract.ts';

const dataset = (id: number, train: number[], part: Partial<Dataset> = {}) =>
  ({
    id,
    name: `set${id}`,
    path: `/d/${id}`,
    state: 'ready',
    demo: false,
    classes: train.map((n, i) => ({ name: `class_${i}`, train: n, val: 0, test: 5, unsplit: 0 })),
    ...part,
  }) as unknown as Dataset;

test('the one asked for, else the newest own one with classes, else the demo', () => {
  const demo = dataset(1, [9, 9], { demo: true });
  const all = [demo, dataset(2, [9, 9]), dataset(4, [9, 9]), dataset(5, [9])];
  expect(pickDataset(all, 2)!.id).toBe(2);
  expect(pickDataset(all, null)!.id).toBe(4);
  expect(pickDataset(all, 99)!.id).toBe(4);
  expect(pickDataset([demo], undefined)!.id).toBe(1);
  expect(pickDataset([], null)).toBeUndefined();
});

test('what keeps one from being learnt from is named', () => {
  expect(datasetProblem(undefined)).toBe('Choose a dataset.');
  expect(datasetProblem(dataset(1, [3, 3], { state: 'importing' }))).toMatch(/still being imported/);
  expect(datasetProblem(dataset(1, [3, 3], { state: 'offline' }))).toMatch(/its folder \/d\/1 cannot be reached/);
  expect(datasetProblem(dataset(1, [3]))).toBe('set1 has 1 class; there is nothing to tell apart with less than two.');
  expect(datasetProblem(dataset(1, [3, 3]))).toBeNull();
});

test('the scarcest class decides the shot counts', () => {
  expect(trainingImages(scarcest(dataset(1, [9, 1, 4]))!)).toBe('class_1 has 1 training image');
  expect(scarcest(dataset(1, []))).toBeNull();
});
