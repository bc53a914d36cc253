// Between before and after (WiSE-FT): two measured curves, a slider that reads both, and the pick saved as a model.
import { type RefObject, useId, useState } from 'react';
import { percent } from '../../shared/chart/words.ts';
import type { FinetuneRun, WisePoint } from '../../shared/finetune.ts';
import { type Curve, CurveChart, type CurveChartProps } from '../charts/CurveChart.tsx';
import { SaveCharts } from '../charts/SaveCharts.tsx';
import { useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Labelled } from '../ui/controls.tsx';
import { runName } from '../ui/format.ts';
import { METHODS } from '../ui/methods.ts';
import { go } from '../ui/navigation.ts';
import { niceTicks } from './curves.ts';
import { defaultName } from './plan.ts';
import { fileName, modelNameFor } from './run.ts';
import { firstPoint, reading } from './wise.ts';

type Props = { run: FinetuneRun; live: boolean; nameField: RefObject<HTMLInputElement | null> };

export function WisePanel({ run, live, nameField }: Props) {
  const points = run.report?.wise ?? [];
  const [index, setIndex] = useState(() => firstPoint(points));
  const point = points[index];
  return (
    <section className="pane wise" aria-label="Between before and after">
      {point ? (
        <Line run={run} points={points} point={point} />
      ) : (
        <div className="wise-later">
          <h2>Between before and after</h2>
          <p className="muted">{emptyWords(run, live)}</p>
        </div>
      )}
      <div className="stack wise-side">
        {point && (
          <>
            <h2>Between before and after</h2>
            <Slider points={points} index={index} onIndex={setIndex} />
          </>
        )}
        {run.report && <SaveForm run={run} alpha={point?.alpha ?? 1} nameField={nameField} />}
      </div>
    </section>
  );
}

function emptyWords(run: FinetuneRun, live: boolean): string {
  if (run.report) return 'The encoder is as it was: only the head was trained, so there is nothing between.';
  return live
    ? 'When the training has ended, the weights between the model’s own and the trained ones are measured here: often most of the gain is kept, and most of what would be lost.'
    : 'Only a run that has ended has weights to look at.';
}

function Line({ run, points, point }: { run: FinetuneRun; points: WisePoint[]; point: WisePoint }) {
  const dots = (column: 'validation' | 'control') =>
    points.flatMap((one) => (one[column] === null ? [] : [{ x: one.alpha, y: one[column] }]));
  const curves: Curve[] = [
    { name: 'yours', colour: METHODS[run.method].colour, dots: dots('validation'), marker: 'circle' as const },
    { name: 'control', colour: 'var(--muted)', dots: dots('control'), marker: 'square' as const, dashed: true },
  ].filter((curve) => curve.dots.length > 0);
  const values = curves.flatMap((curve) => curve.dots.map((dot) => dot.y));
  const chart: CurveChartProps = {
    title: 'accuracy, %',
    curves,
    x: {
      ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
      text: (value) => value.toFixed(1),
      title: 'from before (0) to after (1)',
    },
    y: { ticks: niceTicks(values, { least: 0.01, most: 1 }), text: (value) => percent(value, 0) },
    valueText: (value) => percent(value),
    summary: `Accuracy between the weights before and after. ${points.map(reading).join('. ')}.`,
  };
  return (
    <div className="wise-line">
      <CurveChart {...chart} at={point.alpha} />
      <SaveCharts
        title={`${run.datasetName}, ${runName(run)}: between before and after`}
        name={fileName(run, 'before-to-after')}
        charts={[chart]}
      />
    </div>
  );
}

function Slider({ points, index, onIndex }: { points: WisePoint[]; index: number; onIndex(index: number): void }) {
  const id = useId();
  const point = points[index]!;
  const figure = (value: number | null) => (value === null ? '–' : `${percent(value)} %`);
  return (
    <div className="stack">
      <label className="label" htmlFor={id}>
        Weights at {point.alpha.toFixed(1)}{' '}
        <span className="muted">{point.alpha === 0 ? 'as before' : point.alpha === 1 ? 'as trained' : ''}</span>
      </label>
      <input
        id={id}
        type="range"
        className="range"
        min={0}
        max={points.length - 1}
        step={1}
        value={index}
        aria-valuetext={reading(point)}
        onChange={(event) => onIndex(Number(event.target.value))}
      />
      <dl className="wise-reading">
        <dt>yours, validation</dt>
        <dd>{figure(point.validation)}</dd>
        <dt>control</dt>
        <dd>{figure(point.control)}</dd>
      </dl>
    </div>
  );
}

function SaveForm({ run, alpha, nameField }: { run: FinetuneRun; alpha: number; nameField: Props['nameField'] }) {
  const [typed, setTyped] = useState<string | null>(null);
  const save = useMutationCall('finetune.save');
  const own = run.params.name ?? defaultName(run.model, run.method, run.datasetName);
  const name = typed ?? modelNameFor(own, alpha);
  const saved = save.result;
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() !== '' && !save.busy) save.run({ id: run.id, alpha, name: name.trim() });
      }}
    >
      <Labelled label="Save as a model">
        <span className="row">
          <input
            ref={nameField}
            className="field grow"
            aria-label="Name of the new model"
            spellCheck={false}
            autoComplete="off"
            maxLength={100}
            value={name}
            aria-invalid={name.trim() === ''}
            onChange={(event) => {
              save.reset();
              setTyped(event.target.value);
            }}
          />
          <Button kind="primary" type="submit" disabled={save.busy || name.trim() === ''}>
            {save.busy ? 'Saving …' : 'Save'}
          </Button>
        </span>
      </Labelled>
      <ErrorNote error={save.error} onClose={save.reset} />
      <p className="row wrap small one-line" role="status">
        {saved && (
          <>
            <span className="good">✓ {saved.name} is saved.</span>
            <button type="button" className="link" onClick={() => go('models', { modelId: saved.id })}>
              Open in Models
            </button>
            <button
              type="button"
              className="link"
              onClick={() => go('compare', { fresh: true, datasetId: run.datasetId, model: saved.id })}
            >
              Compare
            </button>
          </>
        )}
      </p>
    </form>
  );
}
