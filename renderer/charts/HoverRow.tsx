// What a column of the chart holds, beside the pointer: every line at that shot count, best first.
import type { Line, Plot } from '../../shared/chart/geometry.ts';
import { textWidth } from '../../shared/chart/layout.ts';
import { seriesName } from '../../shared/chart/series.ts';
import { METHOD_STYLES } from '../../shared/chart/style.ts';
import { labelsPerClass, percentWithInterval } from '../../shared/chart/words.ts';
import { colourOf, lineStyle, MarkerShape } from './shapes.tsx';
import { inColumn, type Placed } from './steps.ts';

/** The card may reach over the axis' words, into the pixels above and below the plot. */
const ABOVE = 26;
const BELOW = 46;

/** How many rows fit into so many pixels, and how high one is: they close up before any is left out. */
export function fitRows(rows: number, room: number): { shown: number; height: number } {
  const height = (rows + 1) * 18 + 10 <= room ? 18 : 15;
  return { height, shown: Math.max(1, Math.min(rows, Math.floor((room - 10) / height) - 1)) };
}

export function HoverRow({
  lines,
  pointed,
  plot,
  manyModels,
}: {
  lines: Line[];
  pointed: Placed;
  plot: Plot;
  manyModels: boolean;
}) {
  const { mark, line } = pointed;
  const column = line.series.flat ? [pointed] : inColumn(lines, mark.point.shots, mark.x);
  const sorted = column.toSorted((a, b) => b.mark.point.mean - a.mark.point.mean);
  const [top, bottom] = [plot.top - ABOVE, plot.bottom + BELOW];
  const { shown, height: step } = fitRows(sorted.length, bottom - top);
  // The row that is pointed at is among those shown.
  const from = Math.max(0, Math.min(sorted.length - shown, sorted.findIndex((one) => one.line === line) - shown + 1));
  const rows = sorted.slice(from, from + shown);
  const where = line.series.flat ? 'without labels' : labelsPerClass(mark.point.shots);
  const title = shown < sorted.length ? `${where}, ${shown} of ${sorted.length} lines` : where;
  const texts = rows.map(({ line: { series }, mark: { point } }) => ({
    name: seriesName(series, manyModels),
    value: `${percentWithInterval(point.mean, point.ci95)} %`,
  }));
  const names = Math.max(...texts.map(({ name }) => textWidth(name, 11)));
  const values = Math.max(...texts.map(({ value }) => textWidth(value, 11)));
  const [width, height] = [
    Math.max(names + values + 54, textWidth(title, 11, true) + 20),
    (rows.length + 1) * step + 10,
  ];
  const x = mark.x + 14 + width < plot.right ? mark.x + 14 : Math.max(plot.left, mark.x - 14 - width);
  const y = Math.max(top, Math.min(bottom - height, mark.y - height / 2));
  return (
    <g className="hover-row">
      <rect x={x} y={y} width={width} height={height} rx={6} />
      <text className="end-name" x={x + 10} y={y + 17}>
        {title}
      </text>
      {rows.map(({ line: { series } }, i) => {
        const middle = y + step * (i + 1.5) + 4;
        const { marker } = METHOD_STYLES[series.method];
        return (
          <g key={series.key} className={series === line.series ? 'pointed' : undefined}>
            {marker === 'none' ? (
              <line x1={x + 10} x2={x + 22} y1={middle} y2={middle} stroke={colourOf(series)} strokeDasharray="4 3" />
            ) : (
              <MarkerShape
                marker={marker}
                x={x + 16}
                y={middle}
                filled={lineStyle(series).filled}
                colour={colourOf(series)}
              />
            )}
            <text x={x + 28} y={middle + 4}>
              {texts[i]!.name}
            </text>
            <text className="value" x={x + width - 10} y={middle + 4} textAnchor="end">
              {texts[i]!.value}
            </text>
          </g>
        );
      })}
    </g>
  );
}
