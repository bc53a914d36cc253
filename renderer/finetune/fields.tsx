// The form's own fields: model, method with why one does not apply, labels and seed, captions, the new model's name.
import type { Dataset, ModelInfo } from '../../shared/contract.ts';
import type { FinetuneMethodId } from '../../shared/finetune.ts';
import { CaptionFields } from '../ui/CaptionFields.tsx';
import { Labelled, NumberField, Select, TextField } from '../ui/controls.tsx';
import { Fold, LabelsField } from '../ui/fields.tsx';
import { bytes } from '../ui/format.ts';
import { MethodChip } from '../ui/MethodChip.tsx';
import { METHODS } from '../ui/methods.ts';
import { go } from '../ui/navigation.ts';
import { defaultName, methodsFor, type Own, type Plan, trainsText } from './plan.ts';

type FieldProps = { plan: Plan; onChange(part: Partial<Plan>): void };

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
          <MethodChip
            key={method}
            method={method}
            pressed={method === plan.method}
            reason={reason}
            onPress={() => onChange({ method })}
          />
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

export function ShotsField({ plan, onChange }: FieldProps) {
  return (
    <LabelsField
      pressed={(shots) => plan.shots === shots}
      onPress={(shots) => onChange({ shots })}
      note="The same seed draws the same images as a comparison does, and trains to the same numbers."
    >
      <Labelled label="Seed">
        <NumberField label="Seed" value={plan.seed} min={0} max={99_999} onValue={(seed) => onChange({ seed })} />
      </Labelled>
    </LabelsField>
  );
}

/** What captions are to a run beside the zero-shot figure, which every one is weighed against; '' while that is not known. */
export const captionsAre = (method: FinetuneMethodId, own: Own): string => {
  if (method === 'lora' && own === undefined) return '';
  if (method === 'lora' && trainsText(own))
    return 'Images are told apart by these captions, one of each class drawn for a step: the text side is trained too.';
  if (method === 'flyp') return 'Images are trained against these captions, one drawn for each image of a step.';
  if (method === 'lp-ft')
    return 'The head begins from a linear probe; the zero-shot figure and the control set use captions.';
  return 'The head begins from the features of these captions.';
};

export function CaptionsField({ plan, onChange, dataset, own }: FieldProps & { dataset: Dataset; own: Own }) {
  return (
    <Fold
      summary="Captions: own templates and class names"
      filled={plan.templates.length > 0 || Object.keys(plan.classNames).length > 0}
    >
      <p className="muted small one-line">{captionsAre(plan.method, own)}</p>
      <CaptionFields dataset={dataset} captions={plan} onChange={onChange} />
    </Fold>
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
