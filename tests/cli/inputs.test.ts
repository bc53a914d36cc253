// What options may hold besides plain words.
import { writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { readClassNames, readTemplates, wordsByClass } from '../../electron/cli/inputs.ts';
import { workplace } from './lab.ts';

const { at, remove } = workplace();
afterAll(remove);

const read = (name: string, content: string | Buffer) => {
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

test('files of other encodings, as shells and spreadsheets of Windows write them', () => {
  expect(read('ansi.csv', Buffer.from('class;words\r\na;H\u00e4user\r\n', 'latin1'))).toEqual({ a: 'H\u00e4user' });
  expect(read('plain.txt', 'cat; kitten\ndog\n')).toEqual(['cat; kitten', 'dog']);
  expect(read('wide.json', Buffer.from('\ufeff{"a": "Stra\u00dfe"}', 'utf16le'))).toEqual({ a: 'Stra\u00dfe' });
  writeFileSync(at('wide.txt'), Buffer.from('\ufeffa photo of {}.\r\na drawing of {}.\r\n', 'utf16le'));
  expect(readTemplates([at('wide.txt')])).toEqual(['a photo of {}.', 'a drawing of {}.']);
});
