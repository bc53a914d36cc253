// Fine-tuning as a job: resumes from its checkpoint, stops on request with the best epoch kept.
import { rmSync } from 'node:fs';
import type { z } from 'zod';
import { LabError } from '../../../shared/contract.ts';
import { type FinetuneParams, finetuneParams } from '../../../shared/finetune.ts';
import { getDataset } from '../datasets/store.ts';
import { finetune } from '../finetune/finetune.ts';
import { forgetCheckpoint } from '../finetune/run.ts';
import { runFolder, runOfJob, setEpochs, setReport, setSettings } from '../finetune/store.ts';
import { defineJob } from './kind.ts';

/** Jobs that were asked to stop and keep their best epoch. */
const stopping = new Set<number>();
export const requestStop = (jobId: number): void => void stopping.add(jobId);

export const finetuneJob = defineJob<FinetuneParams>({
  params: finetuneParams as z.ZodType<FinetuneParams>,
  title: ({ datasetId, model, method, shots }, engine) =>
    `${model.id} on ${getDataset(engine.db, datasetId).name}: ${method}, ${shots === 'all' ? 'all labels' : `${shots} a class`}`,
  unit: 'steps',
  lane: 'work',
  async run(params, job) {
    const { engine, signal, log } = job;
    const id = runOfJob(engine.db, job.jobId);
    if (id === null) throw new LabError('not-found', 'This run of fine-tuning was deleted. Start a new one.');
    const folder = runFolder(engine, id);
    const changed = () => engine.push('finetune.changed', { id });
    stopping.delete(job.jobId);
    try {
      const report = await finetune(engine, id, params, folder, {
        signal,
        log,
        stopping: () => stopping.has(job.jobId),
        progress: (done, total, note) => job.progress(done, total, note, /^epoch/.test(note) ? 'steps' : 'images'),
        metric: job.metric,
        settled: (settings) => setSettings(engine.db, id, settings),
        epoch(epochs) {
          setEpochs(engine.db, id, epochs);
          changed();
        },
        failure: (file, reason) => log('warn', `${file}: ${reason}`),
      });
      // What comes after the training counts images; a run that has ended says what it trained.
      const steps = report.epochs.at(-1)?.step ?? 0;
      job.progress(steps, steps, '', 'steps');
      setReport(engine.db, id, report);
      forgetCheckpoint(folder);
      changed();
      return { finetuneId: id, accuracy: report.test.accuracy, best: report.best, seconds: report.seconds };
    } finally {
      stopping.delete(job.jobId);
    }
  },
  cancelled(jobId, engine) {
    const id = runOfJob(engine.db, jobId);
    if (id !== null) rmSync(runFolder(engine, id), { recursive: true, force: true });
  },
});
