// The figures that a run is for, in fixed places: its accuracy, against the probe, against zero-shot, and on the control set.
import type { ReactNode } from 'react';
import { percent, points } from '../../shared/chart/words.ts';
import type { FinetuneRun } from '../../shared/finetune.ts';
import { plural } from '../ui/format.ts';
import { bestOf } from './run.ts';

type Cell = { label: string; value: string; unit?: string; tone?: 'good' | 'bad' | ''; about: ReactNode };

export function Figures({ run, live }: { run: FinetuneRun; live: boolean }) {
  return (
    <dl className="pane figures" aria-label="Figures">
      {cells(run, live).map(({ label, value, unit, tone = '', about }) => (
        <div key={label}>
          <dt className="label">{label}</dt>
          <dd className={`figure ${tone}`}>
            {value}
            {unit && <small> {unit}</small>}
          </dd>
          <dd className="muted small clip" title={typeof about === 'string' ? about : undefined}>
            {about}
          </dd>
        </div>
      ))}
    </dl>
  );
}

const toneOf = (difference: number): Cell['tone'] => (difference > 0.0005 ? 'good' : difference < -0.0005 ? 'bad' : '');

function cells(run: FinetuneRun, live: boolean): Cell[] {
  const { report } = run;
  if (!report) {
    const best = bestOf(run.epochs);
    const later = live ? 'when it has ended' : 'not measured';
    return [
      {
        label: 'Best on validation so far',
        value: best ? `${percent(best.valAccuracy!)} %` : '–',
        about: best ? `epoch ${best.epoch}` : live ? 'after the first epoch' : 'no epoch was finished',
      },
      { label: 'On the probe', value: '–', about: later },
      { label: 'On zero-shot', value: '–', about: later },
      { label: 'On the control', value: '–', about: run.params.control ? later : 'no control set was chosen' },
    ];
  }
  const { test, before, control } = report;
  const probe = test.accuracy - before.probe;
  const zero = before.zeroShot === null ? null : test.accuracy - before.zeroShot;
  const change = control ? control.after - control.before : null;
  return [
    {
      label: 'Accuracy on test',
      value: `${percent(test.accuracy)} %`,
      about: `${plural(report.counts.test, 'image')}, ECE ${test.ece.toFixed(2)}`,
    },
    {
      label: 'On the probe',
      value: points(probe),
      unit: 'points',
      tone: toneOf(probe),
      about: `${percent(before.probe)} % by a linear probe`,
    },
    {
      label: 'On zero-shot',
      ...(zero === null ? { value: '–' } : { value: points(zero), unit: 'points' }),
      tone: zero === null ? '' : toneOf(zero),
      about: before.zeroShot === null ? 'no text side' : `${percent(before.zeroShot)} % by captions`,
    },
    {
      label: 'On the control',
      ...(change === null ? { value: '–' } : { value: points(change), unit: 'points' }),
      tone: change === null ? '' : toneOf(change),
      about: control
        ? `${control.name}: ${percent(control.before)} → ${percent(control.after)} %`
        : (report.controlProblem ?? 'no control set was chosen'),
    },
  ];
}
