// Models in words: groups, hand-written labels, the best classes first.
import { expect, test } from 'vitest';
import { grouped, parseLabels, ranked } from '../../../renderer/models/words.ts';
import type { ModelInfo } from '../../../shared/contract.ts';

const model = (id: string, more: Partial<ModelInfo> = {}): ModelInfo => ({
  id,
  name: id,
  family: 'vision',
  source: 'models-dir',
  path: null,
  installed: true,
  pretrained: true,
  hasText: false,
  outputs: [],
  dim: null,
  imageSize: null,
  bytes: 0,
  licence: null,
  repo: null,
  goodFor: null,
  problem: null,
  ...more,
});

test('what is here is apart from what can be had; a broken folder is here', () => {
  const { here, catalog } = grouped([
    model('b'),
    model('clip', { installed: false, source: 'catalog' }),
    model('broken', { installed: false, problem: 'no config.json' }),
    model('hog', { pretrained: false }),
  ]);
  expect(here.map((each) => each.id)).toEqual(['hog', 'b', 'broken']);
  expect(catalog.map((each) => each.id)).toEqual(['clip']);
});

test('labels by commas or lines, each once', () => {
  expect(parseLabels(' cat, dog\n dog ,,tiger lily ')).toEqual(['cat', 'dog', 'tiger lily']);
  expect(parseLabels(' ')).toEqual([]);
});

test('the most probable first', () => {
  expect(ranked(['a', 'b', 'c'], [0.2, 0.7, 0.1], 2)).toEqual([
    { label: 'b', p: 0.7 },
    { label: 'a', p: 0.2 },
  ]);
});
