// Going, staying and going back: each screen is found as it was left.
import { beforeEach, expect, test } from 'vitest';
import { go, goBack, place, stay } from '../../../renderer/ui/navigation.ts';

beforeEach(() =>
  place.set({
    screen: 'compare',
    params: { data: {}, compare: {}, prompt: {}, finetune: {}, models: {}, runs: {}, settings: {} },
  }),
);

test('a screen keeps its params while others are shown', () => {
  go('data', { datasetId: 3 });
  stay('data', { datasetId: 3, filter: { label: 'iris' } });
  go('runs');
  expect(place.get().screen).toBe('runs');
  go('data');
  expect(place.get().params.data).toEqual({ datasetId: 3, filter: { label: 'iris' } });
});

test('new params replace the old ones', () => {
  go('data', { datasetId: 3, filter: { split: 'test' } });
  go('data', { datasetId: 4 });
  expect(place.get().params.data).toEqual({ datasetId: 4 });
});

test('back undoes a step, but not a change of filter', () => {
  go('data', { datasetId: 3 });
  stay('data', { datasetId: 3, filter: { text: 'a' } });
  go('models', { modelId: 'hog' });
  goBack();
  expect(place.get().screen).toBe('data');
  expect(place.get().params.data.filter).toEqual({ text: 'a' });
  goBack();
  expect(place.get().screen).toBe('compare');
});
