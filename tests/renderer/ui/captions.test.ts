// Captions as they are typed in a form: what is wrong with a template, and what of them is sent.
import { expect, test } from 'vitest';
import { captionsProblem, templateProblem, usable } from '../../../renderer/ui/captions.ts';

test('templates that can be used, each once, and names that are not empty', () =>
  expect(
    usable({ templates: ['a {}', ' a {} ', '', 'no place'], classNames: { iris: ' ', daisy: ' oxeye ' } }),
  ).toEqual({ templates: ['a {}'], classNames: { daisy: 'oxeye' } }));

test('a template without a place for the class is named; an empty one is not wrong', () => {
  expect(templateProblem('no place')).toMatch(/needs \{\}/);
  expect(templateProblem('')).toBeNull();
  expect(captionsProblem({ templates: ['a {}', '', ' no place '] })).toBe(
    'The template “no place” needs {} where the class goes.',
  );
  expect(captionsProblem({ templates: [] })).toBeNull();
});
