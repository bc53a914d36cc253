// The settings: empty is the method's own value, shown in the field; the rarer ones are behind a fold.
import { useEffect, useState } from 'react';
import type { Dataset, Params } from '../../shared/contract.ts';
import type { Augmentation, ResolvedSettings } from '../../shared/finetune.ts';
import { useCall } from '../lab.ts';
import { CheckField, Labelled, NumberField, Select, TextField } from '../ui/controls.tsx';
import {
  AUGMENT_NAMES,
  AUGMENT_OPTIONS,
  MAIN_SETTINGS,
  MORE_SETTINGS,
  type NumberSetting,
  type Plan,
  settingProblem,
  settingsOf,
  TARGET_CHOICES,
  targetsValue,
  trainsEncoder,
} from './plan.ts';
import { settingText } from './run.ts';

type Props = {
  plan: Plan;
  onChange(part: Partial<Plan>): void;
  dataset: Dataset;
  params: Params<'finetune.start'> | null;
};

/** What the method would use where nothing is typed. */
function useOwn(params: Props['params']): Partial<ResolvedSettings> {
  const plain = params && { ...params, settings: {}, seed: 0, control: null, name: undefined };
  const nothing: Params<'finetune.settings'> = { datasetId: 0, model: { id: '' }, method: 'fine-tune' };
  const asked = plain ? (JSON.parse(JSON.stringify(plain)) as Params<'finetune.settings'>) : nothing;
  return useCall('finetune.settings', asked, { enabled: plain !== null, keep: true }).data ?? {};
}

export function SettingsField({ plan, onChange, dataset, params }: Props) {
  const own = useOwn(params);
  const filled = MORE_SETTINGS.some(({ name }) => plan.typed[name]) || plan.augment !== null;
  const [open, setOpen] = useState(filled);
  // An offer may fill in what is folded away: then it is shown. What was opened stays open while it is emptied.
  useEffect(() => {
    if (filled) setOpen(true);
  }, [filled]);
  if (!trainsEncoder(plan.method))
    return (
      <section>
        <h2>Settings</h2>
        <p className="muted small">
          None: only the head is trained, on features computed once, to where its loss is least.
        </p>
        <Machine plan={plan} onChange={onChange} dataset={dataset} />
      </section>
    );
  const field = (setting: NumberSetting) => (
    <SettingInput
      key={setting.name}
      setting={setting}
      plan={plan}
      onChange={onChange}
      placeholder={own[setting.name] === undefined ? 'its own' : settingText(own[setting.name]!)}
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
      </div>
      <details className="advanced" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>More settings</summary>
        <div className="stack">
          <div className="settings-grid">
            {settingsOf(plan.method, MORE_SETTINGS).map(field)}
            <Labelled label="Augmentation" hint="Of the training images">
              <Select<Augmentation | 'own'>
                label="Augmentation"
                value={plan.augment ?? 'own'}
                options={[
                  { value: 'own', label: own.augment ? AUGMENT_NAMES[own.augment] : 'its own', note: 'its own' },
                  ...AUGMENT_OPTIONS,
                ]}
                onValue={(value) => onChange({ augment: value === 'own' ? null : value })}
              />
            </Labelled>
          </div>
          <Machine plan={plan} onChange={onChange} dataset={dataset} />
        </div>
      </details>
    </section>
  );
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

function Machine({ plan, onChange, dataset }: Pick<Props, 'plan' | 'onChange' | 'dataset'>) {
  const providers = useCall('model.providers', {}).data ?? [];
  return (
    <>
      <div className="row wrap fields-line">
        <Labelled label="Device">
          <Select
            label="Device"
            value={plan.device === '' ? 'set' : plan.device}
            options={[
              { value: 'set', label: 'as set under Settings' },
              ...providers.map((one) => ({
                value: one.id as string,
                label: one.id as string,
                disabled: !one.available,
                note: one.available ? undefined : (one.reason ?? 'not available here'),
              })),
            ]}
            onValue={(device) => onChange({ device: device === 'set' ? '' : device })}
          />
        </Labelled>
        <Labelled label="Threads, 0 as set">
          <NumberField
            label="Threads"
            value={plan.threads}
            min={0}
            max={256}
            onValue={(threads) => onChange({ threads })}
          />
        </Labelled>
      </div>
      <CheckField checked={plan.keepLeaks} onChecked={(keepLeaks) => onChange({ keepLeaks })}>
        Keep test images whose content is also in train ({dataset.leaks} here); they flatter the result
      </CheckField>
    </>
  );
}
