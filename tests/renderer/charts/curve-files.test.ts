// Curves saved as files: the SVG holds every chart with names and colours of its own, the CSV every value.
import { expect, test } from 'vitest';
import type { CurveChartProps } from '../../../renderer/charts/CurveChart.tsx';
import { curvesCsv, curvesSvg } from '../../../renderer/charts/curve-files.ts';
import { METHOD_STYLES } from '../../../shared/chart/style.ts';

const chart = (title: string, curves: CurveChartProps['curves']): CurveChartProps => ({
  title,
  curves,
  x: { ticks: [0, 5, 10], text: String, title: 'step' },
  y: { ticks: [0, 1, 2], text: String },
  valueText: (value) => value.toFixed(2),
  summary: `${title} was measured.`,
});
const dots = [
  { x: 0, y: 2 },
  { x: 10, y: 0.5 },
];
const loss = chart('loss', [
  { name: 'train', colour: 'var(--m-lora)', dots, marker: 'circle' },
  { name: 'a <b> & "c"', colour: 'var(--muted)', dots: [], dashed: true },
]);
const accuracy = chart('accuracy, %', [{ name: 'yours, all', colour: 'var(--m-lora)', dots: [{ x: 5, y: 0.75 }] }]);

test('the SVG stands alone: no tokens of the window, each chart with its title, names and last values', () => {
  const svg = curvesSvg('set <1>, run 2', [loss, accuracy], 2);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="1120" height="332"/);
  expect(svg).not.toMatch(/var\(|NaN|undefined/);
  expect(svg).toContain(METHOD_STYLES.lora.light);
  expect(svg).toContain('set &#60;1&#62;, run 2');
  expect(svg).toContain('loss was measured. accuracy, % was measured.');
  for (const words of ['>train</tspan> 0.50', '>yours, all</tspan> 0.75', '>step</text>']) expect(svg).toContain(words);
});

test('a chart without a dot is its axes', () =>
  expect(curvesSvg('x', [chart('loss', [])])).not.toMatch(/NaN|undefined/));

test('the CSV has a row a dot, fractions as they are', () =>
  expect(curvesCsv([loss, accuracy])).toBe(
    'chart,curve,step,value\r\nloss,train,0,2\r\nloss,train,10,0.5\r\naccuracy,"yours, all",5,0.75\r\n',
  ));
