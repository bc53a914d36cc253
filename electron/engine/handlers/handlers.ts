// Every call has its handler here; the contract's type fails to compile until it has.
import type { AppInfo, Handlers } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { appHandlers } from './app.ts';
import { compareHandlers } from './compare.ts';
import { datasetHandlers } from './datasets.ts';
import { finetuneHandlers } from './finetune.ts';
import { folderHandlers } from './folders.ts';
import { jobHandlers } from './jobs.ts';
import { modelHandlers } from './models.ts';
import { promptHandlers } from './prompts.ts';

export const createHandlers = (engine: Engine, host: AppInfo['host']): Handlers => ({
  ...appHandlers(engine, host),
  ...folderHandlers(engine),
  ...datasetHandlers(engine),
  ...modelHandlers(engine),
  ...compareHandlers(engine),
  ...finetuneHandlers(engine),
  ...promptHandlers(engine),
  ...jobHandlers(engine),
});
