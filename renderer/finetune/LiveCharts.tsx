// A run's curves as they grow: loss, accuracy on validation, learning rate, images a second.
import { useMemo, useState } from 'react';
import { percent } from '../../shared/chart/words.ts';
import type { Job, Metric } from '../../shared/contract.ts';
import type { FinetuneRun } from '../../shared/finetune.ts';
import { type Curve, CurveChart, type CurveChartProps, type Dot } from '../charts/CurveChart.tsx';
import { SaveCharts } from '../charts/SaveCharts.tsx';
import { useCall, useEvent } from '../lab.ts';
import { count, runName } from '../ui/format.ts';
import { METHODS } from '../ui/methods.ts';
import { type Curves, curvesOf, niceTicks, ofEpochs, thinned } from './curves.ts';
import { fileName, settingText } from './run.ts';

/** What was measured before the screen opened, and what comes while it is open; what is told twice is one dot (curvesOf). */
function useMetrics(jobId: number): Metric[] {
  const known = useCall('job.metrics', { id: jobId, afterStep: -1 }).data;
  const [live, setLive] = useState<Metric[]>([]);
  useEvent('job.metrics', (batch) => {
    const own = batch.filter((metric) => metric.jobId === jobId);
    if (own.length > 0) setLive((before) => [...before, ...own]);
  });
  return useMemo(() => [...(known ?? []), ...live], [known, live]);
}

const MOST_DOTS = 300;
/** Markers at more epochs would be a band. */
const MOST_MARKERS = 40;
/** "validation 100.0" */
const LABEL_ROOM = 86;
const whole = (value: number) => value.toLocaleString('en-GB');

export function LiveCharts({ run, job }: { run: FinetuneRun; job: Job | undefined }) {
  const metrics = useMetrics(run.jobId);
  const curves = useMemo(() => curvesOf(metrics), [metrics]);
  const planned = job?.status === 'running' && job.unit === 'steps' ? job.total : 0;
  const charts = chartsOf(run, curves, planned, MOST_DOTS);
  return (
    <div className="pane live-charts">
      {charts.map((chart) => (
        <CurveChart key={chart.title} labelRoom={LABEL_ROOM} {...chart} />
      ))}
      <SaveCharts
        title={`${run.datasetName}, ${runName(run)}: curves`}
        name={fileName(run, 'curves')}
        charts={charts}
        columns={2}
        full={() => chartsOf(run, curves, planned, Number.POSITIVE_INFINITY)}
      />
    </div>
  );
}

/** The four charts, with at most `most` dots a curve; `planned`: steps still to come have their place. */
function chartsOf(run: FinetuneRun, curves: Curves, planned: number, most: number): CurveChartProps[] {
  const { epochs } = run;
  const dots = (name: string): Dot[] => thinned(curves.get(name) ?? [], most);
  const lastStep = Math.max(epochs.at(-1)?.step ?? 0, curves.get('loss')?.at(-1)?.x ?? 0);
  const x = {
    ticks: niceTicks([0, Math.max(4, lastStep, planned)], { zero: true, least: 1 }),
    text: whole,
    title: 'step',
  };
  const colour = METHODS[run.method].colour;
  const marked = epochs.length <= MOST_MARKERS ? { marker: 'circle' as const } : {};
  const loss: Curve[] = [
    { name: 'train', colour, dots: dots('loss') },
    { name: 'validation', colour: 'var(--muted)', dots: ofEpochs(epochs, 'valLoss'), dashed: true, ...marked },
  ];
  const accuracy: Curve[] = [{ name: 'validation', colour, dots: ofEpochs(epochs, 'valAccuracy'), ...marked }];
  const rate: Curve[] = [{ name: '', colour: 'var(--muted)', dots: dots('lr') }];
  const speed: Curve[] = [{ name: '', colour: 'var(--muted)', dots: dots('imagesPerSecond') }];
  const values = (of: Curve[]) => of.flatMap((curve) => curve.dots.map((dot) => dot.y));
  return [
    {
      title: 'loss',
      curves: loss,
      x,
      y: { ticks: niceTicks(values(loss), { zero: true }), text: settingText },
      valueText: (value) => (value < 0.0005 ? value.toExponential(0) : value.toFixed(value < 0.1 ? 3 : 2)),
      summary: summaryOf('Loss', loss, (value) => value.toFixed(3)),
    },
    {
      title: 'accuracy on validation, %',
      curves: accuracy,
      x,
      y: { ticks: niceTicks(values(accuracy), { least: 0.01, most: 1 }), text: (value) => percent(value, 0) },
      valueText: (value) => percent(value),
      summary: summaryOf('Accuracy on validation', accuracy, (value) => `${percent(value)} %`),
    },
    {
      title: 'learning rate',
      curves: rate,
      x,
      y: { ticks: niceTicks(values(rate), { zero: true }), text: settingText },
      valueText: (value) => value.toExponential(1),
      summary: summaryOf('Learning rate', rate, (value) => value.toExponential(2)),
    },
    {
      title: 'images a second',
      curves: speed,
      x,
      y: { ticks: niceTicks(values(speed), { zero: true }), text: whole },
      valueText: (value) => (value < 9.95 ? value.toFixed(1) : count(value)),
      summary: summaryOf('Images a second', speed, (value) => value.toFixed(1)),
    },
  ];
}

function summaryOf(what: string, curves: readonly Curve[], text: (value: number) => string): string {
  const said = curves.flatMap(({ name, dots }) => {
    const [first, last] = [dots[0], dots.at(-1)];
    return first && last ? [`${name === '' ? 'it' : name} went from ${text(first.y)} to ${text(last.y)}`] : [];
  });
  return said.length > 0 ? `${what}: ${said.join('; ')}.` : `${what}: nothing was measured yet.`;
}
