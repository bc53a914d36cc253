// The few-shot chart on screen: recharts holds the axes and scales, our own shapes draw lines, whiskers, crossings and labels.
import { type KeyboardEvent, type PointerEvent, useEffect, useId, useMemo, useRef, useState } from 'react';
import {
  CartesianGrid,
  DefaultZIndexes,
  LineChart,
  usePlotArea,
  useXAxisScale,
  useYAxisScale,
  XAxis,
  YAxis,
  ZIndexLayer,
} from 'recharts';
import { type AccuracyAxis, accuracyAxis, labelledTicks, shotsAxis } from '../../shared/chart/axis.ts';
import { callouts } from '../../shared/chart/crossings.ts';
import { describeChart } from '../../shared/chart/describe.ts';
import { type Line, type Plot, placeLines } from '../../shared/chart/geometry.ts';
import { type Series, shotsOf } from '../../shared/chart/series.ts';
import { percent } from '../../shared/chart/words.ts';
import type { Crossing, PairedDifference, Shots } from '../../shared/report.ts';
import { HoverRow } from './HoverRow.tsx';
import {
  Baselines,
  Callouts,
  EndLabels,
  LABEL_ROOM,
  LABEL_ROOM_ALONE,
  LineShape,
  markName,
  Whiskers,
} from './shapes.tsx';
import { findMark, idOf, isStep, type MarkId, nearest, sameMark, stepFrom } from './steps.ts';
import { useSize } from './useSize.ts';
import './charts.css';

export type FewShotChartProps = {
  /** What is compared, for the text summary: "flowers12 with mobilenet-v2-imagenet". */
  title: string;
  series: Series[];
  /** How many models the run has, though their lines may still be to come. */
  models: number;
  /** Shot counts that will come: the axis has their places from the beginning. */
  plannedShots: Shots[];
  crossings: Crossing[];
  /** What proves a crossing; empty while rows come. */
  paired: readonly PairedDifference[];
  baselines: { chance: number; majority: number } | null;
  /** Rows still come: axes only widen. */
  live: boolean;
  selected: MarkId | null;
  onSelect(mark: MarkId): void;
  /** Enter on a mark: go into its details. */
  onOpen(mark: MarkId): void;
};

const MARGIN = { top: 30, bottom: 8, left: 4 };

