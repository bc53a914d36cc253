// Datasets: importing, looking at, splitting and forgetting them.
import { type Handlers, LabError } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { createDataset, requireImages } from '../datasets/import.ts';
import { duplicateGroups, itemPage, oneItem, problemPage } from '../datasets/items.ts';
import { removeDataset } from '../datasets/remove.ts';
import { relinkDataset } from '../datasets/rescan.ts';
import { changeSplit } from '../datasets/split.ts';
import { datasetChanged, datasetRow, getDataset, listDatasets } from '../datasets/store.ts';

type DatasetCalls = Extract<keyof Handlers, `dataset.${string}`>;

export function datasetHandlers(engine: Engine): Pick<Handlers, DatasetCalls> {
  const { db, jobs } = engine;
  return {
    'dataset.list': () => listDatasets(db),
    'dataset.get': ({ id }) => getDataset(db, id),
    'dataset.import': async (wish) => {
      await requireImages(wish.path);
      const datasetId = await createDataset(engine, wish);
      return { datasetId, job: jobs.start('import', { datasetId }) };
    },
    'dataset.rename': ({ id, name }) => {
      datasetRow(db, id);
      db.prepare('UPDATE dataset SET name = ? WHERE id = ?').run(name.trim() || datasetRow(db, id).name, id);
      datasetChanged(engine, id);
      return getDataset(db, id);
    },
    'dataset.rescan': ({ id }) => {
      datasetRow(db, id);
      requireIdle(engine, id, 'Re-scan it');
      return jobs.start('rescan', { datasetId: id });
    },
    'dataset.relink': async ({ id, path }) => {
      datasetRow(db, id);
      requireIdle(engine, id, 'Relink it');
      await relinkDataset(engine, id, path);
      return jobs.start('rescan', { datasetId: id });
    },
    'dataset.delete': async ({ id }) => {
      datasetRow(db, id);
      requireIdle(engine, id, 'Delete it');
      for (const job of jobsOn(engine, id)) {
        jobs.cancel(job.id);
        await jobs.ended(job.id);
      }
      await removeDataset(engine, id);
      return null;
    },
    'dataset.items': (query) => itemPage(db, query),
    'dataset.item': ({ itemId }) => oneItem(db, itemId),
    'dataset.problems': ({ id, limit }) => problemPage(db, id, limit),
    'dataset.duplicates': (query) => duplicateGroups(db, query),
    'dataset.split': async ({ id, ...wish }) => {
      datasetRow(db, id);
      requireIdle(engine, id, 'Split it');
      await changeSplit(engine, id, wish);
      return getDataset(db, id);
    },
  };
}

const jobsOn = ({ jobs }: Engine, id: number) =>
  jobs.active().filter((job) => (job.params as { datasetId?: unknown }).datasetId === id);

/** Throws `conflict` naming the job that works on the dataset. The full decode does not count: it gives way to anything. */
function requireIdle(engine: Engine, id: number, wish: string): void {
  const job = jobsOn(engine, id).find((one) => one.kind !== 'verify');
  if (!job) return;
  throw new LabError(
    'conflict',
    `${getDataset(engine.db, id).name} is in use: ${job.kind} (job ${job.id}) is ${job.status}. ${wish} when that has ended, or cancel it under Runs.`,
  );
}
