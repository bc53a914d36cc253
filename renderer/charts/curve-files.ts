// Curves as files: charts side by side as one SVG in the looks of the exported few-shot chart, and every value as CSV.
import { spread, textWidth } from '../../shared/chart/layout.ts';
import { CHART_COLOURS, METHOD_STYLES, markerPath } from '../../shared/chart/style.ts';
import { document, element, escapeXml, line, text } from '../../shared/chart/svg.ts';
import type { Curve, CurveChartProps } from './CurveChart.tsx';

const COLOURS = CHART_COLOURS.light;
const PANEL = { width: 560, height: 280 };
const HEAD = 52;
const LABEL_SIZE = 12;

/** A token of the window as the colour it has on white. */
const onWhite = (colour: string): string =>
  Object.values(METHOD_STYLES).find(({ token }) => colour === `var(${token})`)?.light ?? COLOURS.muted;

/** The charts in rows of `columns`, under a title. */
export function curvesSvg(title: string, charts: readonly CurveChartProps[], columns = 1): string {
  const body = charts.map((chart, i) =>
    panel(chart, (i % columns) * PANEL.width, HEAD + Math.floor(i / columns) * PANEL.height),
  );
  const size = { width: columns * PANEL.width, height: HEAD + Math.ceil(charts.length / columns) * PANEL.height };
  const head = text(20, 32, title, { 'font-size': 17, 'font-weight': 600, fill: COLOURS.text });
  return document(size, title, charts.map(({ summary }) => summary).join(' '), head + body.join(''));
}

/** Ticks to pixels. */
const scale = (ticks: readonly number[], from: number, to: number) => {
  const [first = 0, last = 1] = [ticks[0], ticks.at(-1)];
  return (value: number) => from + ((value - first) / (last - first || 1)) * (to - from);
};

function panel({ title, curves, x: xAxis, y: yAxis, valueText }: CurveChartProps, left: number, top: number): string {
  const drawn = curves.filter(({ dots }) => dots.length > 0);
  const endOf = ({ dots }: Curve) => dots.at(-1)!;
  const label = (curve: Curve) => `${curve.name} ${valueText(endOf(curve).y)}`;
  const room = Math.max(40, ...drawn.map((curve) => textWidth(label(curve), LABEL_SIZE, true))) + 24;
  const area = { left: left + 64, top: top + 30, right: left + PANEL.width - room, bottom: top + PANEL.height - 52 };
  const x = scale(xAxis.ticks, area.left, area.right);
  const y = scale(yAxis.ticks, area.bottom, area.top);
  const places = spread(
    drawn.map((curve) => y(endOf(curve).y)),
    LABEL_SIZE + 3,
    area.top - 7,
    area.bottom + 7,
  );
  return [
    text(area.left, area.top - 14, title),
    ...yAxis.ticks.flatMap((tick) => [
      line(area.left, y(tick), area.right, y(tick), COLOURS.line),
      text(area.left - 8, y(tick) + 4, yAxis.text(tick), { 'text-anchor': 'end' }),
    ]),
    ...xAxis.ticks.map((tick) => text(x(tick), area.bottom + 18, xAxis.text(tick), { 'text-anchor': 'middle' })),
    text((area.left + area.right) / 2, area.bottom + 38, xAxis.title, { 'text-anchor': 'middle' }),
    ...drawn.map((curve) => curveBody(curve, x, y)),
    ...drawn.map((curve, i) =>
      element(
        'text',
        { x: x(endOf(curve).x) + 10, y: places[i]! + 4, 'font-size': LABEL_SIZE, fill: COLOURS.muted },
        (curve.name === '' ? '' : element('tspan', nameLooks(curve), escapeXml(curve.name))) +
          escapeXml(` ${valueText(endOf(curve).y)}`),
      ),
    ),
  ].join('');
}

const nameLooks = ({ colour }: Curve) => ({ 'font-weight': 600, fill: onWhite(colour) });

function curveBody(
  { dots, colour, dashed, marker }: Curve,
  x: (n: number) => number,
  y: (n: number) => number,
): string {
  const path = element('path', {
    d: dots.map((dot, i) => `${i === 0 ? 'M' : 'L'}${x(dot.x).toFixed(2)} ${y(dot.y).toFixed(2)}`).join(''),
    fill: 'none',
    stroke: onWhite(colour),
    'stroke-width': 1.75,
    'stroke-dasharray': dashed ? '5 4' : null,
    'stroke-linejoin': 'round',
  });
  if (!marker) return path;
  return (
    path +
    dots
      .map((dot) => element('path', { d: markerPath(marker, x(dot.x), y(dot.y), 0.8), fill: onWhite(colour) }))
      .join('')
  );
}

const field = (words: string): string => (/[",\r\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words);

/** One row a dot (RFC 4180); values as they are measured: accuracies are fractions. */
export function curvesCsv(charts: readonly CurveChartProps[]): string {
  const rows = charts.flatMap(({ title, curves }) =>
    curves.flatMap(({ name, dots }) =>
      dots.map((dot) => [field(title.replace(/, %$/, '')), field(name), dot.x, dot.y].join(',')),
    ),
  );
  return [`chart,curve,${field(charts[0]?.x.title ?? 'x')},value`, ...rows, ''].join('\r\n');
}
