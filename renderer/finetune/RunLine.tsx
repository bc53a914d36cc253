// Where a run stands: progress with rate and time left, what it came to, or what stopped it with the way on.
import { useEffect } from 'react';
import type { Job } from '../../shared/contract.ts';
import type { FinetuneRun } from '../../shared/finetune.ts';
import { useCall } from '../lab.ts';
import { KEEPS_FOCUS, rescueFocus } from '../ui/focus.ts';
import { span } from '../ui/format.ts';
import { JobProgress } from '../ui/JobProgress.tsx';
import { JobStopped } from '../ui/JobStopped.tsx';
import { answer, sentence } from './run.ts';

type Props = { run: FinetuneRun; job: Job | undefined; stopped: boolean };

export function RunLine(props: Props) {
  useEffect(rescueFocus);
  return (
    <div className="stack run-state" {...KEEPS_FOCUS}>
      <Standing {...props} />
    </div>
  );
}

function Standing({ run, job, stopped }: Props) {
  if (job?.status === 'running' || job?.status === 'queued') return <Progress run={run} job={job} stopped={stopped} />;
  if (run.report) {
    return (
      <div className="row run-line">
        <b className="clip">{sentence(answer(run.report))}</b>
        <span className="spacer" />
        <span className="muted num nowrap">trained for {span(run.report.seconds)}</span>
      </div>
    );
  }
  return <Stopped run={run} job={job} />;
}

function Progress({ run, job, stopped }: Props & { job: Job }) {
  const info = useCall('app.info', {}).data;
  const settings = useCall('settings.get', {}).data;
  const set = run.params.device ?? settings?.device ?? 'auto';
  const device = set === 'auto' ? (info?.autoDevice ?? 'auto') : set;
  return (
    <div className="row run-line">
      <JobProgress job={job} />
      <span className="muted clip">{stopped ? 'stopping after this step; the best epoch is kept' : job.note}</span>
      <span className="spacer" />
      <span className="muted nowrap">on {device}</span>
    </div>
  );
}

const WORDS: Partial<Record<Job['status'], string>> = {
  failed: 'This run failed.',
  cancelled: 'This run was cancelled; nothing of it was kept.',
  interrupted: 'This run was interrupted. Resume goes on from its last checkpoint, to the same numbers.',
  paused: 'This run is paused.',
};

function Stopped({ run, job }: { run: FinetuneRun; job: Job | undefined }) {
  const words = job ? (WORDS[job.status] ?? '') : 'This run has no result, and its job was removed.';
  return (
    <JobStopped
      job={job}
      screen="Fine-tune"
      resume={job?.status === 'cancelled' || run.epochs.length === 0 ? 'Run it again' : 'Resume'}
    >
      <b>{words}</b> {job?.error?.message ?? ''}
    </JobStopped>
  );
}
