// Ids equal those of the reference tokenizers on 200 strings each; what the kept library gets wrong is named here.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readModelFolder } from '../../../electron/engine/models/folder.ts';
import { openTokenizer, type TokenizerSettings, truncate } from '../../../electron/engine/models/tokenizer.ts';
import { fixturePath, sharedPath } from '../../helpers/shared.ts';
import { golden } from './store-for-tests.ts';

type Strings = { strings: { text: string; ids: number[] }[] };
const readStrings = (file: string) => (JSON.parse(readFileSync(file, 'utf8')) as Strings).strings;
const settings = (folder: string): TokenizerSettings => ({
  file: `${folder}/tokenizer.json`,
  config: JSON.parse(readFileSync(`${folder}/tokenizer_config.json`, 'utf8')) as Record<string, unknown>,
  context: 77,
  dynamic: true,
  padToken: null,
});
const GPT2 = sharedPath('fixtures/tiny-gpt2');

describe('ids on 200 strings', () => {
  test.each([
    // Python and JavaScript lower-case a final sigma, the reference library does not
    ['CLIP', fixturePath('tiny-clip'), ['ΟΔΥΣΣΕΥΣ']],
    // two CJK characters outside the basic plane become one unknown token instead of two
    ['BERT', fixturePath('tiny-bert'), ['𠀀𪛖']],
  ])('%s', (_name, folder, known) => {
    const encoder = openTokenizer(settings(folder));
    const strings = readStrings(`${folder}/golden/tokenizer_200.json`);
    expect(strings).toHaveLength(200);
    const differ = strings
      .filter(({ text, ids }) => JSON.stringify(encoder.ids(text)) !== JSON.stringify(ids))
      .map(({ text }) => text);
    expect(differ).toEqual(known);
  });
  test.skipIf(!GPT2)('GPT-2 (needs ../shared/fixtures/tiny-gpt2)', () => {
    const encoder = openTokenizer(settings(GPT2!));
    const strings = readStrings(`${GPT2}/golden/tokenizer_200.json`);
    expect(strings).toHaveLength(200);
    for (const { text, ids } of strings) expect(encoder.ids(text), text).toEqual(ids);
  });
});

describe('batches', () => {
  const clip = readModelFolder(fixturePath('tiny-clip')).text!.tokenizer;
  const { texts } = JSON.parse(readFileSync(fixturePath('tiny-clip/golden/texts.json'), 'utf8')) as {
    texts: { text: string; ids: number[] }[];
  };
  test('padded to the context equal the golden rows, the overlong text included', () => {
    const { ids, mask, rows, length } = openTokenizer(clip).batch(
      texts.map(({ text }) => text),
      'context',
    );
    expect([rows, length]).toEqual([40, 77]);
    const expected = golden('tiny-clip/golden/input_ids_77.npy');
    expect([...ids].map(Number)).toEqual([...expected.data]);
    expect(texts.some((text) => text.ids.length === 77)).toBe(true);
    texts.forEach((text, row) => {
      const ones = mask.slice(row * 77, (row + 1) * 77).reduce((sum, one) => sum + Number(one), 0);
      expect(ones, text.text).toBe(text.ids.length);
    });
  });
  test('may be as short as the longest text', () => {
    const { ids, length } = openTokenizer(clip).batch(['a', 'a photo of a cat'], 'longest');
    expect(length).toBe(7);
    expect([...ids.slice(0, 7)].map(Number)).toEqual([49406, 320, 49407, 49407, 49407, 49407, 49407]);
  });
});

describe('cutting to the context', () => {
  test('keeps the end token', () => expect(truncate([1, 5, 6, 7, 8, 2], 4, [2])).toEqual([1, 5, 6, 2]));
  test('leaves what fits', () => expect(truncate([1, 5, 2], 3, [2])).toEqual([1, 5, 2]));
  test('without an end token just cuts', () => expect(truncate([5, 6, 7, 8], 2, [])).toEqual([5, 6]));
});

test('a broken tokenizer.json is named', () => {
  const file = fixturePath('tiny-clip/golden/texts.json');
  expect(() => openTokenizer({ file, config: {}, context: 77, dynamic: true, padToken: null })).toThrow(
    /texts\.json cannot be read as a tokenizer/,
  );
});
