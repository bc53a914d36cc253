// What a comparison or a run of fine-tuning works on: a dataset's usable items and the classes that have any.
import { LabError } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { classNames, type DatasetItem, datasetItems, getDataset } from './store.ts';

/** `label` of an item is an index into `classes`, or -1. */
export type Drawn = { items: DatasetItem[]; classes: string[]; excluded: { path: string; reason: string }[] };

/**
 * The dataset's usable items with their classes. Left out, with the reason: a test item whose content is also in train, one that
 * has a label but no split, as a list may say it, and a class without any usable item, such as an empty folder, which would
 * otherwise leave no row that every class can fill.
 */
export function drawItems(engine: Pick<Engine, 'db'>, params: { datasetId: number; keepLeaks: boolean }): Drawn {
  const dataset = getDataset(engine.db, params.datasetId);
  if (dataset.state === 'importing')
    throw new LabError('conflict', `${dataset.name} is still being imported. Start again when the import has ended.`);
  const { items, excluded } = datasetItems(engine.db, params.datasetId, { keepLeaks: params.keepLeaks });
  const classes = classNames(engine.db, params.datasetId);
  const labelled = items.filter((item) => item.label >= 0);
  const present = new Set(labelled.map((item) => item.label));
  if (present.size < 2)
    throw new LabError(
      'bad-request',
      `${dataset.name} has ${present.size === 0 ? 'no labelled images' : 'images of one class only'}. Learning needs at least two classes: one sub-folder each, or a list of path,label.`,
    );
  if (!labelled.some((item) => item.split === 'test'))
    throw new LabError(
      'bad-request',
      `${dataset.name} has no test items. Set a split under Data (stratified by seed, or folders train/ and test/).`,
    );
  if (!labelled.some((item) => item.split === 'train'))
    throw new LabError('bad-request', `${dataset.name} has no training items. Set a split under Data.`);
  const idle = labelled.filter((item) => item.split === null);
  return withHeldClasses({
    items: items.filter((item) => item.label < 0 || item.split !== null),
    classes,
    excluded: [...excluded, ...idle.map(({ path }) => ({ path, reason: 'no split' }))],
  });
}

/**
 * What is left when the files that could not be embedded (item id -> reason) are gone, and with them a class of nothing else: like an
 * empty folder, it would leave no row that every class can fill. The items keep their places; those that are gone have label -1.
 */
export function withoutUnreadable(drawn: Drawn, failed: ReadonlyMap<number, string>): Drawn & { held: number[] } {
  const gone = drawn.items.filter((item) => failed.has(item.id));
  return withHeldClasses({
    items: drawn.items.map((item) => (failed.has(item.id) ? { ...item, label: -1 } : item)),
    classes: drawn.classes,
    excluded: [...drawn.excluded, ...gone.map(({ id, path }) => ({ path, reason: failed.get(id)! }))],
  });
}

/** Leaves out the classes that no item has any more, with the reason; `held` are the indices that the others had. */
function withHeldClasses({ items, classes, excluded }: Drawn): Drawn & { held: number[] } {
  const present = new Set(items.map((item) => item.label));
  const held = [...classes.keys()].filter((label) => present.has(label));
  const indexOf = new Map(held.map((label, index) => [label, index]));
  const empty = classes.filter((_, label) => !present.has(label));
  return {
    held,
    items: items.map((item) => ({ ...item, label: indexOf.get(item.label) ?? -1 })),
    classes: held.map((label) => classes[label]!),
    excluded: [...excluded, ...empty.map((name) => ({ path: name, reason: 'the class has no usable image' }))],
  };
}
