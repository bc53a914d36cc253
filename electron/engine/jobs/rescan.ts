// The job that makes a dataset equal to its folder again, after a relink too.
import { z } from 'zod';
import type { RescanResult } from '../../../shared/contract.ts';
import { rescanDataset } from '../datasets/rescan.ts';
import { datasetRow } from '../datasets/store.ts';
import { needsVerifying } from '../datasets/verify.ts';
import { defineJob, onDataset, READING } from './kind.ts';

const params = z.object({ datasetId: z.number().int() });

export const rescanJob = defineJob<z.output<typeof params>>({
  params,
  title: ({ datasetId }, { db }) => datasetRow(db, datasetId).name,
  unit: 'files',
  lane: 'work',
  async run({ datasetId }, { engine, jobId, ...hooks }): Promise<RescanResult> {
    const result = await rescanDataset(engine, datasetId, hooks);
    engine.jobs.settle(jobId, READING, onDataset(datasetId));
    const isUnderWay = engine.jobs.active().some((job) => job.kind === 'verify' && onDataset(datasetId)(job.params));
    if (needsVerifying(engine, datasetId) && !isUnderWay) engine.jobs.start('verify', { datasetId });
    return result;
  },
});
