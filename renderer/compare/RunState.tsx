// What stands above the chart: the demo's one line, the answer, progress while rows come, and what stopped a run with the way on.
import { useEffect, useState } from 'react';
import type { Comparison, ComparisonInfo, Job } from '../../shared/contract.ts';
import { isActive, useCall, useJob, useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Note } from '../ui/controls.tsx';
import { FirstStepButtons } from '../ui/FirstSteps.tsx';
import { KEEPS_FOCUS, rescueFocus } from '../ui/focus.ts';
import { JobProgress } from '../ui/JobProgress.tsx';
import { JobStopped } from '../ui/JobStopped.tsx';
import { useKeys } from '../ui/keys.ts';
import { rowsText, whatIsSeen } from './run.ts';

export function RunState({ info, comparison }: { info: ComparisonInfo; comparison: Comparison | undefined }) {
  const job = useJob(info.jobId);
  useEffect(rescueFocus);
  return (
    <>
      <DemoLine info={info} />
      <div className="stack run-state" {...KEEPS_FOCUS}>
        {job && job.status !== 'done' ? <JobLine job={job} info={info} /> : <Answer comparison={comparison} />}
      </div>
    </>
  );
}

/** The answer of a finished run, where its progress stood: nothing below it moves. */
function Answer({ comparison }: { comparison: Comparison | undefined }) {
  return (
    <div className="row run-line">
      <span className="clip">{comparison && whatIsSeen(comparison)}</span>
      <span className="spacer" />
      <span className="muted num nowrap">{comparison && rowsText(comparison)}</span>
    </div>
  );
}

/** Shown until there is a dataset of the user's own. */
function DemoLine({ info }: { info: ComparisonInfo }) {
  const datasets = useCall('dataset.list', {}).data;
  const [closed, setClosed] = useState(false);
  const demo = datasets?.find((dataset) => dataset.id === info.datasetId)?.demo === true;
  if (!demo || closed || datasets?.some((dataset) => !dataset.demo)) return null;
  return (
    <Note kind="plain" actions={<FirstStepButtons />} onClose={() => setClosed(true)}>
      <b>A demo:</b> small drawn pictures, seen by hog, a backbone without pretraining.
    </Note>
  );
}

const STOPPED: Partial<Record<Job['status'], string>> = {
  failed: 'This comparison failed',
  cancelled: 'This comparison was cancelled',
  interrupted: 'This comparison was interrupted',
  paused: 'This comparison is paused',
};

/** Where the job itself gives no reason. */
const WHY: Partial<Record<Job['status'], string>> = {
  interrupted: 'The engine stopped while it ran. Resume goes on where it stopped.',
  cancelled: 'What was computed stays.',
};

function JobLine({ job, info }: { job: Job; info: ComparisonInfo }) {
  const cancel = useMutationCall('job.cancel');
  const stop = () => cancel.run({ id: job.id });
  useKeys([{ keys: 'X', label: 'Cancel', group: 'Compare', disabled: !isActive(job) || cancel.busy, run: stop }]);
  const cancelButton = (
    <Button size="small" keys="X" disabled={cancel.busy} onClick={stop}>
      Cancel
    </Button>
  );
  if (job.status === 'running' || job.status === 'queued') {
    return (
      <>
        <div className="row run-line">
          <JobProgress job={job} />
          <span className="muted clip">{job.note}</span>
          <span className="spacer" />
          <span className="muted num nowrap">{rowsText(info)}</span>
          {cancelButton}
        </div>
        <ErrorNote error={cancel.error} />
      </>
    );
  }
  const why = job.error?.message ?? WHY[job.status] ?? job.note;
  return (
    <>
      <JobStopped job={job} screen="Compare" actions={isActive(job) && cancelButton}>
        <b>
          {STOPPED[job.status]}, {rowsText(info)} are here.
        </b>{' '}
        {why}
      </JobStopped>
      <ErrorNote error={cancel.error} />
    </>
  );
}
