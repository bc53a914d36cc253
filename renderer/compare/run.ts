// What the Compare screen makes of a comparison before drawing it: lines, cells, the point to begin with, sentences.
import { type Series, seriesOf } from '../../shared/chart/series.ts';
import { METHOD_ORDER, METHOD_STYLES } from '../../shared/chart/style.ts';
import { compareShots, labelsPerClass, percent } from '../../shared/chart/words.ts';
import type { Comparison, ComparisonInfo, Job, JobStatus, ModelInfo } from '../../shared/contract.ts';
import type { MethodId, Omission, ResultRow, Shots, SummaryRow } from '../../shared/report.ts';
import { isCaptioned, isTrained, lacks, whyNot } from '../ui/applies.ts';
import { runName } from '../ui/format.ts';

/** One dot: what the panel opens. `seed` null is zero-shot's only row. */
export type PointKey = { method: MethodId; model: string; shots: Shots };

/** Lines of the run and of those laid over it; a method that is hidden is hidden in all of them. */
export function linesOf(main: Comparison, overlays: readonly Comparison[], hidden: ReadonlySet<MethodId>): Series[] {
  const shown = (rows: Comparison['summary']) => rows.filter((row) => !hidden.has(row.method));
  return [
    ...seriesOf(shown(main.summary), main.models),
    ...overlays.flatMap((other) => seriesOf(shown(other.summary), other.models, runName(other))),
  ];
}

/** The shot counts that were asked for, so that the axis has room for rows still to come. */
export function plannedShots(job: Job | undefined, comparison: Comparison): Shots[] {
  const asked = (job?.params as { shots?: Shots[] } | undefined)?.shots ?? comparison.report?.protocol.shots ?? [];
  const left = new Set(comparison.omitted.filter((one) => !one.method && !one.model).map((one) => one.shots));
  return asked.filter((shots) => !left.has(shots)).sort(compareShots);
}

/** Methods that have rows, in the order of lists. */
export const methodsOf = (comparison: Comparison): MethodId[] =>
  METHOD_ORDER.filter((method) => comparison.summary.some((row) => row.method === method));

/** The methods asked for, so that chips and table have their places before rows come; those that have rows once it ended. */
export function plannedMethods(job: Job | undefined, comparison: Comparison): MethodId[] {
  if (!goesOn(comparison.status)) return methodsOf(comparison);
  const asked = (job?.params as { methods?: MethodId[] } | undefined)?.methods ?? [];
  const present = methodsOf(comparison);
  const fitted = METHOD_ORDER.filter((method) => !isTrained(method) && !isCaptioned(method));
  const coming = asked.length > 0 ? asked : fitted;
  return METHOD_ORDER.filter((method) => coming.includes(method) || present.includes(method));
}

export type TableLine = { method: MethodId; model: string; modelIndex: number; rows: SummaryRow[] };

/** A line per method and model; while rows come, those still empty have their place too, unless the model cannot have them. */
export function tableLines(
  comparison: Comparison,
  methods: readonly MethodId[],
  known: readonly ModelInfo[],
): TableLine[] {
  const live = goesOn(comparison.status);
  return comparison.models.flatMap((model, modelIndex) => {
    const info = modelOf(model, known);
    return methods.flatMap((method) => {
      const rows = comparison.summary.filter((row) => row.method === method && row.model === model);
      const coming = live && method !== 'zero-shot' && (info === undefined || lacks(method, info) === null);
      return rows.length > 0 || coming ? [{ method, model, modelIndex, rows }] : [];
    });
  });
}

/** The model that a comparison's key, "clip:image_embeds", names. */
const modelOf = (key: string, known: readonly ModelInfo[]): ModelInfo | undefined =>
  known.find((one) => one.id === key.split(':')[0]);

/** Methods that could not be used at all, each with its reason. */
export function methodsLeftOut(
  comparison: Comparison,
  models: readonly ModelInfo[],
): { method: MethodId; reason: string }[] {
  if (goesOn(comparison.status)) return [];
  const present = new Set(methodsOf(comparison));
  const used = comparison.models.flatMap((key) => modelOf(key, models) ?? []);
  return METHOD_ORDER.flatMap((method) => {
    if (present.has(method)) return [];
    const found = comparison.omitted.find((one) => one.method === method && one.shots === undefined);
    const reason = found?.reason ?? (method === 'zero-shot' ? whyNot(method, used) : null);
    return reason ? [{ method, reason }] : [];
  });
}

/** The best line at its last shot count: where a reader would look first. */
export function bestPoint(comparison: Comparison): PointKey | null {
  const last = comparison.summary
    .map((row) => row.shots)
    .sort(compareShots)
    .at(-1);
  const rows = comparison.summary.filter((row) => row.shots === last);
  const best = rows.reduce<(typeof rows)[number] | null>((top, row) => (!top || row.mean > top.mean ? row : top), null);
  return best && { method: best.method, model: best.model, shots: best.shots };
}

/** The rows of a dot, one per seed, in order. */
export function rowsAt(results: readonly ResultRow[], point: PointKey): ResultRow[] {
  return results
    .filter((row) => row.method === point.method && row.model === point.model && row.shots === point.shots)
    .sort((a, b) => (a.seed ?? 0) - (b.seed ?? 0));
}

/** "Linear probe, 16 labels per class" */
export function pointTitle(point: PointKey, manyModels: boolean): string {
  const name = METHOD_STYLES[point.method].name + (manyModels ? ` on ${point.model}` : '');
  return point.shots === 0 ? name : `${name}, ${labelsPerClass(point.shots)}`;
}

/** What is seen, in one line: the best at the end, against chance. */
export function whatIsSeen(comparison: Comparison): string | null {
  const best = bestPoint(comparison);
  const row =
    best &&
    comparison.summary.find(
      (one) => one.method === best.method && one.model === best.model && one.shots === best.shots,
    );
  if (!row) return null;
  const where = row.shots === 0 ? 'without labels' : `with ${labelsPerClass(row.shots)}`;
  const chance = comparison.baselines ? `; chance ${percent(comparison.baselines.chance)} %` : '';
  const on = comparison.models.length > 1 ? ` on ${row.model}` : '';
  return `${METHOD_STYLES[row.method].name}${on} is best ${where}: ${percent(row.mean)} %${chance}.`;
}

/** "k-NN on hog, 16 labels per class, seed 2" */
export function omittedWhat(one: Omission): string {
  const parts = [
    one.method ? METHOD_STYLES[one.method].name + (one.model ? ` on ${one.model}` : '') : one.model,
    one.shots === undefined ? undefined : one.shots === 0 ? 'without labels' : labelsPerClass(one.shots),
    one.seed === undefined ? undefined : `seed ${one.seed}`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** The same reason is told once, with all it concerns. */
export function omittedByReason(omitted: readonly Omission[]): { reason: string; what: string[] }[] {
  const groups = new Map<string, string[]>();
  for (const one of omitted) {
    const what = omittedWhat(one);
    groups.set(one.reason, [...(groups.get(one.reason) ?? []), ...(what === '' ? [] : [what])]);
  }
  return [...groups].map(([reason, what]) => ({ reason, what }));
}

export const isLive = (status: JobStatus): boolean => status === 'running' || status === 'queued';
/** Rows may still come, now or once it is resumed: they keep their places. */
export const goesOn = (status: JobStatus): boolean => isLive(status) || status === 'paused' || status === 'interrupted';

/** How many whole percent of the rows are there. */
export const rowsText = (info: ComparisonInfo): string =>
  info.expectedRows > 0 ? `${info.rows} of ${info.expectedRows} rows` : `${info.rows} rows`;
