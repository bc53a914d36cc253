// The shapes recharts does not draw: lines with fixed offsets, whiskers with caps, markers, crossings, labels at line ends.
import type { AccuracyAxis, ShotsAxis } from '../../shared/chart/axis.ts';
import type { Callout } from '../../shared/chart/crossings.ts';
import { baselineBoxes, type Line, type Plot, placeCallouts, placeEndLabels } from '../../shared/chart/geometry.ts';
import { shorten, textWidth } from '../../shared/chart/layout.ts';
import { type Point, type Series, seriesName } from '../../shared/chart/series.ts';
import {
  type Marker,
  METHOD_STYLES,
  type ModelStyle,
  markerPath,
  modelStyle,
  OVERLAY_STYLE,
} from '../../shared/chart/style.ts';
import { labelsPerClass, percent } from '../../shared/chart/words.ts';

export const lineStyle = (series: Series): ModelStyle =>
  series.run === null ? modelStyle(series.modelIndex) : OVERLAY_STYLE;
export const colourOf = (series: Series): string => `var(${METHOD_STYLES[series.method].token})`;

/** "Linear probe, 4 labels per class: 86.3 % ±3.7, 5 seeds". */
export function markName(series: Series, point: Point, manyModels: boolean): string {
  const where = series.flat ? 'without labels' : labelsPerClass(point.shots);
  const interval = point.ci95 === null ? '' : ` ±${percent(point.ci95)}`;
  const seeds = series.flat ? '' : `, ${point.seeds} ${point.seeds === 1 ? 'seed' : 'seeds'}`;
  return `${seriesName(series, manyModels)}, ${where}: ${percent(point.mean)} %${interval}${seeds}`;
}

export function MarkerShape({
  marker,
  x,
  y,
  filled,
  colour,
}: {
  marker: Marker;
  x: number;
  y: number;
  filled: boolean;
  colour: string;
}) {
  if (marker === 'none') return null;
  return (
    <path
      d={markerPath(marker, x, y, filled ? 1 : 0.9)}
      fill={filled ? colour : 'var(--panel)'}
      stroke={filled ? 'none' : colour}
      strokeWidth={1.5}
    />
  );
}

export function Whiskers({ line }: { line: Line }) {
  const d = line.marks
    .flatMap(({ x, whisker }) =>
      whisker ? [`M${x} ${whisker.top}V${whisker.bottom}M${x - 3} ${whisker.top}h6M${x - 3} ${whisker.bottom}h6`] : [],
    )
    .join('');
  return d === '' ? null : <path className="whiskers" d={d} stroke={colourOf(line.series)} />;
}

export function LineShape({ line, plot }: { line: Line; plot: Plot }) {
  const { series, marks } = line;
  const style = lineStyle(series);
  const method = METHOD_STYLES[series.method];
  const colour = colourOf(series);
  const first = marks[0];
  if (!first) return null;
  if (series.flat) {
    return (
      <line
        x1={plot.left}
        x2={plot.right}
        y1={first.y}
        y2={first.y}
        stroke={colour}
        strokeWidth={style.filled ? 1.75 : 1.25}
        strokeDasharray={style.dash ?? method.dash ?? undefined}
      />
    );
  }
  return (
    <g>
      <path
        d={marks.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('')}
        fill="none"
        stroke={colour}
        strokeWidth={style.width}
        strokeDasharray={style.dash ?? undefined}
        strokeLinejoin="round"
      />
      {marks.map(({ x, y, point }) => (
        <MarkerShape
          key={String(point.shots)}
          marker={method.marker}
          x={x}
          y={y}
          filled={style.filled}
          colour={colour}
        />
      ))}
    </g>
  );
}

