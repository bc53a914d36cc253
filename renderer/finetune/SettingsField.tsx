// The settings: empty is the method's own value, shown in the field; the rarer ones are behind a fold.
import type { Dataset } from '../../shared/contract.ts';
import type { Augmentation } from '../../shared/finetune.ts';
import { CheckField, Labelled, Select, TextField } from '../ui/controls.tsx';
import { Fold, LeaksField, MachineFields } from '../ui/fields.tsx';
import {
  AUGMENT_NAMES,
  AUGMENT_OPTIONS,
  ENCODER_NAMES,
  ENCODER_OPTIONS,
  type Encoders,
  MAIN_SETTINGS,
  MORE_SETTINGS,
  type NumberName,
  type NumberSetting,
  type Own,
  type Plan,
  settingProblem,
  settingsOf,
  TARGET_CHOICES,
  targetsChoice,
  trainsEncoder,
  trainsText,
} from './plan.ts';
import { settingText } from './run.ts';

type Props = {
  plan: Plan;
  onChange(part: Partial<Plan>): void;
  dataset: Dataset;
  /** Whether the model has a text side. */
  hasText: boolean;
  own: Own;
};

export function SettingsField({ plan, onChange, dataset, hasText, own }: Props) {
  const filled = MORE_SETTINGS.some(({ name }) => plan.typed[name]) || plan.augment !== null || plan.recompute;
  if (!trainsEncoder(plan.method))
    return (
      <section>
        <h2>Settings</h2>
        <p className="muted small">
          None: only the head is trained, on features computed once, to where its loss is least.
        </p>
        <MachineAndLeaks plan={plan} onChange={onChange} dataset={dataset} />
      </section>
    );
  const field = (setting: NumberSetting) => (
    <SettingInput key={setting.name} setting={setting} plan={plan} onChange={onChange} own={own} />
  );
  return (
    <section>
      <h2>Settings</h2>
      <div className="settings-grid">
        {settingsOf(plan.method, MAIN_SETTINGS).map(field)}
        {plan.method === 'lora' && (
          <OwnOr
            label="Where LoRA is added"
            hint="q, k, v, o: of the attention"
            value={targetsChoice(plan.targets)?.value ?? null}
            own={targetsChoice(own?.targets)?.label}
            options={TARGET_CHOICES}
            onValue={(value) =>
              onChange({ targets: TARGET_CHOICES.find((one) => one.value === value)?.targets ?? null })
            }
          />
        )}
        {plan.method === 'lora' && hasText && (
          <OwnOr<Encoders>
            label="Encoders"
            hint="CLIP-LoRA goes on both"
            value={plan.encoders}
            // the answer is of what was chosen, where something was
            own={plan.encoders || !own?.encoders ? undefined : ENCODER_NAMES[own.encoders]}
            options={ENCODER_OPTIONS}
            onValue={(encoders) => onChange({ encoders })}
          />
        )}
      </div>
      <Fold summary="More settings" filled={filled}>
        <div className="settings-grid">
          {settingsOf(plan.method, MORE_SETTINGS).map(field)}
          <OwnOr<Augmentation>
            label="Augmentation"
            hint="Of the training images"
            value={plan.augment}
            own={own && AUGMENT_NAMES[own.augment]}
            options={AUGMENT_OPTIONS}
            onValue={(augment) => onChange({ augment })}
          />
        </div>
        <CheckField checked={plan.recompute} onChecked={(recompute) => onChange({ recompute })}>
          Work activations out again on the way back: less memory, about a third more time
        </CheckField>
        <MachineAndLeaks plan={plan} onChange={onChange} dataset={dataset} />
      </Fold>
    </section>
  );
}

type OwnOrProps<T extends string> = {
  label: string;
  hint: string;
  /** Null: the method's own. */
  value: T | null;
  /** What the method's own is called, once it is known. */
  own: string | undefined;
  options: { value: T; label: string; note?: string }[];
  onValue(value: T | null): void;
};

/** A choice whose first entry is the method's own. */
function OwnOr<T extends string>({ label, hint, value, own, options, onValue }: OwnOrProps<T>) {
  return (
    <Labelled label={label} hint={hint}>
      <Select<T | 'own'>
        label={label}
        value={value ?? 'own'}
        options={[{ value: 'own', ...(own ? { label: own, note: 'its own' } : { label: 'its own' }) }, ...options]}
        onValue={(next) => onValue(next === 'own' ? null : next)}
      />
    </Labelled>
  );
}

function placeholderOf(name: NumberName, own: Own): string {
  if (name === 'stepsPerShot') return 'by epochs';
  return own?.[name] === undefined ? 'its own' : settingText(own[name]);
}

function SettingInput({
  setting: { name, label, hint },
  plan,
  onChange,
  own,
}: Pick<Props, 'plan' | 'onChange' | 'own'> & { setting: NumberSetting }) {
  // in its place all the same, so that nothing moves when the answer comes
  const isIdle = name === 'headLr' && trainsText(own);
  return (
    <Labelled label={label} hint={hint}>
      <TextField
        label={label}
        inputMode="decimal"
        value={isIdle ? '' : (plan.typed[name] ?? '')}
        placeholder={isIdle ? 'no head' : placeholderOf(name, own)}
        disabled={isIdle}
        aria-invalid={!isIdle && settingProblem(plan, name) !== null}
        onValue={(text) => onChange({ typed: { ...plan.typed, [name]: text } })}
      />
    </Labelled>
  );
}

function MachineAndLeaks({ plan, onChange, dataset }: Pick<Props, 'plan' | 'onChange' | 'dataset'>) {
  return (
    <>
      <div className="row wrap fields-line">
        <MachineFields device={plan.device} threads={plan.threads} onChange={onChange} />
      </div>
      <LeaksField dataset={dataset} checked={plan.keepLeaks} onChecked={(keepLeaks) => onChange({ keepLeaks })} />
    </>
  );
}
