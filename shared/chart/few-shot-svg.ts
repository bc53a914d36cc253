// The exported few-shot chart: one pure function from a report to an SVG text. The window draws the same geometry live.
import type { Crossing, PairedDifference, Report, SummaryRow } from '../report.ts';
import { type AccuracyAxis, accuracyAxis, labelledTicks, type ShotsAxis, shotsAxis } from './axis.ts';
import { callouts, crossingSentences } from './crossings.ts';
import { describeChart } from './describe.ts';
import { baselineBoxes, type Line, type Plot, placeCallouts, placeEndLabels, placeLines, plotOf } from './geometry.ts';
import { shorten, textWidth, wrap } from './layout.ts';
import { type Series, seriesOf, shotsOf } from './series.ts';
import { CHART_COLOURS, type ChartColours, METHOD_STYLES, markerPath, modelStyle, type Theme } from './style.ts';
import { document, element, escapeXml, line, type SvgSize, text } from './svg.ts';
import { capital, count, percent } from './words.ts';

/** What the chart needs of a report; a whole Report fits. */
export type FewShotInput = {
  dataset: { name: string };
  classes: readonly string[];
  models: readonly { id: string; name: string; pretrained: boolean }[];
  summary: readonly SummaryRow[];
  crossings: readonly Crossing[];
  paired?: readonly PairedDifference[];
  baselines: { chance: number; majority: number } | null;
  protocol: { seeds: number };
  counts: { test: number };
  results?: Pick<Report['results'][number], 'validation'>[];
};

type Draw = {
  input: FewShotInput;
  series: Series[];
  lines: Line[];
  plot: Plot;
  shots: ShotsAxis;
  accuracy: AccuracyAxis;
  colours: ChartColours;
  theme: Theme;
};

const LABEL_SIZE = 12;
const LABEL_HEIGHT = 17;
const FOOT_HEIGHT = 16;

/** The chart as an SVG document of `width` x `height` CSS pixels. */
export function fewShotSvg(input: FewShotInput, size: SvgSize): string {
  const theme = size.theme ?? 'light';
  const colours = CHART_COLOURS[theme];
  const series = seriesOf(
    input.summary,
    input.models.map((model) => model.id),
  );
  const shots = shotsAxis(shotsOf(series));
  const accuracy = accuracyAxis(series);
  const title = `${input.dataset.name}: accuracy against labels per class`;
  const foot = footLines(input, series, accuracy, size.width - 40);
  const legend = input.models.length > 1 ? modelLegend(input, size.width - 40, colours) : null;
  const top = 62 + (legend?.height ?? 18) + 18;
  const right = size.width - labelColumn(series, input) - 24;
  const area = { x: 58, y: top, width: right - 58, height: size.height - top - 52 - foot.length * FOOT_HEIGHT - 10 };
  const plot = plotOf(area, shots, accuracy);
  const lines = placeLines(series, shots, plot);
  const draw: Draw = { input, series, lines, plot, shots, accuracy, colours, theme };
  const body = [
    text(20, 34, shorten(title, 17, size.width - 40), { 'font-size': 17, 'font-weight': 600, fill: colours.text }),
    legend ? legend.body : text(20, 56, modelName(input, 0), {}),
    axes(draw),
    ...lines.map((one) => lineBody(one, draw)),
    baselines(draw),
    calloutBody(draw),
    endLabels(draw),
    ...foot.map((words, i) =>
      text(20, size.height - 14 - (foot.length - 1 - i) * FOOT_HEIGHT, words, { 'font-size': 11 }),
    ),
  ].join('');
  return document(size, title, describeChart(input.dataset.name, series, input.crossings, input.baselines), body);
}

function modelName(input: FewShotInput, index: number): string {
  const model = input.models[index];
  if (!model) return '';
  return model.pretrained ? model.id : `${model.id} (no pretraining)`;
}

/** Glyph and name of each model, wrapped: which is filled, which hollow. */
function modelLegend(input: FewShotInput, width: number, colours: ChartColours): { body: string; height: number } {
  let [x, y] = [20, 56];
  let body = '';
  input.models.forEach((_, i) => {
    const name = modelName(input, i);
    const room = 34 + textWidth(name, 12) + 18;
    if (x > 20 && x + room > width) [x, y] = [20, y + 18];
    const style = modelStyle(i);
    body += line(x, y - 4, x + 26, y - 4, colours.muted, {
      'stroke-width': style.width,
      'stroke-dasharray': style.dash,
    });
    body += markShape('circle', x + 13, y - 4, style.filled, colours.muted, colours.background);
    body += text(x + 34, y, name);
    x += room;
  });
  return { body, height: y - 56 + 18 };
}

