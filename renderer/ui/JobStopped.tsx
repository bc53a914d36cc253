// A job that stopped before its end: what happened, its log, and the way on.
import type { ReactNode } from 'react';
import type { Job } from '../../shared/contract.ts';
import { useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Note } from './controls.tsx';
import { TAKES_FOCUS } from './focus.ts';
import { useKeys } from './keys.ts';
import { go } from './navigation.ts';

type Props = {
  /** Undefined: its row was removed. */
  job: Job | undefined;
  /** Where its key stands in the sheet. */
  screen: string;
  /** What going on is called. */
  resume?: string;
  /** More to do about it, before that. */
  actions?: ReactNode;
  children: ReactNode;
};

export function JobStopped({ job, screen, resume: words = 'Resume', actions, children }: Props) {
  const resume = useMutationCall('job.resume');
  const goOn = () => job && resume.run({ id: job.id });
  useKeys([{ keys: 'R', label: words, group: screen, disabled: !job?.resumable || resume.busy, run: goOn }]);
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
                <Button size="small" kind="primary" keys="R" disabled={resume.busy} onClick={goOn} {...TAKES_FOCUS}>
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
