// Captions in a form: templates, one a line or from a built-in set, and the words each class is called by.
import { useId } from 'react';
import type { Dataset } from '../../shared/contract.ts';
import { className } from '../../shared/templates.ts';
import { useCall } from '../lab.ts';
import { type Captions, captionsProblem } from './captions.ts';
import { Labelled, Select, TextArea, TextField } from './controls.tsx';
import { plural } from './format.ts';
import { go } from './navigation.ts';

type CaptionProps = { dataset: Dataset; captions: Captions; onChange(part: Partial<Captions>): void };

export function CaptionFields({ dataset, captions, onChange }: CaptionProps) {
  const sets = useCall('prompt.sets', {}).data ?? [];
  const problem = captionsProblem(captions);
  return (
    <div className="field-columns">
      <div className="stack">
        <Labelled
          label="Templates, one a line, {} for the class"
          hint={problem ?? 'Several are averaged. Empty: the default set.'}
        >
          <TextArea
            label="Templates"
            rows={6}
            value={captions.templates.join('\n')}
            placeholder="a photo of a {}."
            aria-invalid={problem !== null}
            onValue={(text) => onChange({ templates: text === '' ? [] : text.split('\n') })}
          />
        </Labelled>
        <div className="row wrap">
          <Select<string>
            label="Built-in set"
            value=""
            options={[
              { value: '', label: 'Fill in a built-in set' },
              ...sets.map((set) => ({
                value: set.id,
                label: `${set.name}, ${plural(set.templates.length, 'template')}`,
              })),
            ]}
            onValue={(id) => {
              const set = sets.find((one) => one.id === id);
              if (set) onChange({ templates: set.templates });
            }}
          />
          <button type="button" className="link" onClick={() => go('prompt', { datasetId: dataset.id })}>
            Try captions in Prompt
          </button>
        </div>
      </div>
      <ClassWords
        label="Class names in captions"
        dataset={dataset}
        words={captions.classNames}
        onWords={(classNames) => onChange({ classNames })}
      />
    </div>
  );
}

type WordsProps = {
  label: string;
  dataset: Dataset;
  /** Class -> its words; one left out or emptied is called by its folder's name, shown in the field. */
  words: Record<string, string>;
  onWords(words: Record<string, string>): void;
};

export function ClassWords({ label, dataset, words, onWords }: WordsProps) {
  const id = useId();
  return (
    <fieldset className="bare" aria-labelledby={id}>
      <span className="label" id={id}>
        {label}
      </span>
      <ul className="class-words scroll">
        {dataset.classes.map(({ name }) => (
          <li key={name}>
            <span className="clip muted" title={name}>
              {name}
            </span>
            <TextField
              label={`Words for ${name}`}
              value={words[name] ?? ''}
              placeholder={className(name)}
              onValue={(text) => onWords({ ...words, [name]: text })}
            />
          </li>
        ))}
      </ul>
    </fieldset>
  );
}
