// Puts one comparison into the shape of report.json. Pure: what it says is what it was given.
import type { Split } from '../../../shared/contract.ts';
import type { MethodId, Omission, Report, ReportModel, ResultRow, Shots } from '../../../shared/report.ts';
import { crossingsOf, pairedDifferences, summarise } from '../../../shared/statistics.ts';

export type ReportInput = {
  /** Names this comparison, such as its number in the data folder. */
  id: string;
  /** ISO 8601. */
  createdAt: string;
  /** `items`: usable items of the dataset, labelled or not. */
  dataset: { name: string; path: string; items: number };
  /** In the order of the class indices. */
  classes: string[];
  /** The items that took part, and those without a label; never the excluded ones. */
  items: Iterable<{ label: string | null; split: Split | null }>;
  /** Files left out, each with its reason: broken ones, leaks, conflicts, classes too small. */
  excluded: { path: string; reason: string }[];
  models: ReportModel[];
  environment: Report['environment'];
  protocol: {
    shots: Shots[];
    seeds: number;
    methods: MethodId[];
    templates: string[];
    classNames: Record<string, string>;
    /** In words: "folders", "stratified, seed 0, test fraction 0.2". */
    splitSource: string;
  };
  results: ResultRow[];
  /**
   * Rows that were asked for and are not there. A method that was not named and does not apply (zero-shot without a
   * text side) was not asked for and does not belong here.
   */
  omitted: Omission[];
};

export function buildReport(input: ReportInput): Report {
  const counts = countItems(input.items, input.classes, input.excluded.length);
  const summary = summarise(input.results);
  return {
    version: 1,
    id: input.id,
    createdAt: input.createdAt,
    dataset: input.dataset,
    classes: input.classes,
    counts,
    excluded: input.excluded,
    model: input.models.map((model) => model.id).join(', '),
    models: input.models,
    environment: input.environment,
    protocol: { ...input.protocol, validation: validationWords(counts.val > 0) },
    results: input.results,
    summary,
    crossings: crossingsOf(summary),
    paired: pairedDifferences(input.results),
    baselines: baselines(counts, input.classes),
    omitted: input.omitted,
    complete: input.omitted.length === 0,
  };
}

function countItems(items: ReportInput['items'], classes: string[], excluded: number): Report['counts'] {
  // not by assignment: a class may be called __proto__
  const perClass = Object.fromEntries(classes.map((name) => [name, { train: 0, val: 0, test: 0 }]));
  const counts = { train: 0, val: 0, test: 0, unlabelled: 0, excluded, perClass };
  for (const { label, split } of items) {
    const own = label === null ? undefined : perClass[label];
    if (!own) counts.unlabelled++;
    else if (split) {
      counts[split]++;
      own[split]++;
    }
  }
  return counts;
}

/** 1/classes, and the share of the test that the commonest training class gets right. */
function baselines(counts: Report['counts'], classes: string[]): Report['baselines'] {
  let commonest = classes[0];
  for (const name of classes) if (counts.perClass[name]!.train > counts.perClass[commonest!]!.train) commonest = name;
  return {
    chance: classes.length ? 1 / classes.length : 0,
    majority: counts.test ? counts.perClass[commonest!]!.test / counts.test : 0,
  };
}

const validationWords = (folder: boolean) =>
  folder
    ? 'Hyper-parameters are chosen on the val split: a row of s shots uses at most min(s, 4) of its images a class. The final fit uses the shots only.'
    : 'Hyper-parameters are chosen on up to 4 further training images a class (min(s, 4) at s shots). The final fit uses the shots only.';
