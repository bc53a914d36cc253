// What a column of the chart holds, beside the pointer: every line at that shot count, best first.
import type { Line, Plot } from '../../shared/chart/geometry.ts';
import { textWidth } from '../../shared/chart/layout.ts';
import { seriesName } from '../../shared/chart/series.ts';
import { METHOD_STYLES } from '../../shared/chart/style.ts';
import { labelsPerClass, percentWithInterval } from '../../shared/chart/words.ts';
import { colourOf, lineStyle, MarkerShape } from './shapes.tsx';
import { inColumn, type Placed } from './steps.ts';

const ROW = 18;
const MOST_ROWS = 14;

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
  const rows = column.toSorted((a, b) => b.mark.point.mean - a.mark.point.mean).slice(0, MOST_ROWS);
  const title = line.series.flat ? 'without labels' : labelsPerClass(mark.point.shots);
  const texts = rows.map(({ line: { series }, mark: { point } }) => ({
    name: seriesName(series, manyModels),
    value: `${percentWithInterval(point.mean, point.ci95)} %`,
  }));
  const names = Math.max(...texts.map(({ name }) => textWidth(name, 11)));
  const values = Math.max(...texts.map(({ value }) => textWidth(value, 11)));
  const [width, height] = [
    Math.max(names + values + 54, textWidth(title, 11, true) + 20),
    (rows.length + 1) * ROW + 10,
  ];
  const x = mark.x + 14 + width < plot.right ? mark.x + 14 : Math.max(plot.left, mark.x - 14 - width);
  const y = Math.max(plot.top, Math.min(plot.bottom - height, mark.y - height / 2));
  return (
    <g className="hover-row">
      <rect x={x} y={y} width={width} height={height} rx={6} />
      <text className="end-name" x={x + 10} y={y + 17}>
        {title}
      </text>
      {rows.map(({ line: { series } }, i) => {
        const middle = y + ROW * (i + 1.5) + 4;
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