/** The parts of a line's label: its method, its model where there are several, its last value. */
function labelParts(one: Series, input: FewShotInput): { name: string; model: string } {
  const model = input.models.length > 1 ? shorten(one.model, LABEL_SIZE, 104) : '';
  return { name: METHOD_STYLES[one.method].name, model };
}

function labelColumn(series: readonly Series[], input: FewShotInput): number {
  const widths = series.map((one) => {
    const { name, model } = labelParts(one, input);
    return textWidth(name, LABEL_SIZE, true) + (model === '' ? 0 : textWidth(model, LABEL_SIZE) + 6);
  });
  return Math.max(40, ...widths) + 22 + 50;
}

function axes({ plot, accuracy, shots, colours }: Draw): string {
  const parts = accuracy.ticks.flatMap((tick) => [
    line(plot.left, plot.y(tick), plot.right, plot.y(tick), colours.line),
    text(plot.left - 8, plot.y(tick) + 4, percent(tick, 0), { 'text-anchor': 'end' }),
  ]);
  for (const tick of labelledTicks(shots, plot.right - plot.left)) {
    parts.push(text(plot.x(tick.x), plot.bottom + 20, tick.label, { 'text-anchor': 'middle' }));
  }
  const last = shots.ticks.at(-1);
  if (last?.shots === 'all' && shots.ticks.length > 1) {
    // "all" is not on the log scale: the axis is broken before it.
    const x = (plot.x(last.x) + plot.x(shots.ticks.at(-2)!.x)) / 2;
    parts.push(
      element('path', { d: `M${x - 5} ${plot.bottom + 5}l4 -10m2 10l4 -10`, stroke: colours.muted, fill: 'none' }),
    );
  }
  const starts = accuracy.min > 0 ? ` (axis starts at ${percent(accuracy.min, 0)} %)` : '';
  parts.push(text(plot.left, plot.top - 12, `accuracy, %${starts}`));
  parts.push(
    text((plot.left + plot.right) / 2, plot.bottom + 40, 'labelled images per class', { 'text-anchor': 'middle' }),
  );
  return parts.join('');
}

/** Chance and majority class as dotted lines where the axis reaches them; the foot line names those below it. */
function baselines({ input, plot, accuracy, colours }: Draw): string {
  if (!input.baselines) return '';
  const { chance, majority } = input.baselines;
  const both = Math.abs(plot.y(chance) - plot.y(majority)) < 1;
  const wanted: [string, number][] = both
    ? [['chance and majority class', chance]]
    : [
        ['chance', chance],
        ['majority class', majority],
      ];
  return wanted
    .filter(([, value]) => value >= accuracy.min && value <= accuracy.max)
    .map(([name, value]) => {
      const y = plot.y(value);
      const words = `${name} ${percent(value)}`;
      return (
        line(plot.left, y, plot.right, y, colours.muted, { 'stroke-dasharray': '1 4' }) +
        // A rim in the colour behind it: the words are read over whiskers and lines that cross them.
        text(plot.right - 4, y - 4, words, {
          'text-anchor': 'end',
          'font-size': 11,
          'paint-order': 'stroke',
          stroke: colours.background,
          'stroke-width': 3,
        })
      );
    })
    .join('');
}

