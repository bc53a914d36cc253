// Captions being edited: class names and templates with undo, kept while the window is open, one draft per dataset.
import { className, DEFAULT_TEMPLATES, wordsFor } from '../../shared/templates.ts';
import type { Captions } from '../ui/captions.ts';
import { createStore } from '../ui/store.ts';

type Step = { captions: Captions; field: string; at: number };
export type Draft = { now: Captions; past: Step[]; future: Captions[]; field: string; at: number };

export const START: Captions = { templates: [...DEFAULT_TEMPLATES], classNames: {} };
export const newDraft = (captions: Captions = START): Draft => ({
  now: captions,
  past: [],
  future: [],
  field: '',
  at: 0,
});

/** Typing on in the same field within this many milliseconds is one step to undo. */
const ONE_STEP_MS = 1000;
const MOST_STEPS = 200;

export function edit(draft: Draft, now: Captions, field: string, at: number): Draft {
  const goesOn = field !== '' && field === draft.field && at - draft.at < ONE_STEP_MS && draft.past.length > 0;
  const past = goesOn ? draft.past : [...draft.past, { captions: draft.now, field, at }].slice(-MOST_STEPS);
  return { now, past, future: [], field, at };
}

export function undo(draft: Draft): Draft {
  const last = draft.past.at(-1);
  if (!last) return draft;
  return { now: last.captions, past: draft.past.slice(0, -1), future: [draft.now, ...draft.future], field: '', at: 0 };
}

export function redo(draft: Draft): Draft {
  const [next, ...future] = draft.future;
  if (!next) return draft;
  return { now: next, past: [...draft.past, { captions: draft.now, field: '', at: 0 }], future, field: '', at: 0 };
}

export const wordsOf = (captions: Captions, name: string): string => wordsFor(captions.classNames, name);

/** A name equal to the folder's own words is not kept, so that what is kept is what was changed. */
export function withWords(captions: Captions, name: string, words: string): Captions {
  const { [name]: _, ...rest } = captions.classNames;
  return { ...captions, classNames: words === className(name) ? rest : { ...rest, [name]: words } };
}

export const withTemplate = (captions: Captions, at: number, text: string): Captions => ({
  ...captions,
  templates: captions.templates.with(at, text),
});
export const addedAfter = (captions: Captions, at: number, text = ''): Captions => ({
  ...captions,
  templates: captions.templates.toSpliced(at + 1, 0, text),
});
/** The last template stays, emptied. */
export function removedAt(captions: Captions, at: number): Captions {
  const templates = captions.templates.toSpliced(at, 1);
  return { ...captions, templates: templates.length > 0 ? templates : [''] };
}

/** How often the test of each dataset was looked at while the window is open. */
export const looks = createStore<Record<number, number>>({});

export const drafts = createStore<Record<number, Draft>>({});
export const setDraft = (datasetId: number, next: (before: Draft) => Draft): void =>
  drafts.set((before) => ({ ...before, [datasetId]: next(before[datasetId] ?? newDraft()) }));
