// The settings: empty is the method's own value, shown in the field; the rarer ones are behind a fold.
import type { Dataset, Params } from '../../shared/contract.ts';
import type { Augmentation, ResolvedSettings } from '../../shared/finetune.ts';
import { useCall } from '../lab.ts';
import { CheckField, Labelled, Select, TextField } from '../ui/controls.tsx';
import { Fold, LeaksField, MachineFields } from '../ui/fields.tsx';
import {
  AUGMENT_NAMES,
  AUGMENT_OPTIONS,
  costParams,
  ENCODER_NAMES,
  ENCODER_OPTIONS,
  type Encoders,
  MAIN_SETTINGS,
  MORE_SETTINGS,
  type NumberName,
  type NumberSetting,
  type Plan,
  settingProblem,
  settingsOf,
  TARGET_CHOICES,
  targetsValue,
  trainsEncoder,
  trainsText,
} from './plan.ts';
import { settingText } from './run.ts';

type Props = {
  plan: Plan;
  onChange(part: Partial<Plan>): void;
  dataset: Dataset;
  params: Params<'finetune.start'> | null;
  /** Whether the model has a text side. */
  hasText: boolean;
};

/** What the method would use where nothing is typed. */
function useOwn(params: Props['params']): Partial<ResolvedSettings> {
  const nothing: Params<'finetune.settings'> = { datasetId: 0, model: { id: '' }, method: 'fine-tune' };
  const encoders = params?.settings?.encoders;
  const asked = params ? { ...costParams(params), settings: encoders ? { encoders } : {} } : nothing;
  return useCall('finetune.settings', asked, { enabled: params !== null, keep: true }).data ?? {};
}

export function SettingsField({ plan, onChange, dataset, params, hasText }: Props) {
  const own = useOwn(params);
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
  const isHeadless = hasText && trainsText(plan.method, plan.encoders);
  const more = settingsOf(plan.method, MORE_SETTINGS).filter(({ name }) => name !== 'headLr' || !isHeadless);
  const field = (setting: NumberSetting) => (
    <SettingInput
      key={setting.name}
      setting={setting}
      plan={plan}
      onChange={onChange}
      placeholder={placeholderOf(setting.name, own)}
    />
  );
  return (
    <section>
      <h2>Settings</h2>
      <div className="settings-grid">
        {settingsOf(plan.method, MAIN_SETTINGS).map(field)}
        {plan.method === 'lora' && (
          <Labelled label="Where" hint="Projections of the attention">
            <Select
              label="Where LoRA is added"
              value={targetsValue(plan.targets)}
              options={TARGET_CHOICES}
              onValue={(value) =>
                onChange({ targets: TARGET_CHOICES.find((one) => one.value === value)?.targets ?? null })
              }
            />
          </Labelled>
        )}
        {plan.method === 'lora' && hasText && (
          <OwnOr<Encoders>
            label="Encoders"
            hint="CLIP-LoRA goes on both"
            value={plan.encoders}
            own={own.encoders && ENCODER_NAMES[own.encoders]}
            options={ENCODER_OPTIONS}
            onValue={(encoders) => onChange({ encoders })}
          />
        )}
      </div>
      <Fold summary="More settings" filled={filled}>
        <div className="settings-grid">
          {more.map(field)}
          <OwnOr<Augmentation>
            label="Augmentation"
            hint="Of the training images"
            value={plan.augment}
            own={own.augment && AUGMENT_NAMES[own.augment]}
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
function OwnOr<T extends string>({ label, hint, value, own = 'its own', options, onValue }: OwnOrProps<T>) {
  return (
    <Labelled label={label} hint={hint}>
      <Select<T | 'own'>
        label={label}
        value={value ?? 'own'}
        options={[{ value: 'own', label: own, note: 'its own' }, ...options]}
        onValue={(next) => onValue(next === 'own' ? null : next)}
      />
    </Labelled>
  );
}

function placeholderOf(name: NumberName, own: Partial<ResolvedSettings>): string {
  if (name === 'stepsPerShot') return 'by epochs';
  return own[name] === undefined ? 'its own' : settingText(own[name]!);
}

function SettingInput({
  setting: { name, label, hint },
  plan,
  onChange,
  placeholder,
}: Pick<Props, 'plan' | 'onChange'> & { setting: NumberSetting; placeholder: string }) {
  return (
    <Labelled label={label} hint={hint}>
      <TextField
        label={label}
        inputMode="decimal"
        value={plan.typed[name] ?? ''}
        placeholder={placeholder}
        aria-invalid={settingProblem(plan, name) !== null}
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
