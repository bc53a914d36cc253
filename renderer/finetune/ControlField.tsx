// The control set: other images, told apart before and after, so that what the training costs elsewhere can be seen.
import type { Dataset } from '../../shared/contract.ts';
import { ClassWords } from '../ui/CaptionFields.tsx';
import { Select } from '../ui/controls.tsx';
import { plural } from '../ui/format.ts';
import { go } from '../ui/navigation.ts';
import type { Plan } from './plan.ts';

type Props = {
  plan: Plan;
  onChange(part: Partial<Plan>): void;
  datasets: Dataset[];
  dataset: Dataset;
  control: Dataset | undefined;
};

export function ControlField({ plan, onChange, datasets, dataset, control }: Props) {
  const others = datasets.filter((one) => one.id !== dataset.id && one.classes.length > 1);
  return (
    <section>
      <h2>Control set</h2>
      <div className="row wrap">
        <Select<string>
          label="Control set"
          value={control ? String(control.id) : ''}
          options={[
            { value: '', label: 'none' },
            ...others.map((one) => ({
              value: String(one.id),
              label: one.name,
              note: plural(one.classes.length, 'class', 'classes'),
            })),
          ]}
          onValue={(value) => onChange({ controlId: value === '' ? null : Number(value), controlWords: {} })}
        />
        {others.length === 0 && (
          <button type="button" className="link" onClick={() => go('data')}>
            Import other images in Data
          </button>
        )}
      </div>
      <p className="muted small">
        Images of other things. How many of them the model can tell apart is measured before and after: training on
        yours may cost it that.
      </p>
      {control && (
        <ClassWords
          label="Its classes in words"
          dataset={control}
          words={plan.controlWords}
          onWords={(controlWords) => onChange({ controlWords })}
        />
      )}
    </section>
  );
}
