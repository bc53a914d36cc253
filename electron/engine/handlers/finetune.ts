// Fine-tuning: forecast and start a run, read it while it trains, stop it, save what it made, delete it.
import { type Dataset, type Handlers, LabError, type ModelInfo } from '../../../shared/contract.ts';
import type { FinetuneMethodId, FinetuneParams, ResolvedSettings } from '../../../shared/finetune.ts';
import type { Engine } from '../context.ts';
import { ensureOnline } from '../datasets/roots.ts';
import { getDataset } from '../datasets/store.ts';
import { NEED } from '../finetune/captions.ts';
import { forecastRun } from '../finetune/forecast.ts';
import { againstOf } from '../finetune/recipes.ts';
import { saveModel } from '../finetune/save.ts';
import { settingsFor } from '../finetune/setup.ts';
import { deleteRun, insertRun, listRuns, loadRun } from '../finetune/store.ts';
import { requestStop } from '../jobs/finetune.ts';

type FinetuneCalls =
  | 'finetune.start'
  | 'finetune.list'
  | 'finetune.get'
  | 'finetune.settings'
  | 'finetune.forecast'
  | 'finetune.stop'
  | 'finetune.save'
  | 'finetune.delete';

export function finetuneHandlers(engine: Engine): Pick<Handlers, FinetuneCalls> {
  const { db, jobs } = engine;
  const changed = (id: number) => engine.push('finetune.changed', { id });
  const isLive = (jobId: number) => jobs.active().some((job) => job.id === jobId);
  return {
    'finetune.start': async (params) => {
      const { dataset } = await check(engine, params);
      const settings = await settingsOf(engine, dataset, params);
      const job = jobs.start('finetune', params);
      const finetuneId = insertRun(db, { jobId: job.id, dataset, params, settings });
      changed(finetuneId);
      return { finetuneId, job };
    },
    'finetune.list': () => listRuns(db),
    'finetune.get': ({ id }) => loadRun(db, id),
    'finetune.settings': async (params) => settingsOf(engine, (await check(engine, params)).dataset, params),
    'finetune.forecast': async (params) => {
      await settingsOf(engine, (await check(engine, params)).dataset, params);
      return forecastRun(engine, params);
    },
    'finetune.stop': ({ id }) => {
      const { jobId } = loadRun(db, id);
      const job = jobs.active().find((each) => each.id === jobId);
      if (job?.status !== 'running')
        throw new LabError(
          'conflict',
          job ? 'This run has not begun yet, so there is nothing to keep. Cancel it instead.' : 'This run has ended.',
        );
      requestStop(jobId);
      return job;
    },
    'finetune.save': ({ id, alpha, name }) => saveModel(engine, id, alpha, name),
    'finetune.delete': ({ id }) => {
      if (isLive(loadRun(db, id).jobId))
        throw new LabError('conflict', 'This run is not over. Cancel it first, or stop it and keep its best epoch.');
      deleteRun(engine, id);
      changed(id);
      return null;
    },
  };
}

/** Throws `bad-request` for settings that do not go together, or would do nothing. */
async function settingsOf(engine: Engine, dataset: Dataset, params: FinetuneParams): Promise<ResolvedSettings> {
  const { folder } = await engine.models.folder(params.model.id);
  const { output } = params.model;
  const backbone = { folder, output: output === undefined ? undefined : { id: output } };
  const settings = settingsFor({ backbone, classes: dataset.classes }, params, usable(dataset, params.shots));
  if (params.settings.headLr !== undefined && settings.headLr === undefined)
    throw new LabError(
      'bad-request',
      `Classes are told apart by their captions here, so that there is no head. Leave the head’s learning rate out${params.method === 'lora' ? ', or train the vision encoder alone' : ''}.`,
    );
  return settings;
}

/** What is refused now rather than in the queue. Throws an error that names the thing and the way out. */
async function check(engine: Engine, params: FinetuneParams): Promise<{ dataset: Dataset; model: ModelInfo }> {
  const dataset = await usableDataset(engine, params.datasetId);
  if (dataset.classes.length < 2)
    throw new LabError(
      'bad-request',
      `${dataset.name} has ${dataset.classes.length === 0 ? 'no class' : 'one class'}; with less than two there is nothing to tell apart.`,
    );
  if (params.control) await usableDataset(engine, params.control.datasetId);
  const model = await engine.models.get(params.model.id);
  checkModel(model, params);
  return { dataset, model };
}

async function usableDataset(engine: Engine, id: number): Promise<Dataset> {
  const { name, state } = getDataset(engine.db, id);
  if (state === 'importing')
    throw new LabError('conflict', `${name} is still being imported. Start when that has ended.`);
  await ensureOnline(engine, id);
  return getDataset(engine.db, id);
}

/** Those that begin from captions. */
const FROM_CAPTIONS: Partial<Record<FinetuneMethodId, string>> = {
  'zs-probe': 'ZS-LP begins from the captions’ weights',
  clap: 'CLAP begins from the captions’ weights',
};

function checkModel(model: ModelInfo, { method, settings }: Pick<FinetuneParams, 'method' | 'settings'>): void {
  if (model.family === 'hog')
    throw new LabError('unsupported', `${model.name} has no weights to train. Get a model under Models.`);
  if (!model.installed)
    throw new LabError(
      'bad-request',
      model.problem ?? `${model.name} is not on this machine yet. Download it under Models first.`,
    );
  if (model.family === 'text')
    throw new LabError('unsupported', `${model.name} takes no images, so there is nothing to fine-tune on them.`);
  const against = againstOf(method, settings);
  const need = against ? NEED[against] : FROM_CAPTIONS[method];
  if (need && !model.hasText)
    throw new LabError(
      'unsupported',
      `${need}, and ${model.name} has no text side. Choose a CLIP-like model, or fine-tune, last blocks, LoRA, biases or LP-FT.`,
    );
}

/** An upper bound of what a run trains on: a batch is never larger. */
const usable = ({ classes }: Dataset, shots: FinetuneParams['shots']): number =>
  classes.reduce((sum, one) => sum + (shots === 'all' ? one.train : Math.min(one.train, shots)), 0);
