// Every kind of long work: a new one is a file with a `JobKindDef` and a line here.
import type { JobKind } from '../../../shared/contract.ts';
import { compareJob } from './compare.ts';
import { downloadJob } from './download.ts';
import { embedJob } from './embed.ts';
import { finetuneJob } from './finetune.ts';
import { importJob } from './import.ts';
import type { JobKindDef } from './kind.ts';
import { rescanJob } from './rescan.ts';
import { verifyJob } from './verify.ts';

export const jobKinds = {
  import: importJob,
  rescan: rescanJob,
  verify: verifyJob,
  embed: embedJob,
  compare: compareJob,
  finetune: finetuneJob,
  download: downloadJob,
} as const satisfies Record<JobKind, JobKindDef<unknown>>;