function lineBody({ series, marks }: Line, { plot, theme, colours }: Draw): string {
  const method = METHOD_STYLES[series.method];
  const model = modelStyle(series.modelIndex);
  const colour = method[theme];
  if (series.flat) {
    const y = marks[0]!.y;
    return line(plot.left, y, plot.right, y, colour, {
      'stroke-width': model.filled ? 1.75 : 1.25,
      'stroke-dasharray': model.dash ?? method.dash,
    });
  }
  const whiskers = marks.flatMap(({ x, whisker }) =>
    whisker
      ? [
          `M${f(x)} ${f(whisker.top)}V${f(whisker.bottom)}M${f(x - 3)} ${f(whisker.top)}h6M${f(x - 3)} ${f(whisker.bottom)}h6`,
        ]
      : [],
  );
  const path = marks.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${f(x)} ${f(y)}`).join('');
  return element(
    'g',
    { 'data-method': series.method, 'data-model': series.model },
    (whiskers.length > 0
      ? element('path', { d: whiskers.join(''), stroke: colour, 'stroke-width': 1.25, opacity: 0.6, fill: 'none' })
      : '') +
      element('path', {
        d: path,
        stroke: colour,
        'stroke-width': model.width,
        'stroke-dasharray': model.dash,
        fill: 'none',
        'stroke-linejoin': 'round',
      }) +
      marks.map(({ x, y }) => markShape(method.marker, x, y, model.filled, colour, colours.background)).join(''),
  );
}

const f = (value: number) => String(Math.round(value * 100) / 100);

function markShape(
  marker: Parameters<typeof markerPath>[0],
  x: number,
  y: number,
  filled: boolean,
  colour: string,
  background: string,
): string {
  if (marker === 'none') return '';
  return element('path', {
    d: markerPath(marker, x, y, filled ? 1 : 0.9),
    fill: filled ? colour : background,
    stroke: filled ? null : colour,
    'stroke-width': filled ? null : 1.5,
  });
}

function calloutBody({ input, series, lines, shots, plot, colours }: Draw): string {
  const words = input.baselines ? baselineBoxes(Object.values(input.baselines), plot) : [];
  return placeCallouts(callouts(series, input.paired), lines, shots, plot, LABEL_SIZE, words)
    .map(({ at, box, text: sentence, callout }) => {
      const foot = {
        x: Math.min(box.x + box.width - 14, Math.max(box.x + 14, at.x)),
        y: box.y > at.y ? box.y : box.y + box.height,
      };
      const ring =
        callout.before === null
          ? ''
          : element('circle', { cx: at.x, cy: at.y, r: 6, fill: 'none', stroke: colours.text, 'stroke-width': 1.5 });
      const pill = element('rect', { ...box, rx: Math.min(12, box.height / 2), fill: colours.text });
      const rows = sentence
        .map((row, i) => text(box.x + 12, box.y + 16 + i * 16, row, { fill: colours.background }))
        .join('');
      return line(at.x, at.y + (box.y > at.y ? 6 : -6), foot.x, foot.y, colours.text) + ring + pill + rows;
    })
    .join('');
}

function endLabels({ input, lines, plot, theme, colours }: Draw): string {
  return placeEndLabels(lines, plot, LABEL_HEIGHT)
    .map(({ line: { series }, y, end }) => {
      const method = METHOD_STYLES[series.method];
      const style = modelStyle(series.modelIndex);
      const { name, model } = labelParts(series, input);
      const x = plot.right + 14;
      const glyph =
        method.marker === 'none'
          ? line(x, y, x + 12, y, method[theme], { 'stroke-width': 1.75, 'stroke-dasharray': '4 3' })
          : markShape(method.marker, x + 6, y, style.filled, method[theme], colours.background);
      const leader =
        Math.abs(y - end.y) > 3 ? line(plot.right + 2, end.y, x - 3, y, method[theme], { opacity: 0.5 }) : '';
      const beside = (words: string) =>
        words && element('tspan', { dx: 6, 'font-weight': 400, fill: colours.muted }, escapeXml(words));
      const words = element(
        'text',
        { x: x + 18, y: y + 4, 'font-size': LABEL_SIZE, 'font-weight': 600, fill: colours.text },
        escapeXml(name) + beside(model) + beside(percent(end.point.mean)),
      );
      return leader + glyph + words;
    })
    .join('');
}

function footLines(input: FewShotInput, series: readonly Series[], accuracy: AccuracyAxis, width: number): string[] {
  // What may be chance is left to the report; the picture has room for what is proven.
  const named = crossingSentences(input.crossings, series, input.paired);
  const proven = named.filter((one) => one.over === 'zero-shot' || !one.unsure);
  const shown = proven.slice(0, 4).map((one) => capital(one.sentence));
  const left = proven.length - shown.length;
  const facts = [
    input.dataset.name,
    count(input.classes.length, 'class', 'classes'),
    `${input.models.map((_, i) => modelName(input, i)).join(', ')}`,
    count(input.protocol.seeds, 'seed'),
    count(input.counts.test, 'test image'),
  ].join(' · ');
  const notes: string[] = [];
  if (series.some((one) => one.points.some((point) => point.ci95 !== null)))
    notes.push('Whiskers: 95 % intervals over seeds (Student’s t).');
  const used = Math.max(0, ...(input.results ?? []).map((row) => row.validation));
  if (used > 0) notes.push(`Shots, + up to ${used} a class for validation where a method used them.`);
  if (input.baselines && Math.max(input.baselines.chance, input.baselines.majority) < accuracy.min) {
    notes.push(
      `Below the axis: chance ${percent(input.baselines.chance)} %, majority class ${percent(input.baselines.majority)} %.`,
    );
  }
  const more = left > 0 ? `; ${count(left, 'more crossing')} in the report` : '';
  const written = shown.length > 0 ? `${shown.join('. ')}${more}.` : '';
  return [written, notes.join(' '), facts].flatMap((words) => (words === '' ? [] : wrap(words, 11, width)));
}
