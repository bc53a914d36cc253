// One comparison: its chart as it fills in, its table, and a panel for the dot that was clicked, the run, and all runs.
import { Download, Layers, Plus } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import type { Comparison, ComparisonInfo } from '../../shared/contract.ts';
import type { MethodId } from '../../shared/report.ts';
import { EXPORTS, type ExportName, exportUrl } from '../../shared/urls.ts';
import { FewShotChart } from '../charts/FewShotChart.tsx';
import type { MarkId } from '../charts/steps.ts';
import { saveAs } from '../host.ts';
import { useCall, useJob } from '../lab.ts';
import { ErrorNote, Segments } from '../ui/controls.tsx';
import { plural, runName } from '../ui/format.ts';
import { useKeys } from '../ui/keys.ts';
import { numbered } from '../ui/Menu.tsx';
import { go, stay } from '../ui/navigation.ts';
import { type Action, Screen } from '../ui/Screen.tsx';
import { MethodChips } from './MethodChips.tsx';
import { PointPanel } from './PointPanel.tsx';
import { RunPanel } from './RunPanel.tsx';
import { RunState } from './RunState.tsx';
import { RunsPanel } from './RunsPanel.tsx';
import { RunTable } from './RunTable.tsx';
import { bestPoint, isLive, linesOf, type PointKey, plannedMethods, plannedShots } from './run.ts';
import { useOverlays } from './useOverlays.ts';

type Tab = 'point' | 'run' | 'runs';

export function RunView({ info, runs }: { info: ComparisonInfo; runs: ComparisonInfo[] }) {
  const { data: comparison, error } = useCall('compare.get', { id: info.id });
  const [tab, setTab] = useState<Tab>('point');
  const [chosen, setChosen] = useState<PointKey | null>(null);
  const overlays = useOverlays(info, runs);
  const panel = useRef<HTMLElement | null>(null);
  // While rows come nothing is opened by itself: the best point changes with every one.
  const point = chosen ?? (comparison && !isLive(info.status) ? bestPoint(comparison) : null);
  const select = (next: PointKey) => {
    setChosen(next);
    setTab('point');
  };
  useKeys([
    { keys: 'P', label: 'Show the selected point', group: 'Compare', run: () => setTab('point') },
    { keys: 'I', label: 'Show facts of the run', group: 'Compare', run: () => setTab('run') },
    { keys: 'A', label: 'Show all runs', group: 'Compare', run: () => setTab('runs') },
    {
      keys: 'Arrow keys',
      label: 'Move between points of the chart or the table',
      group: 'Compare',
      told: true,
      run: () => {},
    },
    { keys: 'Enter', label: 'Open a point of the chart or the table', group: 'Compare', told: true, run: () => {} },
  ]);
  return (
    <Screen
      label="Compare"
      crumbs={[
        { label: info.datasetName, onClick: () => go('data', { datasetId: info.datasetId }) },
        { label: info.models.join(' + ') },
        { label: runName(info) },
      ]}
      actions={[exportAction(info), overlayAction(overlays), NEW]}
      panelWidth={330}
      panel={
        <section
          className="pane pad side-panel"
          tabIndex={-1}
          aria-label="Details"
          ref={(element) => {
            panel.current = element;
          }}
        >
          <Segments<Tab>
            label="What the panel shows"
            value={tab}
            onValue={setTab}
            options={[
              { value: 'point', label: 'Point' },
              { value: 'run', label: 'This run' },
              { value: 'runs', label: 'All runs', note: String(runs.length) },
            ]}
          />
          {comparison && tab === 'point' && <PointPanel comparison={comparison} point={point} />}
          {comparison && tab === 'run' && <RunPanel comparison={comparison} />}
          {tab === 'runs' && <RunsPanel info={info} runs={runs} overlays={overlays} />}
        </section>
      }
    >
      <ErrorNote error={error} />
      <RunState info={info} comparison={comparison} />
      {comparison && (
        <Body
          comparison={comparison}
          overlays={overlays.comparisons}
          point={point}
          onSelect={select}
          onOpen={() => panel.current?.focus()}
        />
      )}
    </Screen>
  );
}