export function FewShotChart(props: FewShotChartProps) {
  const { series, live, plannedShots } = props;
  const [ref, size] = useSize<HTMLDivElement>();
  const kept = useRef<AccuracyAxis | null>(null);
  const accuracy = accuracyAxis(series, live && series.length > 0 ? kept.current : null);
  useEffect(() => {
    kept.current = series.length > 0 ? accuracy : null;
  });
  const shots = useMemo(() => shotsAxis([...plannedShots, ...shotsOf(series)]), [plannedShots, series]);
  const manyModels = props.models > 1 || new Set(series.map((one) => one.model)).size > 1;
  const overlaid = series.some((one) => one.run !== null);
  const right = manyModels || overlaid ? LABEL_ROOM : LABEL_ROOM_ALONE;
  const ready = size.width > 0 && size.height > 0;
  const summaryId = useId();
  return (
    <section className="few-shot" ref={ref} aria-label="Few-shot chart" aria-describedby={summaryId}>
      <p id={summaryId} className="visually-hidden">
        {describeChart(props.title, series, props.crossings, props.baselines)} Arrow keys move between the points, Enter
        opens one.
      </p>
      {ready && (
        <LineChart
          width={size.width}
          height={size.height}
          data={[]}
          margin={{ ...MARGIN, right }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis
            type="number"
            dataKey="x"
            domain={[shots.min, shots.max]}
            ticks={labelledTicks(shots, size.width - right - 50).map((tick) => tick.x)}
            tickFormatter={(x: number) => shots.ticks.find((tick) => tick.x === x)?.label ?? ''}
            interval={0}
            axisLine={false}
            tickLine={false}
            height={44}
            allowDataOverflow
            label={{ value: 'labelled images per class', position: 'insideBottom', offset: 4, className: 'axis-title' }}
          />
          <YAxis
            type="number"
            dataKey="y"
            domain={[accuracy.min, accuracy.max]}
            ticks={accuracy.ticks}
            tickFormatter={(value: number) => percent(value, 0)}
            interval={0}
            axisLine={false}
            tickLine={false}
            width={40}
            allowDataOverflow
          />
          <Drawing {...props} accuracy={accuracy} shots={shots} manyModels={manyModels} />
        </LineChart>
      )}
    </section>
  );
}

type DrawingProps = FewShotChartProps & {
  accuracy: AccuracyAxis;
  shots: ReturnType<typeof shotsAxis>;
  manyModels: boolean;
};

/** Everything inside the plot, placed by recharts' own scales. */
function Drawing(props: DrawingProps) {
  const area = usePlotArea();
  const x = useXAxisScale();
  const y = useYAxisScale();
  if (!area || !x || !y) return null;
  const plot: Plot = {
    left: area.x,
    right: area.x + area.width,
    top: area.y,
    bottom: area.y + area.height,
    x: (units) => Number(x(units)),
    y: (fraction) => Number(y(fraction)),
  };
  return <Marks {...props} plot={plot} lines={placeLines(props.series, props.shots, plot)} />;
}

type MarksProps = DrawingProps & { plot: Plot; lines: Line[] };

function Marks(props: MarksProps) {
  const { lines, plot, series, shots, accuracy, manyModels, selected, onSelect } = props;
  const [hover, setHover] = useState<MarkId | null>(null);
  const [focus, setFocus] = useState<MarkId | null>(null);
  const surface = useRef<SVGRectElement>(null);
  const at = (event: PointerEvent) => {
    const box = surface.current!.getBoundingClientRect();
    return nearest(lines, event.clientX - box.left + plot.left, event.clientY - box.top + plot.top);
  };
  const pointed = findMark(lines, hover);
  return (
    <g>
      <AxisNotes plot={plot} accuracy={accuracy} shots={shots} />
      {pointed && !pointed.line.series.flat && (
        <line className="hover-line" x1={pointed.mark.x} x2={pointed.mark.x} y1={plot.top} y2={plot.bottom} />
      )}
      {lines.map((line) => (
        <Whiskers key={line.series.key} line={line} />
      ))}
      {lines.map((line) => (
        <LineShape key={line.series.key} line={line} plot={plot} />
      ))}
      <Baselines plot={plot} accuracy={accuracy} baselines={props.baselines} />
      <Callouts
        found={callouts(series, props.paired)}
        lines={lines}
        shots={shots}
        plot={plot}
        baselines={props.baselines}
      />
      <EndLabels lines={lines} plot={plot} manyModels={manyModels} />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the pointer's way; the marks answer the keys. */}
      <rect
        ref={surface}
        className="surface"
        x={plot.left}
        y={plot.top}
        width={Math.max(0, plot.right - plot.left)}
        height={Math.max(0, plot.bottom - plot.top)}
        onPointerMove={(event) => setHover(within(at(event)))}
        onPointerLeave={() => setHover(null)}
        onClick={(event) => {
          const hit = at(event as unknown as PointerEvent);
          if (hit) onSelect(idOf(hit.placed));
        }}
      />
      <Buttons {...props} focus={focus} setFocus={setFocus} setHover={setHover} />
      {selected && <Ring lines={lines} id={selected} className="selected-ring" />}
      {focus && <Ring lines={lines} id={focus} className="focus-ring" />}
      {pointed && (
        <ZIndexLayer zIndex={DefaultZIndexes.label + 1}>
          <HoverRow lines={lines} pointed={pointed} plot={plot} manyModels={manyModels} />
        </ZIndexLayer>
      )}
    </g>
  );
}

/** Beyond this many pixels from everything the pointer means nothing. */
const REACH = 90;
const within = (hit: ReturnType<typeof nearest>): MarkId | null =>
  hit && hit.distance < REACH ? idOf(hit.placed) : null;

function Ring({ lines, id, className }: { lines: Line[]; id: MarkId; className: string }) {
  const placed = findMark(lines, id);
  return placed ? <circle className={className} cx={placed.mark.x} cy={placed.mark.y} r={9} /> : null;
}

function AxisNotes({ plot, accuracy, shots }: { plot: Plot; accuracy: AccuracyAxis; shots: DrawingProps['shots'] }) {
  const starts = accuracy.min > 0 ? ` · axis starts at ${percent(accuracy.min, 0)} %` : '';
  const last = shots.ticks.at(-1);
  const before = shots.ticks.at(-2);
  return (
    <g>
      <text x={plot.left} y={plot.top - 14}>
        accuracy, %{starts}
      </text>
      <text x={plot.right} y={plot.top - 14} textAnchor="end">
        whiskers: 95 % intervals over seeds
      </text>
      {last?.shots === 'all' && before && (
        <path
          className="axis-break"
          d={`M${(plot.x(last.x) + plot.x(before.x)) / 2 - 5} ${plot.bottom + 5}l4 -10m2 10l4 -10`}
        />
      )}
    </g>
  );
}

type ButtonsProps = MarksProps & {
  focus: MarkId | null;
  setFocus(id: MarkId | null): void;
  setHover(id: MarkId | null): void;
};

/** Each mark is a button; the chart is one stop of the Tab key, arrows go on from there. */
function Buttons({ lines, manyModels, selected, onSelect, onOpen, focus, setFocus, setHover }: ButtonsProps) {
  const group = useRef<SVGGElement>(null);
  const stop = findMark(lines, focus) ?? findMark(lines, selected) ?? lastMark(lines);
  const onKeyDown = (event: KeyboardEvent, id: MarkId) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onSelect(id);
      if (event.key === 'Enter') onOpen(id);
    }
    if (!isStep(event.key)) return;
    event.preventDefault();
    const next = stepFrom(lines, id, event.key);
    const wanted = `${next.key}#${next.shots}`;
    for (const button of group.current?.querySelectorAll<SVGElement>('[data-mark]') ?? []) {
      if (button.dataset.mark === wanted) button.focus();
    }
  };
  return (
    <g ref={group}>
      {lines.flatMap((line) =>
        line.marks.map((mark) => {
          const id = idOf({ line, mark });
          return (
            // biome-ignore lint/a11y/useSemanticElements: an SVG has no button element.
            <circle
              key={`${id.key}#${id.shots}`}
              data-mark={`${id.key}#${id.shots}`}
              data-method={line.series.method}
              data-model={line.series.model}
              data-shots={mark.point.shots}
              data-mean={mark.point.mean}
              className="mark-button"
              role="button"
              tabIndex={stop && sameMark(idOf(stop), id) ? 0 : -1}
              aria-label={markName(line.series, mark.point, manyModels)}
              aria-pressed={sameMark(selected, id)}
              cx={mark.x}
              cy={mark.y}
              r={9}
              onFocus={(event) => {
                if (event.currentTarget.matches(':focus-visible')) setFocus(id);
              }}
              onBlur={() => setFocus(null)}
              onClick={() => onSelect(id)}
              onPointerMove={() => setHover(id)}
              onKeyDown={(event) => onKeyDown(event, id)}
            />
          );
        }),
      )}
    </g>
  );
}

function lastMark(lines: readonly Line[]) {
  const line = lines.find((one) => !one.series.flat) ?? lines[0];
  const mark = line?.marks.at(-1);
  return line && mark ? { line, mark } : undefined;
}