export function Baselines({
  plot,
  accuracy,
  baselines,
}: {
  plot: Plot;
  accuracy: AccuracyAxis;
  baselines: { chance: number; majority: number } | null;
}) {
  if (!baselines) return null;
  const { chance, majority } = baselines;
  const both = Math.abs(plot.y(chance) - plot.y(majority)) < 14;
  const words = both
    ? chance === majority
      ? [{ text: `chance and majority class ${percent(chance)}`, value: chance }]
      : [{ text: `chance ${percent(chance)}, majority class ${percent(majority)}`, value: majority }]
    : [
        { text: `chance ${percent(chance)}`, value: chance },
        { text: `majority class ${percent(majority)}`, value: majority },
      ];
  return (
    <g className="baselines">
      {words
        .filter(({ value }) => value >= accuracy.min && value <= accuracy.max)
        .map(({ text, value }) => (
          <g key={text}>
            <line x1={plot.left} x2={plot.right} y1={plot.y(value)} y2={plot.y(value)} />
            <text x={plot.right - 4} y={plot.y(value) - 4} textAnchor="end">
              {text}
            </text>
          </g>
        ))}
    </g>
  );
}

const CALLOUT_SIZE = 11;

export function Callouts({
  found,
  lines,
  shots,
  plot,
  baselines,
}: {
  found: Callout[];
  lines: Line[];
  shots: ShotsAxis;
  plot: Plot;
  baselines: { chance: number; majority: number } | null;
}) {
  const also = baselines ? baselineBoxes(Object.values(baselines), plot) : [];
  return (
    <g className="callouts">
      {placeCallouts(found, lines, shots, plot, CALLOUT_SIZE, also).map(({ callout, at, box, text }) => {
        const below = box.y > at.y;
        const footX = Math.min(box.x + box.width - 14, Math.max(box.x + 14, at.x));
        return (
          <g key={callout.sentence}>
            {callout.before !== null && <circle className="crossing-ring" cx={at.x} cy={at.y} r={6} />}
            <line
              className="crossing-leader"
              x1={at.x}
              y1={at.y + (below ? 6 : -6)}
              x2={footX}
              y2={below ? box.y : box.y + box.height}
            />
            <rect {...box} rx={Math.min(12, box.height / 2)} />
            {text.map((row, i) => (
              <text key={row} x={box.x + 12} y={box.y + 5 + 11 + i * (CALLOUT_SIZE + 4)}>
                {row}
              </text>
            ))}
          </g>
        );
      })}
    </g>
  );
}

/** Pixels right of the plot for labels that name a model or a run too, and for those that do not. */
export const LABEL_ROOM = 226;
export const LABEL_ROOM_ALONE = 150;

export function EndLabels({ lines, plot, manyModels }: { lines: Line[]; plot: Plot; manyModels: boolean }) {
  const x = plot.right + 14;
  const names = lines.map((line) => textWidth(METHOD_STYLES[line.series.method].name, 11, true));
  const room = LABEL_ROOM - 18 - Math.max(0, ...names) - 42;
  return (
    <g>
      {placeEndLabels(lines, plot, 15).map(({ line, y, end }) => {
        const { series } = line;
        const method = METHOD_STYLES[series.method];
        const colour = colourOf(series);
        const more = [manyModels ? series.model : null, series.run].filter((part) => part !== null).join(', ');
        return (
          <g key={series.key}>
            {Math.abs(y - end.y) > 3 && (
              <line className="leader" x1={plot.right + 2} y1={end.y} x2={x - 3} y2={y} stroke={colour} />
            )}
            {method.marker === 'none' ? (
              <line x1={x} x2={x + 12} y1={y} y2={y} stroke={colour} strokeWidth={1.75} strokeDasharray="4 3" />
            ) : (
              <MarkerShape marker={method.marker} x={x + 6} y={y} filled={lineStyle(series).filled} colour={colour} />
            )}
            <text className="end-label" x={x + 18} y={y + 4}>
              <tspan className="end-name" fill={colour}>
                {method.name}
              </tspan>
              {more !== '' && <tspan dx={5}>{shorten(more, 11, room)}</tspan>}
              <tspan dx={5}>{percent(end.point.mean)}</tspan>
            </text>
          </g>
        );
      })}
    </g>
  );
}
