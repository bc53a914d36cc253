// Which dataset a screen begins with, and what keeps one from being learnt from.
import type { Dataset } from '../../shared/contract.ts';
import { plural } from './format.ts';

/** The one asked for, else the newest of the user's own, else the demo. */
export const pickDataset = (datasets: readonly Dataset[], id: number | null | undefined): Dataset | undefined =>
  datasets.find((one) => one.id === id) ??
  datasets.filter((one) => !one.demo && one.classes.length > 1).sort((a, b) => b.id - a.id)[0] ??
  datasets[0];

/** Why nothing can be learnt from it now; null when it can. */
export function datasetProblem(dataset: Dataset | undefined): string | null {
  if (!dataset) return 'Choose a dataset.';
  if (dataset.state === 'importing') return `${dataset.name} is still being imported.`;
  if (dataset.state === 'offline')
    return `${dataset.name} is offline: its folder ${dataset.path} cannot be reached now.`;
  if (dataset.classes.length < 2)
    return `${dataset.name} has ${plural(dataset.classes.length, 'class', 'classes')}; there is nothing to tell apart with less than two.`;
  return null;
}

/** The class with the fewest training images, which decides the largest shot count every class can fill. */
export function scarcest(dataset: Dataset): { name: string; train: number } | null {
  return dataset.classes.reduce<{ name: string; train: number } | null>(
    (least, one) => (least === null || one.train < least.train ? one : least),
    null,
  );
}

/** "daisy has 20 training images" */
export const trainingImages = ({ name, train }: { name: string; train: number }): string =>
  `${name} has ${plural(train, 'training image')}`;
