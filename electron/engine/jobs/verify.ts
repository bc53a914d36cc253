// The job that decodes every image of a dataset once, beside other work and giving way to it.
import { z } from 'zod';
import { datasetRow } from '../datasets/store.ts';
import { type VerifyResult, verifyDataset } from '../datasets/verify.ts';
import { defineJob } from './kind.ts';

const params = z.object({ datasetId: z.number().int() });

export const verifyJob = defineJob<z.output<typeof params>>({
  params,
  title: ({ datasetId }, { db }) => datasetRow(db, datasetId).name,
  unit: 'images',
  lane: 'background',
  run({ datasetId }, { engine, jobId, ...hooks }): Promise<VerifyResult> {
    const makeWay = () => engine.jobs.active().some((job) => job.status === 'running' && job.id !== jobId);
    return verifyDataset(engine, datasetId, { ...hooks, makeWay });
  },
});
