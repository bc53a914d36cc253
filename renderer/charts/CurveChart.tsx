// Curves over steps or shares: recharts holds the axes, our own paths carry names and last values at their ends.
import { type PointerEvent, useId, useRef, useState } from 'react';
import { CartesianGrid, LineChart, usePlotArea, useXAxisScale, useYAxisScale, XAxis, YAxis } from 'recharts';
import { spread, textWidth } from '../../shared/chart/layout.ts';
import { type Marker, markerPath } from '../../shared/chart/style.ts';
import { useSize } from './useSize.ts';
import './charts.css';

export type Dot = { x: number; y: number };
export type Curve = {
  name: string;
  /** A CSS colour. */
  colour: string;
  /** By rising x. */
  dots: readonly Dot[];
  dashed?: boolean;
  /** Drawn at each dot: the values were measured there and nowhere between. */
  marker?: Marker;
};

export type CurveChartProps = {
  /** Over the axis: "loss". */
  title: string;
  curves: readonly Curve[];
  x: { ticks: readonly number[]; text(value: number): string; title: string };
  y: { ticks: readonly number[]; text(value: number): string };
  /** A value at the end of a line and under the pointer. */
  valueText(value: number): string;
  /** The chosen place, as a line from top to bottom. */
  at?: number | null;
  /** Pixels kept for the names at the ends, so that charts over each other have equal plots. */
  labelRoom?: number;
  /** What the chart shows, for those who do not see it. */
  summary: string;
};

const TOP = 26;
const LABEL_SIZE = 11;

export function CurveChart(props: CurveChartProps) {
  const [ref, size] = useSize<HTMLDivElement>();
  const summaryId = useId();
  const { x, y, curves } = props;
  const names = curves.map((curve) => textWidth(labelOf(curve, props.valueText), LABEL_SIZE, true));
  const right = Math.max(props.labelRoom ?? 24, ...names) + 12;
  return (
    <section className="few-shot curve-chart" ref={ref} aria-label={props.title} aria-describedby={summaryId}>
      <p id={summaryId} className="visually-hidden">
        {props.summary}
      </p>
      {size.width > 0 && size.height > 0 && (
        <LineChart
          width={size.width}
          height={size.height}
          data={[]}
          margin={{ top: TOP, bottom: 0, left: 0, right }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis
            type="number"
            dataKey="x"
            domain={[x.ticks[0] ?? 0, x.ticks.at(-1) ?? 1]}
            ticks={[...x.ticks]}
            tickFormatter={x.text}
            interval={0}
            axisLine={false}
            tickLine={false}
            height={34}
            allowDataOverflow
            label={{ value: x.title, position: 'insideBottom', offset: 2, className: 'axis-title' }}
          />
          <YAxis
            type="number"
            dataKey="y"
            domain={[y.ticks[0] ?? 0, y.ticks.at(-1) ?? 1]}
            ticks={[...y.ticks]}
            tickFormatter={y.text}
            interval={0}
            axisLine={false}
            tickLine={false}
            width={48}
            allowDataOverflow
          />
          <Drawing {...props} />
        </LineChart>
      )}
    </section>
  );
}

const labelOf = ({ name, dots }: Curve, valueText: CurveChartProps['valueText']): string => {
  const last = dots.at(-1);
  return last ? `${name} ${valueText(last.y)}` : name;
};

function Drawing({ title, curves, valueText, at, x: xAxis }: CurveChartProps) {
  const area = usePlotArea();
  const toX = useXAxisScale();
  const toY = useYAxisScale();
  const surface = useRef<SVGRectElement>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  if (!area || !toX || !toY) return null;
  const x = (value: number) => Number(toX(value));
  const y = (value: number) => Math.min(area.y + area.height, Math.max(area.y, Number(toY(value))));
  const places = [...new Set(curves.flatMap((curve) => curve.dots.map((dot) => dot.x)))];
  const move = (event: PointerEvent) => {
    const wanted = event.clientX - surface.current!.getBoundingClientRect().left + area.x;
    const near = places.reduce<number | null>(
      (best, one) => (best === null || Math.abs(x(one) - wanted) < Math.abs(x(best) - wanted) ? one : best),
      null,
    );
    setPointed(near);
  };
  const told = pointed === null ? null : toldAt(curves, pointed);
  return (
    <g>
      <text x={area.x} y={area.y - 12}>
        {told ? '' : title}
      </text>
      {told && (
        <text className="end-name" x={area.x} y={area.y - 12}>
          {`${xAxis.title} ${xAxis.text(pointed!)}: ${told.map(({ name, y: value }) => `${name} ${valueText(value)}`).join(', ')}`}
        </text>
      )}
      {pointed !== null && (
        <line className="hover-line" x1={x(pointed)} x2={x(pointed)} y1={area.y} y2={area.y + area.height} />
      )}
      {at !== undefined && at !== null && (
        <line className="chosen-line" x1={x(at)} x2={x(at)} y1={area.y} y2={area.y + area.height} />
      )}
      {curves.map((curve) => (
        <g key={curve.name}>
          <path
            d={curve.dots.map((dot, i) => `${i === 0 ? 'M' : 'L'}${x(dot.x)} ${y(dot.y)}`).join('')}
            fill="none"
            stroke={curve.colour}
            strokeWidth={1.75}
            strokeDasharray={curve.dashed ? '5 4' : undefined}
            strokeLinejoin="round"
          />
          {curve.marker &&
            curve.dots.map((dot) => (
              <path key={dot.x} d={markerPath(curve.marker!, x(dot.x), y(dot.y), 0.8)} fill={curve.colour} />
            ))}
        </g>
      ))}
      <EndNames
        curves={curves}
        valueText={valueText}
        x={Math.max(area.x, ...curves.flatMap(({ dots }) => dots.slice(-1).map((dot) => x(dot.x)))) + 8}
        y={y}
        area={area}
      />
      <rect
        ref={surface}
        className="surface passive"
        x={area.x}
        y={area.y}
        width={Math.max(0, area.width)}
        height={Math.max(0, area.height)}
        onPointerMove={move}
        onPointerLeave={() => setPointed(null)}
      />
    </g>
  );
}

/** The value of each curve at, or nearest before, a place. */
const toldAt = (curves: readonly Curve[], place: number): { name: string; y: number }[] =>
  curves.flatMap(({ name, dots }) => {
    const dot = dots.findLast((one) => one.x <= place);
    return dot ? [{ name, y: dot.y }] : [];
  });

type EndNamesProps = Pick<CurveChartProps, 'curves' | 'valueText'> & {
  x: number;
  y(value: number): number;
  area: { y: number; height: number };
};

/** Names beside the last dots, pushed apart where they would overlap, within the plot. */
function EndNames({ curves, valueText, x, y, area }: EndNamesProps) {
  const ends = curves.filter((curve) => curve.dots.length > 0);
  const places = spread(
    ends.map((curve) => y(curve.dots.at(-1)!.y)),
    14,
    area.y - 7,
    area.y + area.height + 7,
  );
  return ends.map((curve, i) => (
    <text key={curve.name} className="end-label" x={x} y={places[i]! + 4}>
      <tspan className="end-name" fill={curve.colour}>
        {curve.name}
      </tspan>
      <tspan dx={4}>{valueText(curve.dots.at(-1)!.y)}</tspan>
    </text>
  ));
}
