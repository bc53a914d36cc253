// The chart in sentences, for screen readers and for the text beside an exported picture.
import type { Crossing } from '../report.ts';
import { callouts, crossingSentences, startOrders } from './crossings.ts';
import { type Series, seriesName, shotsOf } from './series.ts';
import { capital, count, labelsPerClass, listed, percent } from './words.ts';

/** One paragraph: what is drawn, where each line starts and ends, what passes what. */
export function describeChart(
  title: string,
  series: readonly Series[],
  crossings: readonly Crossing[],
  baselines: { chance: number; majority: number } | null,
): string {
  const shots = shotsOf(series);
  if (series.length === 0) return `${title}: no results yet.`;
  const manyModels = new Set(series.map((one) => one.model)).size > 1;
  const sentences = [`${title}: accuracy against labelled images per class, ${count(series.length, 'line')}`];
  for (const one of series) sentences.push(describeLine(one, manyModels));
  const named = crossingSentences(crossings, series).map((crossing) => crossing.sentence);
  const written = named.length > 0 ? named : callouts(series).map((callout) => callout.sentence);
  sentences.push(...[...written, ...startOrders(crossings, series)].map(capital));
  if (baselines)
    sentences.push(`Chance is ${percent(baselines.chance)} %, the commonest class ${percent(baselines.majority)} %`);
  if (shots.length > 0) sentences.push(`Measured at ${listed(shots.map(String))} labelled images per class`);
  return `${sentences.join('. ')}.`;
}

function describeLine(one: Series, manyModels: boolean): string {
  const name = seriesName(one, manyModels);
  const [first, last] = [one.points[0]!, one.points.at(-1)!];
  if (one.flat) return `${name}: ${percent(first.mean)} % without labels`;
  if (first === last) return `${name}: ${percent(first.mean)} % with ${labelsPerClass(first.shots)}`;
  return `${name}: from ${percent(first.mean)} % with ${labelsPerClass(first.shots)} to ${percent(last.mean)} % with ${labelsPerClass(last.shots)}`;
}
