// The job that reads a new dataset's files; the full decode follows as its own job.
import { z } from 'zod';
import { type ImportResult, importDataset } from '../datasets/import.ts';
import { datasetRow } from '../datasets/store.ts';
import { needsVerifying } from '../datasets/verify.ts';
import { defineJob, onDataset, READING } from './kind.ts';

const params = z.object({ datasetId: z.number().int() });

export const importJob = defineJob<z.output<typeof params>>({
  params,
  title: ({ datasetId }, { db }) => datasetRow(db, datasetId).name,
  unit: 'files',
  lane: 'work',
  async run({ datasetId }, { engine, jobId, ...hooks }): Promise<ImportResult & { verifyJobId: number | null }> {
    const result = await importDataset(engine, datasetId, hooks);
    engine.jobs.settle(jobId, READING, onDataset(datasetId));
    const verifyJobId = needsVerifying(engine, datasetId) ? engine.jobs.start('verify', { datasetId }).id : null;
    return { ...result, verifyJobId };
  },
});
