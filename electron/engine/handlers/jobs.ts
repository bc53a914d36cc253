// Runs: the queue as the screens see it.
import type { Handlers } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';

type JobCalls = 'job.list' | 'job.get' | 'job.cancel' | 'job.resume' | 'job.delete' | 'job.log' | 'job.metrics';

export const jobHandlers = ({ jobs, push }: Engine): Pick<Handlers, JobCalls> => ({
  'job.list': ({ limit }) => jobs.list(limit),
  'job.get': ({ id }) => jobs.get(id),
  'job.cancel': ({ id }) => jobs.cancel(id),
  'job.resume': ({ id }) => jobs.resume(id),
  'job.delete': ({ id }) => {
    jobs.remove(id);
    push('job.deleted', { id });
    return null;
  },
  'job.log': ({ id }) => jobs.log(id),
  'job.metrics': ({ id, afterStep }) => jobs.metrics(id, afterStep),
});
