// The form's own fields: models with their feature output, methods with why one does not apply, shot counts and seeds.
import { METHOD_ORDER } from '../../shared/chart/style.ts';
import type { Dataset, ModelInfo } from '../../shared/contract.ts';
import type { MethodId, Shots } from '../../shared/report.ts';
import { isTrained, whyNone, whyNot } from '../ui/applies.ts';
import { CheckField, Labelled, NumberField, Select } from '../ui/controls.tsx';
import { LabelsField } from '../ui/fields.tsx';
import { plural } from '../ui/format.ts';
import { MethodChip } from '../ui/MethodChip.tsx';
import { go } from '../ui/navigation.ts';
import { type Choice, partly, shotsLeftOut } from './choice.ts';

type FieldProps = { choice: Choice; onChange(part: Partial<Choice>): void; models: ModelInfo[] };

export function ModelsField({ models, choice, onChange }: FieldProps) {
  const toggle = (model: ModelInfo, on: boolean) => {
    const next = new Map(choice.models);
    if (on) next.set(model.id, null);
    else next.delete(model.id);
    onChange({ models: next });
  };
  const setOutput = (model: ModelInfo, output: string) =>
    onChange({ models: new Map(choice.models).set(model.id, output === model.outputs[0] ? null : output) });
  return (
    <section>
      <h2>Models</h2>
      <ul className="model-choice">
        {models.map((model) => {
          const on = choice.models.has(model.id);
          return (
            <li key={model.id}>
              <CheckField
                checked={on}
                disabled={model.problem !== null && !model.installed && !on}
                onChecked={(next) => toggle(model, next)}
              >
                {model.name}
              </CheckField>
              <span className="muted small clip">{about(model)}</span>
              <span className="spacer" />
              {on && model.outputs.length > 1 && (
                <Select
                  label={`Feature of ${model.name}`}
                  value={choice.models.get(model.id) ?? model.outputs[0]!}
                  options={model.outputs.map((output) => ({ value: output, label: output }))}
                  onValue={(output) => setOutput(model, output)}
                />
              )}
              {model.problem && <span className="bad small">{model.problem}</span>}
            </li>
          );
        })}
      </ul>
      <button type="button" className="link" onClick={() => go('models')}>
        Get more models
      </button>
    </section>
  );
}

function about(model: ModelInfo): string {
  const parts = [
    model.family === 'dual'
      ? 'image and text side'
      : model.family === 'hog'
        ? 'gradient and colour histograms'
        : 'image side only',
    ...(model.dim ? [plural(model.dim, 'dimension')] : []),
    ...(model.pretrained ? [] : ['no pretraining']),
  ];
  return parts.join(' · ');
}

export function MethodsField({ models, choice, onChange }: FieldProps) {
  const toggle = (method: MethodId) => {
    const next = new Set(choice.methodsOff);
    if (!next.delete(method)) next.add(method);
    onChange({ methodsOff: next });
  };
  const frozen = METHOD_ORDER.filter((method) => !isTrained(method));
  const trained = METHOD_ORDER.filter(isTrained);
  const chips = (label: string, methods: MethodId[]) => (
    <fieldset className="labelled bare" aria-label={label}>
      <span className="label">{label}</span>
      <span className="row wrap">
        {methods.map((method) => {
          const reason = whyNot(method, models);
          return (
            <MethodChip
              key={method}
              method={method}
              pressed={reason === null && !choice.methodsOff.has(method)}
              reason={reason}
              onPress={() => toggle(method)}
            />
          );
        })}
      </span>
    </fieldset>
  );
  return (
    <section>
      <h2>Methods</h2>
      <fieldset className="bare method-choice" aria-label="Methods">
        {chips('On frozen features', frozen)}
        {chips('Training the encoder: minutes to hours a row', trained)}
      </fieldset>
      <p className="muted small one-line">{whyNone(METHOD_ORDER, models) ?? partly(models)}</p>
    </section>
  );
}

export function ShotsField({ dataset, choice, onChange }: Omit<FieldProps, 'models'> & { dataset: Dataset }) {
  const toggle = (shots: Shots) => {
    const next = new Set(choice.shots);
    if (!next.delete(shots)) next.add(shots);
    onChange({ shots: next });
  };
  return (
    <LabelsField
      pressed={(shots) => choice.shots.has(shots)}
      onPress={toggle}
      note={
        shotsLeftOut(dataset, choice.shots) ??
        (choice.seeds === 1
          ? 'With one seed there is no interval: how far luck decides cannot be seen.'
          : 'Each seed draws other images; up to 4 more a class are the validation where a method needs one.')
      }
    >
      <Labelled label="Seeds">
        <NumberField label="Seeds" value={choice.seeds} min={1} max={100} onValue={(seeds) => onChange({ seeds })} />
      </Labelled>
    </LabelsField>
  );
}
