// Captions as they are edited: undo in steps a person means, what is scored, which images are shown.
import { describe, expect, test } from 'vitest';
import {
  addedAfter,
  edit,
  newDraft,
  redo,
  removedAt,
  START,
  undo,
  withTemplate,
  withWords,
  wordsOf,
} from '../../../renderer/prompt/drafts.ts';
import { topOf } from '../../../renderer/prompt/ImageStrip.tsx';
import { mixKept, pickSpread } from '../../../renderer/prompt/useScore.ts';

const typed = (...texts: string[]) =>
  texts.reduce(
    (draft, text, i) => edit(draft, withTemplate(draft.now, 0, text), 'template 0', 1000 + i * 200),
    newDraft(),
  );

describe('undo', () => {
  test('typing on in one field is one step', () => {
    const draft = typed('a', 'a p', 'a ph {}');
    expect(draft.now.templates).toEqual(['a ph {}']);
    expect(undo(draft).now).toEqual(START);
    expect(redo(undo(draft)).now.templates).toEqual(['a ph {}']);
  });

  test('another field, or a pause, begins another step', () => {
    const draft = typed('x {}');
    const named = edit(draft, withWords(draft.now, 'iris', 'iris flower'), 'class iris', 1300);
    const later = edit(named, withWords(named.now, 'iris', 'blue iris'), 'class iris', 5000);
    expect(undo(later).now.classNames).toEqual({ iris: 'iris flower' });
    expect(undo(undo(later)).now.classNames).toEqual({});
    expect(undo(undo(later)).now.templates).toEqual(['x {}']);
  });

  test('a change after undo forgets what was undone; nothing to undo changes nothing', () => {
    const draft = typed('x {}');
    const changed = edit(undo(draft), withTemplate(START, 0, 'y {}'), 'template 0', 9000);
    expect(redo(changed)).toBe(changed);
    expect(undo(newDraft()).past).toEqual([]);
  });
});

describe('words', () => {
  test('a folder’s name is the beginning, and is not kept as a change', () => {
    expect(wordsOf(START, 'lily-valley')).toBe('lily valley');
    const changed = withWords(START, 'lily-valley', 'lily of the valley');
    expect(wordsOf(changed, 'lily-valley')).toBe('lily of the valley');
    expect(withWords(changed, 'lily-valley', 'lily valley').classNames).toEqual({});
  });

  test('templates are added below and removed; the last stays, emptied', () => {
    const two = addedAfter(START, 0, 'a sketch of a {}.');
    expect(two.templates).toEqual([...START.templates, 'a sketch of a {}.']);
    expect(removedAt(two, 0).templates).toEqual(['a sketch of a {}.']);
    expect(removedAt(START, 0).templates).toEqual(['']);
  });
});

describe('shown images', () => {
  test('are spread over the list, each once, and other ones the next time', () => {
    const items = Array.from({ length: 120 }, (_, i) => i);
    const first = pickSpread(items, 8, 0);
    expect(first).toEqual([0, 15, 30, 45, 60, 75, 90, 105]);
    expect(pickSpread(items, 8, 1)).not.toEqual(first);
    expect(new Set(pickSpread(items, 8, 5)).size).toBe(8);
    expect(pickSpread([1, 2], 8, 3).sort()).toEqual([1, 2]);
    expect(pickSpread([], 8, 0)).toEqual([]);
  });

  test('that are kept stay, and no more are shown than before', () => {
    const image = (id: number) => ({ id, hash: `h${id}`, path: `${id}.jpg` });
    const fresh = [1, 2, 3, 4].map(image);
    const ids = (kept: number[]) => mixKept(fresh, kept.map(image)).map((one) => one.id);
    expect(ids([])).toEqual([1, 2, 3, 4]);
    expect(ids([3])).toEqual([1, 2, 3, 4]);
    expect(ids([9, 3])).toEqual([9, 1, 2, 3]);
    expect(ids([7, 8, 9, 10, 11])).toEqual([7, 8, 9, 10, 11]);
  });

  test('have their likeliest classes first', () => {
    expect(topOf([0.2, 0.7, 0.1], ['a', 'b', 'c'], 2)).toEqual([
      { name: 'b', p: 0.7 },
      { name: 'a', p: 0.2 },
    ]);
  });
});
