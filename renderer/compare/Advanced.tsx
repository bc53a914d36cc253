// The less usual choices of a comparison: captions, how k-NN votes, what to do with leaks, the device.
import { useId } from 'react';
import type { Dataset, ModelInfo } from '../../shared/contract.ts';
import { className } from '../../shared/templates.ts';
import { useCall } from '../lab.ts';
import { CheckField, Labelled, NumberField, Select, TextArea, TextField } from '../ui/controls.tsx';
import { plural } from '../ui/format.ts';
import { go } from '../ui/navigation.ts';
import type { Choice } from './choice.ts';

type Props = { dataset: Dataset; models: ModelInfo[]; choice: Choice; onChange(part: Partial<Choice>): void };

export function Advanced({ dataset, models, choice, onChange }: Props) {
  const texts = models.some((model) => model.hasText);
  const filled = choice.templates.length > 0 || Object.keys(choice.classNames).length > 0;
  return (
    <details className="advanced" open={filled}>
      <summary>More: captions, k-NN, device</summary>
      <div className="stack">
        {texts ? (
          <Captions dataset={dataset} choice={choice} onChange={onChange} />
        ) : (
          <p className="muted">Captions are asked for when a model with a text side is chosen.</p>
        )}
        <div className="row wrap fields-line">
          <Labelled label="k-NN vote">
            <Select
              label="k-NN vote"
              value={choice.knnVote}
              options={[
                { value: 'similarity', label: 'by similarity, exp(sim / 0.07)' },
                { value: 'majority', label: 'majority' },
              ]}
              onValue={(knnVote) => onChange({ knnVote })}
            />
          </Labelled>
          <Labelled label="k-NN search">
            <Select
              label="k-NN search"
              value={choice.knnIndex}
              options={[
                { value: 'auto', label: 'automatic', note: 'HNSW above 100,000' },
                { value: 'exact', label: 'exact' },
                { value: 'hnsw', label: 'HNSW index' },
              ]}
              onValue={(knnIndex) => onChange({ knnIndex })}
            />
          </Labelled>
          <Device choice={choice} onChange={onChange} />
          <Labelled label="Threads, 0 as set">
            <NumberField
              label="Threads"
              value={choice.threads}
              min={0}
              max={256}
              onValue={(threads) => onChange({ threads })}
            />
          </Labelled>
        </div>
        <CheckField checked={choice.keepLeaks} onChecked={(keepLeaks) => onChange({ keepLeaks })}>
          Keep test images whose content is also in train ({dataset.leaks} here); they flatter every method
        </CheckField>
      </div>
    </details>
  );
}

function Device({ choice, onChange }: Pick<Props, 'choice' | 'onChange'>) {
  const providers = useCall('model.providers', {}).data ?? [];
  const options = [
    { value: 'set', label: 'as set under Settings' },
    ...providers.map((one) => ({
      value: one.id as string,
      label: one.id as string,
      disabled: !one.available,
      note: one.available ? undefined : (one.reason ?? 'not available here'),
    })),
  ];
  return (
    <Labelled label="Device">
      <Select
        label="Device"
        value={choice.device === '' ? 'set' : choice.device}
        options={options}
        onValue={(device) => onChange({ device: device === 'set' ? '' : device })}
      />
    </Labelled>
  );
}

function Captions({ dataset, choice, onChange }: Omit<Props, 'models'>) {
  const sets = useCall('prompt.sets', {}).data ?? [];
  const titleId = useId();
  const rename = (name: string, words: string) => {
    const { [name]: _, ...rest } = choice.classNames;
    onChange({ classNames: words === '' || words === className(name) ? rest : { ...rest, [name]: words } });
  };
  return (
    <div className="captions-fields">
      <div className="stack">
        <Labelled label="Templates, one a line, {} for the class" hint="Several are averaged. Empty: the default set.">
          <TextArea
            label="Templates"
            rows={6}
            value={choice.templates.join('\n')}
            placeholder="a photo of a {}."
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
      <fieldset className="bare" aria-labelledby={titleId}>
        <span className="label" id={titleId}>
          Class names in captions
        </span>
        <ul className="class-name-list scroll">
          {dataset.classes.map(({ name }) => (
            <li key={name} className="row">
              <span className="clip muted" title={name}>
                {name}
              </span>
              <TextField
                label={`Words for ${name}`}
                value={choice.classNames[name] ?? className(name)}
                onValue={(words) => rename(name, words)}
              />
            </li>
          ))}
        </ul>
      </fieldset>
    </div>
  );
}
