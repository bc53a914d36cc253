// The words each class is called by in captions, with its recall beside it.
import { RotateCcw } from 'lucide-react';
import { memo } from 'react';
import { percent, points } from '../../shared/chart/words.ts';
import type { Dataset } from '../../shared/contract.ts';
import { className } from '../../shared/templates.ts';
import { IconButton, TextField } from '../ui/controls.tsx';
import { type Draft, edit, withWords, wordsOf } from './drafts.ts';
import type { Scored } from './useScore.ts';

type Props = { dataset: Dataset; draft: Draft; change(next: (before: Draft) => Draft): void; scored: Scored };

export function ClassNames({ dataset, draft, change, scored }: Props) {
  const rename = (name: string, words: string) =>
    change((before) => edit(before, withWords(before.now, name, words), `class ${name}`, Date.now()));
  return (
    <section className="pane caption-list" aria-label="Class names">
      <h3>
        Class names <span className="faint">recall, %</span>
      </h3>
      <ul className="scroll">
        {dataset.classes.map(({ name }) => (
          <ClassRow
            key={name}
            name={name}
            words={wordsOf(draft.now, name)}
            recall={scored.score?.perClass[name] ?? null}
            before={scored.start?.perClass[name] ?? null}
            rename={rename}
          />
        ))}
      </ul>
    </section>
  );
}

type RowProps = {
  name: string;
  words: string;
  recall: number | null;
  before: number | null;
  rename(name: string, words: string): void;
};

const ClassRow = memo(
  function ClassRow({ name, words, recall, before, rename }: RowProps) {
    const delta = recall !== null && before !== null ? recall - before : 0;
    const changed = words !== className(name);
    return (
      <li className="words-row">
        <TextField
          label={`Words for ${name}`}
          title={`Folder: ${name}`}
          value={words}
          aria-invalid={words.trim() === ''}
          placeholder={className(name)}
          onValue={(next) => rename(name, next)}
        />
        <span className="row-tool">
          {changed && (
            <IconButton
              label={`Back to ${className(name)}`}
              icon={<RotateCcw size={13} />}
              onClick={() => rename(name, className(name))}
            />
          )}
        </span>
        <span className="num right">{recall === null ? '–' : percent(recall, 0)}</span>
        <span className={delta > 0 ? 'num small good right' : delta < 0 ? 'num small bad right' : 'num small right'}>
          {delta === 0 ? '' : points(delta)}
        </span>
      </li>
    );
  },
  (a, b) => a.name === b.name && a.words === b.words && a.recall === b.recall && a.before === b.before,
);
