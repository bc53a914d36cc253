// The form's fields: images, model, method with why one does not apply, labels and seed, the new model's name.
import { labelsPerClass } from '../../shared/chart/words.ts';
import type { Dataset, ModelInfo } from '../../shared/contract.ts';
import { Hint, Labelled, NumberField, Select, TextField } from '../ui/controls.tsx';
import { bytes, count, plural } from '../ui/format.ts';
import { MethodMark } from '../ui/MethodMark.tsx';
import { METHODS } from '../ui/methods.ts';
import { go } from '../ui/navigation.ts';
import { defaultName, methodsFor, type Plan, SHOTS_OFFERED } from './plan.ts';

type FieldProps = { plan: Plan; onChange(part: Partial<Plan>): void };

type DatasetFieldProps = { datasets: Dataset[]; dataset: Dataset; onValue(id: number): void };

export function DatasetField({ datasets, dataset, onValue }: DatasetFieldProps) {
  const sum = (split: 'train' | 'val' | 'test') => dataset.classes.reduce((total, one) => total + one[split], 0);
  const counts = [
    plural(dataset.classes.length, 'class', 'classes'),
    `${count(sum('train') + sum('val'))} to train on`,
    `${count(sum('test'))} test`,
  ];
  return (
    <section>
      <h2>Images</h2>
      <div className="row wrap">
        <Select
          label="Dataset"
          value={String(dataset.id)}
          options={datasets.map((one) => ({
            value: String(one.id),
            label: one.name,
            ...(one.demo ? { note: 'demo' } : {}),
          }))}
          onValue={(value) => onValue(Number(value))}
        />
        <button type="button" className="link" onClick={() => go('data', { datasetId: dataset.id })}>
          Open in Data
        </button>
      </div>
      <p className="muted small num">{counts.join(' · ')}</p>
    </section>
  );
}

export function ModelField({
  models,
  model,
  onValue,
}: {
  models: ModelInfo[];
  model: ModelInfo;
  onValue(id: string): void;
}) {
  const about = [
    model.hasText ? 'image and text side' : 'image side only',
    ...(model.imageSize ? [`${model.imageSize} px`] : []),
    bytes(model.bytes),
    `licence: ${model.licence ?? 'not stated'}`,
  ];
  return (
    <section>
      <h2>Model</h2>
      <div className="row wrap">
        <Select
          label="Model"
          value={model.id}
          options={models.map((one) => ({
            value: one.id,
            label: one.name,
            note: one.hasText ? 'image and text' : 'image only',
          }))}
          onValue={onValue}
        />
        <button type="button" className="link" onClick={() => go('models')}>
          Get more models
        </button>
      </div>
      <p className="muted small num">{about.join(' · ')}</p>
    </section>
  );
}

export function MethodField({ model, plan, onChange }: FieldProps & { model: ModelInfo }) {
  const methods = methodsFor(model);
  const chosen = methods.find((one) => one.method === plan.method)!;
  const without = methods.filter((one) => one.reason !== null);
  return (
    <section>
      <h2>Method</h2>
      <fieldset className="bare row wrap" aria-label="Method">
        {methods.map(({ method, reason }) => (
          <Hint key={method} text={reason ?? METHODS[method].about}>
            <button
              type="button"
              className={reason === null ? 'chip' : 'chip off'}
              aria-pressed={method === plan.method}
              aria-disabled={reason !== null}
              onClick={() => reason === null && onChange({ method })}
            >
              <MethodMark method={method} />
              {METHODS[method].name}
            </button>
          </Hint>
        ))}
      </fieldset>
      <p className="small one-line">{chosen.reason ?? METHODS[plan.method].about}</p>
      <p className="muted small one-line">
        One class per image; multi-label and regression heads are not here.{' '}
        {without.length > 0 && chosen.reason === null && `Crossed out: ${model.name} has no text side.`}
      </p>
    </section>
  );
}

export function LabelsField({ plan, onChange }: FieldProps) {
  return (
    <section>
      <h2>Labels</h2>
      <div className="row wrap fields-line">
        <fieldset className="labelled bare" aria-label="Labelled images per class">
          <span className="label">Labelled images per class</span>
          <span className="row wrap">
            {SHOTS_OFFERED.map((shots) => (
              <button
                key={shots}
                type="button"
                className="chip num"
                aria-pressed={plan.shots === shots}
                aria-label={labelsPerClass(shots)}
                onClick={() => onChange({ shots })}
              >
                {shots}
              </button>
            ))}
          </span>
        </fieldset>
        <Labelled label="Seed">
          <NumberField label="Seed" value={plan.seed} min={0} max={99_999} onValue={(seed) => onChange({ seed })} />
        </Labelled>
      </div>
      <p className="muted small one-line">
        The same seed draws the same images as a comparison does, and trains to the same numbers.
      </p>
    </section>
  );
}

export function NameField({ plan, onChange, dataset, model }: FieldProps & { dataset: Dataset; model: ModelInfo }) {
  return (
    <section>
      <h2>Name</h2>
      <TextField
        style={{ maxWidth: 420 }}
        label="Name of the new model"
        value={plan.name}
        maxLength={100}
        placeholder={defaultName(model.id, plan.method, dataset.name)}
        onValue={(name) => onChange({ name })}
      />
      <p className="muted small one-line">
        Asked again when the run is saved as a model; the run itself keeps no model.
      </p>
    </section>
  );
}