const NEW: Action = {
  label: 'New comparison',
  keys: 'N',
  icon: <Plus size={14} />,
  primary: true,
  run: () => stay('compare', { fresh: true }),
};

const EXPORT_NAMES: Record<ExportName, { label: string; letter: string }> = {
  'report.html': { label: 'Report, one HTML page', letter: 'H' },
  'chart.svg': { label: 'Chart, SVG', letter: 'S' },
  'chart.png': { label: 'Chart, PNG', letter: 'P' },
  'predictions.csv': { label: 'Every prediction, CSV', letter: 'C' },
  'report.json': { label: 'All numbers, JSON', letter: 'J' },
};

function exportAction(info: ComparisonInfo): Action {
  const base = info.datasetName.replace(/[^\p{L}\p{N}._-]+/gu, '-');
  return {
    label: 'Export',
    keys: 'E',
    icon: <Download size={14} />,
    menu: EXPORTS.map((name) => ({
      ...EXPORT_NAMES[name],
      disabled: info.rows === 0,
      run: () => void saveAs(exportUrl(info.id, name), `${base}-run-${info.id}-${name}`),
    })),
  };
}

function overlayAction(overlays: ReturnType<typeof useOverlays>): Action {
  return {
    label: 'Overlay a run',
    keys: 'O',
    icon: <Layers size={14} />,
    menu:
      overlays.possible.length === 0
        ? [{ label: 'No other run on this dataset yet', disabled: true, run: () => {} }]
        : overlays.possible.map((run, i) => ({
            ...numbered(i),
            label: `${overlays.ids.includes(run.id) ? 'Remove' : 'Add'} ${runName(run)}, ${run.models.join(' + ')}`,
            run: () => overlays.toggle(run.id),
          })),
  };
}

type BodyProps = {
  comparison: Comparison;
  overlays: Comparison[];
  point: PointKey | null;
  onSelect(point: PointKey): void;
  onOpen(): void;
};

function Body({ comparison, overlays, point, onSelect, onOpen }: BodyProps) {
  const job = useJob(comparison.jobId);
  const [hidden, setHidden] = useState<ReadonlySet<MethodId>>(new Set());
  const series = useMemo(() => linesOf(comparison, overlays, hidden), [comparison, overlays, hidden]);
  const planned = useMemo(() => plannedShots(job, comparison), [job, comparison]);
  const methods = useMemo(() => plannedMethods(job, comparison), [job, comparison]);
  const selected = point && markOf(series, point);
  const pointAt = (mark: MarkId): PointKey | null => {
    const one = series.find((each) => each.key === mark.key);
    return one && one.run === null ? { method: one.method, model: one.model, shots: mark.shots } : null;
  };
  const select = (mark: MarkId) => {
    const next = pointAt(mark);
    if (next) onSelect(next);
  };
  return (
    <>
      <MethodChips comparison={comparison} methods={methods} hidden={hidden} onHidden={setHidden} />
      <div className="pane chart-pane">
        <FewShotChart
          title={`${comparison.datasetName} with ${comparison.models.join(', ')}, ${plural(comparison.testItems, 'test image')}`}
          series={series}
          models={comparison.models.length}
          plannedShots={planned}
          crossings={comparison.crossings}
          paired={comparison.report?.paired ?? []}
          baselines={comparison.baselines}
          live={isLive(comparison.status)}
          selected={selected}
          onSelect={select}
          onOpen={(mark) => {
            select(mark);
            onOpen();
          }}
        />
      </div>
      <RunTable comparison={comparison} methods={methods} shots={planned} selected={point} onSelect={onSelect} />
    </>
  );
}

function markOf(series: ReturnType<typeof linesOf>, point: PointKey): MarkId | null {
  const one = series.find((each) => each.run === null && each.method === point.method && each.model === point.model);
  return one ? { key: one.key, shots: point.shots } : null;
}
