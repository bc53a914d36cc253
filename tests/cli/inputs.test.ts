// What options may hold besides plain words.
import { writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { readClassNames, wordsByClass } from '../../electron/cli/inputs.ts';
import { workplace } from './lab.ts';

const { at, remove } = workplace();
afterAll(remove);

const read = (name: string, content: string) => {
  writeFileSync(at(name), content);
  return readClassNames(at(name));
};

test('a class is found under the letters of a Mac and of everywhere else', () => {
  const classes = ['caf\u00e9', 'tea'];
  const words = { 'caf\u00e9': 'a coffee', tea: 'a tea' };
  for (const given of [
    read('names.json', '{"cafe\u0301": "a coffee", "tea": "a tea"}'),
    read('names.csv', 'class,words\ncafe\u0301,a coffee\ntea,a tea\n'),
  ])
    expect(wordsByClass(given, classes, 'names')).toEqual(words);
});

test('names in a CSV whose lines end in several ways', () => {
  expect(read('mixed.csv', 'class,words\r\na,"one, two"\nb,three\r\n')).toEqual({ a: 'one, two', b: 'three' });
});
