// What the chart proves, in words: which line passes which, at how many labels per class.
import type { Crossing, MethodId, PairedDifference, Shots } from '../report.ts';
import type { Point, Series } from './series.ts';
import { METHOD_STYLES } from './style.ts';
import { compareShots, labelsPerClass, listed, percent, points } from './words.ts';

/** A place in the chart where one line passes another, and the sentence for it. */
export type Callout = {
  sentence: string;
  /** The lines that pass, and the one passed. */
  over: Series;
  passing: Series[];
  /** First measured shot count at which they are ahead. */
  shots: Shots;
  /** The measured shot count before it; null when they are ahead from the first on (then nothing crosses). */
  before: Shots | null;
};

const at = (series: Series, shots: Shots): Point | undefined =>
  series.flat ? series.points[0] : series.points.find((point) => point.shots === shots);

/**
 * Where `a` first has the greater mean than `b`, over the shot counts both have; null when it never has.
 * `before` is the last shot count measured before that, null when there is none.
 */
export function passes(a: Series, b: Series): { shots: Shots; before: Shots | null } | null {
  const lines = [a, b].filter((one) => !one.flat);
  const [first, second] = [lines[0], lines[1] ?? lines[0]];
  if (!first || !second) return null;
  const common = first.points.map((point) => point.shots).filter((shots) => at(second, shots));
  let before: Shots | null = null;
  for (const shots of common.sort(compareShots)) {
    if (at(a, shots)!.mean > at(b, shots)!.mean) return { shots, before };
    before = shots;
  }
  return null;
}

/** "the probe", or "the probe on hog" where the chart has several models. */
const subject = (one: Series, manyModels: boolean): string =>
  METHOD_STYLES[one.method].subject + (manyModels ? ` on ${one.model}` : '');

const place = (shots: Shots): string => (shots === 'all' ? 'with all labels' : `at ${labelsPerClass(shots)}`);

/** `every`: those passing are all the methods there are beside the one passed. */
function sentence(
  passing: readonly Series[],
  over: Series,
  where: { shots: Shots; before: Shots | null },
  manyModels: boolean,
  every = false,
): string {
  const oneModel = passing.every((one) => one.model === over.model);
  const names = every ? 'every other method' : listed(passing.map((one) => subject(one, manyModels && !oneModel)));
  const passed = subject(over, manyModels && !oneModel);
  const tail = manyModels && oneModel ? `, ${over.model}` : '';
  const many = passing.length > 1 && !every;
  const count = place(where.shots);
  if (where.before === null) return `${names} ${many ? 'are' : 'is'} above ${passed} already ${count}${tail}`;
  return `${names} ${many ? 'pass' : 'passes'} ${passed} ${count}${tail}`;
}

/**
 * The few crossings worth writing into the picture: for each model the first methods to pass its zero-shot line, and
 * the change of the lead among the other lines where there is one and the paired differences prove it. A lead that
 * goes to and fro, or is within its interval, is told in the full list only. At most `most` of them, zero-shot first.
 */
export function callouts(all: readonly Series[], paired: readonly PairedDifference[] = [], most = 3): Callout[] {
  const series = all.filter((one) => one.run === null);
  const manyModels = new Set(series.map((one) => one.model)).size > 1;
  const zero = series.filter((one) => one.flat).flatMap((flat) => firstOver(flat, series, manyModels, paired) ?? []);
  const changes = leads(series, manyModels);
  const [change] = changes;
  const proven = changes.length === 1 && change && isClear(change, paired) === true;
  return [...zero, ...(proven ? [change] : [])].slice(0, most);
}

/** Whether a crossing's gap is larger than its interval for one of those passing; null where nothing was paired. */
function isClear(
  found: Pick<Callout, 'passing' | 'over' | 'shots'>,
  paired: readonly PairedDifference[],
): boolean | null {
  const pairs = found.passing.flatMap(({ method, model }) => {
    if (model !== found.over.model) return [];
    return pairOf({ method, over: found.over.method, model, shots: found.shots }, paired) ?? [];
  });
  if (pairs.length === 0) return null;
  return pairs.some((pair) => pair.ci95 === null || pair.mean > pair.ci95);
}

