// The first minutes: what is told of the demo's chart, and of nothing else.
import { expect, test } from 'vitest';
import { isDemoChart } from '../../../renderer/ui/FirstSteps.tsx';

test('only the import of the demo and its comparison are on the way to the first chart', () => {
  expect(isDemoChart({ kind: 'import', params: { datasetId: 1 } }, 1)).toBe(true);
  expect(isDemoChart({ kind: 'compare', params: { datasetId: 1 } }, 1)).toBe(true);
  expect(isDemoChart({ kind: 'import', params: { datasetId: 2 } }, 1), 'a folder of the user’s own').toBe(false);
  expect(isDemoChart({ kind: 'download', params: { id: 'clip' } }, 1), 'a model').toBe(false);
  expect(isDemoChart({ kind: 'import', params: { datasetId: 2 } }, undefined), 'the demo was deleted').toBe(false);
});
