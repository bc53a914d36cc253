// The form's state and what follows from it: which methods apply, what will be left out, how many fits that makes.
import { METHOD_ORDER } from '../../shared/chart/style.ts';
import { listed } from '../../shared/chart/words.ts';
import type { CompareParams, Dataset, ModelInfo, Params } from '../../shared/contract.ts';
import { TRAINED_METHOD_IDS } from '../../shared/finetune.ts';
import type { MethodId, Shots } from '../../shared/report.ts';
import { lacks, whyNot } from '../ui/applies.ts';
import { type Captions, captionsProblem, usable } from '../ui/captions.ts';
import { datasetProblem, scarcest, trainingImages } from '../ui/datasets.ts';
import { type Machine, machineParams } from '../ui/devices.ts';

export type Choice = Captions &
  Machine & {
    datasetId: number | null;
    /** Model id -> the output that is the feature; null: the model's first. */
    models: Map<string, string | null>;
    methodsOff: ReadonlySet<MethodId>;
    shots: ReadonlySet<Shots>;
    seeds: number;
    keepLeaks: boolean;
    knnVote: CompareParams['knnVote'];
    knnIndex: CompareParams['knnIndex'];
  };

export function firstChoice(given: {
  datasetId?: number;
  model?: string;
  templates?: string[];
  classNames?: Record<string, string>;
}): Choice {
  return {
    datasetId: given.datasetId ?? null,
    models: new Map([[given.model ?? 'hog', null]]),
    methodsOff: new Set(TRAINED_METHOD_IDS),
    shots: new Set([1, 2, 4, 8, 16]),
    seeds: 5,
    templates: given.templates ?? [],
    classNames: given.classNames ?? {},
    keepLeaks: false,
    knnVote: 'similarity',
    knnIndex: 'auto',
    device: '',
    threads: 0,
  };
}

/** Image models that could be compared; what is wrong with one is said beside it. */
export const comparable = (model: ModelInfo): boolean => model.installed && model.family !== 'text';

/** "Methods with captions are drawn for CLIP only: hog has no text side." Null where every model can do all. */
export function partly(models: readonly ModelInfo[]): string | null {
  const without = models.filter((model) => !model.hasText);
  const having = models.filter((model) => model.hasText);
  if (without.length === 0 || having.length === 0) return null;
  return `Methods with captions are drawn for ${listed(having.map((model) => model.name))} only: ${listed(without.map((model) => model.name))} ${without.length > 1 ? 'have' : 'has'} no text side.`;
}

export const methodsChosen = (choice: Choice, models: readonly ModelInfo[]): MethodId[] =>
  METHOD_ORDER.filter((method) => !choice.methodsOff.has(method) && whyNot(method, models) === null);

/** The shot counts that every class can fill: the others give no rows. */
export function shotsFilled(dataset: Dataset, shots: ReadonlySet<Shots>): Set<Shots> {
  const least = scarcest(dataset);
  return new Set([...shots].filter((one) => one === 'all' || least === null || one <= least.train));
}

/** "32 and 64 labels are left out: daisy has 20 training images." */
export function shotsLeftOut(dataset: Dataset, shots: ReadonlySet<Shots>): string | null {
  const least = scarcest(dataset);
  if (!least) return null;
  const filled = shotsFilled(dataset, shots);
  const over = [...shots].filter((one): one is number => one !== 'all' && !filled.has(one));
  if (over.length === 0) return null;
  over.sort((a, b) => a - b);
  return `${listed(over.map(String))} labels per class will be left out: ${trainingImages(least)}.`;
}

/** Rows to be computed: zero-shot once per model that can, the others per shot count and seed. */
export function rowsAsked(
  choice: Choice,
  models: readonly ModelInfo[],
  of: (method: MethodId) => boolean = () => true,
) {
  const each = choice.shots.size * choice.seeds;
  return methodsChosen(choice, models)
    .filter(of)
    .reduce((sum, method) => {
      const can = models.filter((model) => lacks(method, model) === null).length;
      return sum + can * (method === 'zero-shot' ? 1 : each);
    }, 0);
}

/** What is missing before it can start, or null. */
export function notReady(choice: Choice, dataset: Dataset | undefined, models: readonly ModelInfo[]): string | null {
  const problem = datasetProblem(dataset);
  if (problem) return problem;
  if (models.length === 0) return 'Choose a model.';
  const broken = models.find((model) => model.problem !== null);
  if (broken) return broken.problem;
  if (methodsChosen(choice, models).length === 0) return 'Choose a method.';
  if (choice.shots.size === 0) return 'Choose a shot count.';
  return models.some((model) => model.hasText) ? captionsProblem(choice) : null;
}

export function paramsOf(choice: Choice, datasetId: number, models: readonly ModelInfo[]): Params<'compare.start'> {
  const texts = models.some((model) => model.hasText);
  const order = (shots: Shots) => (shots === 'all' ? Number.POSITIVE_INFINITY : shots);
  return {
    datasetId,
    models: models.map(({ id }) => {
      const output = choice.models.get(id);
      return output ? { id, output } : { id };
    }),
    methods: methodsChosen(choice, models),
    shots: [...choice.shots].sort((a, b) => order(a) - order(b)),
    seeds: choice.seeds,
    ...(texts ? usable(choice) : {}),
    keepLeaks: choice.keepLeaks,
    knnVote: choice.knnVote,
    knnIndex: choice.knnIndex,
    ...machineParams(choice),
  };
}