function firstOver(
  flat: Series,
  series: readonly Series[],
  manyModels: boolean,
  paired: readonly PairedDifference[],
): Callout | null {
  const found = series.flatMap((one) => {
    const where = one.flat || one.model !== flat.model ? null : passes(one, flat);
    return where ? [{ one, where }] : [];
  });
  found.sort((a, b) => compareShots(a.where.shots, b.where.shots));
  const where = found[0]?.where;
  if (!where) return null;
  const passing = found.filter((other) => other.where.shots === where.shots).map((other) => other.one);
  const lines = series.filter((one) => !one.flat && one.model === flat.model);
  const every = passing.length > 2 && passing.length === lines.length;
  const unsure = isClear({ passing, over: flat, shots: where.shots }, paired) === false ? ', not clear of chance' : '';
  return { sentence: sentence(passing, flat, where, manyModels, every) + unsure, over: flat, passing, ...where };
}

/** Every change of the lead, in order. */
function leads(series: readonly Series[], manyModels: boolean): Callout[] {
  const lines = series.filter((one) => !one.flat);
  const found: Callout[] = [];
  let leader: Series | null = null;
  let before: Shots | null = null;
  for (const shots of [...new Set(lines.flatMap((one) => one.points.map((point) => point.shots)))].sort(compareShots)) {
    const here = lines.filter((one) => at(one, shots));
    const best = here.reduce<Series | null>(
      (top, one) => (!top || at(one, shots)!.mean > at(top, shots)!.mean ? one : top),
      null,
    );
    // A tie leaves the lead where it was.
    const held = leader && at(leader, shots);
    if (
      best &&
      leader &&
      before !== null &&
      held &&
      at(best, before) &&
      best !== leader &&
      at(best, shots)!.mean > held.mean
    ) {
      found.push({
        sentence: sentence([best], leader, { shots, before }, manyModels),
        over: leader,
        passing: [best],
        shots,
        before,
      });
    }
    if (best && (!held || at(best, shots)!.mean > held.mean)) leader = best;
    before = shots;
  }
  return found;
}

/** Where the two lines meet between the shot counts `before` and `shots`: 0 at the former, 1 at the latter. */
export function meeting(a: Series, b: Series, before: Shots, shots: Shots): { t: number; mean: number } {
  const [a0, a1, b0, b1] = [at(a, before)!.mean, at(a, shots)!.mean, at(b, before)!.mean, at(b, shots)!.mean];
  const slope = a1 - a0 - (b1 - b0);
  const t = slope === 0 ? 1 : Math.min(1, Math.max(0, (b0 - a0) / slope));
  return { t, mean: a0 + t * (a1 - a0) };
}

/** `unsure`: the paired difference there is within its 95 % interval. */
export type NamedCrossing = Crossing & { sentence: string; unsure: boolean };

/**
 * The crossings of the list in words: those of zero-shot first, those that may be chance last; with paired differences, how
 * large the gap is. Who merely leads from the first shot count on is left to `startOrders`, but for those above zero-shot.
 */
export function crossingSentences(
  crossings: readonly Crossing[],
  all: readonly Series[],
  paired: readonly PairedDifference[] = [],
): NamedCrossing[] {
  const series = all.filter((one) => one.run === null);
  const manyModels = new Set(series.map((one) => one.model)).size > 1;
  const named = crossings.flatMap((crossing) => {
    const found = linesOf(crossing, series);
    if (!found || (found.before === null && crossing.over !== 'zero-shot')) return [];
    const text = sentence([found.a], found.b, found, manyModels);
    const pair = pairOf(crossing, paired);
    const unsure = pair !== null && pair.ci95 !== null && pair.mean <= pair.ci95;
    return [{ ...crossing, unsure, sentence: text + gap(pair, unsure) }];
  });
  const rank = (one: NamedCrossing) => (one.over === 'zero-shot' ? 0 : one.unsure ? 2 : 1);
  return named.sort((a, b) => rank(a) - rank(b) || compareShots(a.shots, b.shots));
}

