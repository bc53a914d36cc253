// A job that stopped before its end: what happened, its log, and the way on.
import type { ReactNode } from 'react';
import type { Job } from '../../shared/contract.ts';
import { useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Note } from './controls.tsx';
import { go } from './navigation.ts';

type Props = {
  /** Undefined: its row was removed. */
  job: Job | undefined;
  /** What going on is called. */
  resume?: string;
  /** More to do about it, before that. */
  actions?: ReactNode;
  children: ReactNode;
};

export function JobStopped({ job, resume: words = 'Resume', actions, children }: Props) {
  const resume = useMutationCall('job.resume');
  return (
    <>
      <Note
        kind={job?.status === 'failed' ? 'bad' : 'warn'}
        actions={
          job && (
            <>
              <Button size="small" onClick={() => go('runs', { jobId: job.id })}>
                Open its log
              </Button>
              {actions}
              {job.resumable && (
                <Button size="small" kind="primary" disabled={resume.busy} onClick={() => resume.run({ id: job.id })}>
                  {words}
                </Button>
              )}
            </>
          )
        }
      >
        {children}
      </Note>
      <ErrorNote error={resume.error} />
    </>
  );
}
