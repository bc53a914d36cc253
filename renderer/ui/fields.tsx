// Form fields that several screens have: the dataset, labels per class, device and threads, leaks, and what is folded away.
import { type ReactNode, useEffect, useState } from 'react';
import { labelsPerClass } from '../../shared/chart/words.ts';
import type { Dataset } from '../../shared/contract.ts';
import type { Shots } from '../../shared/report.ts';
import { useCall } from '../lab.ts';
import { CheckField, Labelled, NumberField, Select } from './controls.tsx';
import { deviceOptions, type Machine } from './devices.ts';
import { count, plural } from './format.ts';
import { go } from './navigation.ts';

type DatasetProps = { datasets: Dataset[]; dataset: Dataset; onValue(id: number): void };

export function DatasetSelect({ datasets, dataset, onValue }: DatasetProps) {
  return (
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
  );
}

export function DatasetField(props: DatasetProps) {
  const { dataset } = props;
  const sum = (split: 'train' | 'val' | 'test') => dataset.classes.reduce((total, one) => total + one[split], 0);
  const counts = [
    plural(dataset.classes.length, 'class', 'classes'),
    `${count(sum('train'))} train`,
    ...(sum('val') > 0 ? [`${count(sum('val'))} validation`] : []),
    `${count(sum('test'))} test`,
    ...(dataset.problems > 0 ? [`${plural(dataset.problems, 'file')} with a problem, left out`] : []),
    ...(dataset.leaks > 0 ? [`${count(dataset.leaks)} of the test also in train, left out`] : []),
  ];
  return (
    <section>
      <h2>Images</h2>
      <div className="row wrap">
        <DatasetSelect {...props} />
        <button type="button" className="link" onClick={() => go('data', { datasetId: dataset.id })}>
          Open in Data
        </button>
      </div>
      <p className="muted small num">{counts.join(' · ')}</p>
    </section>
  );
}

const SHOTS_OFFERED: readonly Shots[] = [1, 2, 4, 8, 16, 32, 64, 'all'];

type LabelsProps = {
  pressed(shots: Shots): boolean;
  onPress(shots: Shots): void;
  /** What follows from the choice. */
  note: string;
  /** Beside the shot counts: how luck is drawn. */
  children: ReactNode;
};

export function LabelsField({ pressed, onPress, note, children }: LabelsProps) {
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
                aria-pressed={pressed(shots)}
                aria-label={labelsPerClass(shots)}
                onClick={() => onPress(shots)}
              >
                {shots}
              </button>
            ))}
          </span>
        </fieldset>
        {children}
      </div>
      <p className="muted small one-line">{note}</p>
    </section>
  );
}

export function MachineFields({ device, threads, onChange }: Machine & { onChange(part: Partial<Machine>): void }) {
  const providers = useCall('model.providers', {}).data;
  return (
    <>
      <Labelled label="Device">
        <Select
          label="Device"
          value={device === '' ? 'set' : device}
          options={[{ value: 'set', label: 'as set under Settings' }, ...deviceOptions(providers)]}
          onValue={(value) => onChange({ device: value === 'set' ? '' : value })}
        />
      </Labelled>
      <Labelled label="Threads, 0 as set">
        <NumberField
          label="Threads"
          value={threads}
          min={0}
          max={256}
          onValue={(value) => onChange({ threads: value })}
        />
      </Labelled>
    </>
  );
}

type LeaksProps = { dataset: Dataset; checked: boolean; onChecked(checked: boolean): void };

export function LeaksField({ dataset, checked, onChecked }: LeaksProps) {
  return (
    <CheckField checked={checked} onChecked={onChecked}>
      Keep test images whose content is also in train ({dataset.leaks} here); they flatter every result
    </CheckField>
  );
}

/**
 * Fields behind a fold, shown when something is in them: an offer, or another screen, may fill in what is folded away. What was
 * opened stays open while it is emptied.
 */
export function Fold({ summary, filled, children }: { summary: string; filled: boolean; children: ReactNode }) {
  const [open, setOpen] = useState(filled);
  useEffect(() => {
    if (filled) setOpen(true);
  }, [filled]);
  return (
    <details className="fold" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      <div className="stack">{children}</div>
    </details>
  );
}