function linesOf(
  { method, over, model }: Crossing,
  series: readonly Series[],
): { a: Series; b: Series; shots: Shots; before: Shots | null } | null {
  const find = (id: MethodId) => series.find((one) => one.method === id && one.model === model);
  const [a, b] = [find(method), find(over)];
  const where = a && b ? passes(a, b) : null;
  return where ? { a: a!, b: b!, ...where } : null;
}

/**
 * The crossings of the list that are leads from the first shot count on, folded into one order a model: "at 1 label per
 * class, best first: zero-shot; the probe and k-NN, level; the nearest mean".
 */
export function startOrders(crossings: readonly Crossing[], all: readonly Series[]): string[] {
  const series = all.filter((one) => one.run === null);
  const manyModels = new Set(series.map((one) => one.model)).size > 1;
  const starts = new Map<string, { shots: Shots; model: string; lines: Set<Series> }>();
  for (const crossing of crossings) {
    const found = linesOf(crossing, series);
    if (found?.before !== null) continue;
    const { shots } = found;
    const { model } = crossing;
    const key = JSON.stringify([model, shots]);
    const start = starts.get(key) ?? { shots, model, lines: new Set() };
    start.lines.add(found.a).add(found.b);
    starts.set(key, start);
  }
  return [...starts.values()].map(({ shots, model, lines }) => {
    const ranks = Map.groupBy(lines, (line) => at(line, shots)!.mean);
    const best = [...ranks].sort(([a], [b]) => b - a).map(([, level]) => levelWith(level));
    return `${place(shots)}${manyModels ? ` on ${model}` : ''}, best first: ${best.join('; ')}`;
  });
}

const levelWith = (level: readonly Series[]): string =>
  listed(level.map((one) => METHOD_STYLES[one.method].subject)) + (level.length > 1 ? ', level' : '');

/** The paired difference of a crossing, whichever way round it was stored; `mean` is that of `method` over `over`. */
function pairOf(crossing: Crossing, paired: readonly PairedDifference[]): { mean: number; ci95: number | null } | null {
  const { method, over, model, shots } = crossing;
  const find = (a: MethodId, b: MethodId) =>
    paired.find((one) => one.method === a && one.over === b && one.model === model && one.shots === shots);
  const straight = find(method, over);
  const pair = straight ?? find(over, method);
  return pair ? { mean: straight ? pair.mean : -pair.mean, ci95: pair.ci95 } : null;
}

function gap(pair: { mean: number; ci95: number | null } | null, unsure: boolean): string {
  if (!pair) return '';
  if (pair.ci95 === null) return ` (${points(pair.mean)} points)`;
  return ` (${points(pair.mean)} ±${percent(pair.ci95)} points${unsure ? ', not clear of chance' : ''})`;
}

/** Where one backbone passes another under the same method, for charts with several; methods that agree share a sentence. */
export function modelCrossings(all: readonly Series[]): string[] {
  const lines = all.filter((one) => one.run === null && !one.flat);
  const groups = new Map<string, { a: Series[]; b: Series; shots: Shots; before: Shots | null }>();
  for (const a of lines) {
    for (const b of lines) {
      if (a.method !== b.method || a.model === b.model) continue;
      const where = passes(a, b);
      if (!where) continue;
      const key = JSON.stringify([a.model, b.model, where.shots, where.before]);
      const group = groups.get(key) ?? { a: [], b, ...where };
      group.a.push(a);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ a, b, shots, before }) => {
    if (a.length === 1) return sentence(a, b, { shots, before }, true);
    const names = listed(a.map((one) => METHOD_STYLES[one.method].subject));
    const verb = before === null ? 'are above' : 'pass';
    return `${names} on ${a[0]!.model} ${verb} the same on ${b.model} ${before === null ? 'already ' : ''}${place(shots)}`;
  });
}
