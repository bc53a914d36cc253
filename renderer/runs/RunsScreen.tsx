// Runs: what is queued, running and done, with rate and time left; cancel, resume, the log, the result.
import { type KeyboardEvent, useState } from 'react';
import type { Job } from '../../shared/contract.ts';
import { isActive, JOBS_LISTED, useCall, useJobs, useMutationCall } from '../lab.ts';
import { Button, Empty, ErrorNote, Segments } from '../ui/controls.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { KEEPS_FOCUS } from '../ui/focus.ts';
import { count, when } from '../ui/format.ts';
import { JobProgress, progressText } from '../ui/JobProgress.tsx';
import { useKeys } from '../ui/keys.ts';
import { go, stay, useParams } from '../ui/navigation.ts';
import { type Action, Screen } from '../ui/Screen.tsx';
import { JobDetails } from './JobDetails.tsx';
import './runs.css';
import { KIND, matchesFilter, outcome, type RunFilter, STATUS, tookText } from './words.ts';

export function RunsScreen() {
  const { jobId } = useParams('runs');
  const jobs = useJobs();
  const [filter, setFilter] = useState<RunFilter>('all');
  const cancel = useMutationCall('job.cancel');
  const resume = useMutationCall('job.resume');
  const [asked, setAsked] = useState(false);
  const remove = useMutationCall('job.delete', () => setAsked(false));
  const shown = jobs.filter((job) => matchesFilter(job, filter));
  const job = jobs.find((each) => each.id === jobId) ?? shown[0];
  const open = useOpen(job);
  const select = (id: number) => stay('runs', { jobId: id });
  const actions: Action[] = job
    ? [
        ...(job.resumable && job.status !== 'running' && job.status !== 'queued'
          ? [{ label: 'Resume', keys: 'R', run: () => resume.run({ id: job.id }) }]
          : []),
        ...(isActive(job)
          ? [{ label: 'Cancel', keys: 'X', run: () => cancel.run({ id: job.id }) }]
          : [
              {
                label: 'Remove from the list',
                keys: 'Delete',
                run: () => (job.kind === 'compare' ? setAsked(true) : remove.run({ id: job.id })),
              },
            ]),
        ...(open ? [{ label: open.label, keys: 'O', primary: true, run: open.run }] : []),
      ]
    : [];
  useKeys([{ keys: 'ArrowDown', label: 'Next and previous run', group: 'Runs', run: () => {}, told: true }]);
  return (
    <Screen
      label="Runs"
      crumbs={job ? [{ label: `${KIND[job.kind]}: ${job.title}` }] : []}
      actions={actions}
      panelWidth={330}
      panel={job && <JobDetails key={job.id} job={job} onOpen={open} />}
    >
      <ErrorNote error={cancel.error ?? resume.error ?? remove.error} />
      {jobs.length === 0 ? (
        <Empty
          title="Nothing has run yet"
          action={
            <Button kind="primary" onClick={() => go('data')}>
              Go to Data
            </Button>
          }
        >
          Imports, embeddings, comparisons and downloads are listed here, with their progress, their log and what they
          came to.
        </Empty>
      ) : (
        <>
          <div className="row">
            <Segments
              label="Which runs"
              value={filter}
              options={[
                { value: 'all', label: 'All', note: count(jobs.length) },
                ...(['active', 'done', 'stopped'] as const).map((value) => ({
                  value,
                  label: LABELS[value],
                  note: count(jobs.filter((each) => matchesFilter(each, value)).length),
                })),
              ]}
              onValue={setFilter}
            />
          </div>
          <JobTable
            jobs={shown}
            selected={job?.id}
            onSelect={select}
            onCancel={(id) => cancel.run({ id })}
            onResume={(id) => resume.run({ id })}
          />
          {jobs.length >= JOBS_LISTED && (
            <p className="muted small">
              These are the newest {JOBS_LISTED}; older ones take the place of those you remove.
            </p>
          )}
        </>
      )}
      {job && (
        <Confirm
          open={asked}
          onClose={() => setAsked(false)}
          title="Remove this comparison?"
          action="Remove the comparison"
          danger
          busy={remove.busy}
          error={remove.error}
          onConfirm={() => remove.run({ id: job.id })}
        >
          <p>
            The run of {job.title} and its comparison with every stored prediction are deleted. Images, models and
            features stay.
          </p>
        </Confirm>
      )}
    </Screen>
  );
}

const LABELS = { active: 'Active', done: 'Done', stopped: 'Stopped' } as const;

/** Where a job's result is looked at. */
function useOpen(job: Job | undefined): { label: string; run(): void } | null {
  const comparisons = useCall('compare.list', {}).data;
  const finetunes = useCall('finetune.list', {}).data;
  if (!job) return null;
  const params = (job.params ?? {}) as { datasetId?: number; id?: number | string };
  if (job.kind === 'compare') {
    const comparison = comparisons?.find((each) => each.jobId === job.id);
    return comparison ? { label: 'Open in Compare', run: () => go('compare', { comparisonId: comparison.id }) } : null;
  }
  if (job.kind === 'finetune') {
    const run = finetunes?.find((each) => each.jobId === job.id);
    return run ? { label: 'Open in Fine-tune', run: () => go('finetune', { finetuneId: run.id }) } : null;
  }
  if (job.kind === 'download')
    return {
      label: 'Open in Models',
      run: () => go('models', typeof params.id === 'string' ? { modelId: params.id } : {}),
    };
  const datasetId = params.datasetId ?? (typeof params.id === 'number' ? params.id : undefined);
  return datasetId === undefined ? null : { label: 'Open in Data', run: () => go('data', { datasetId }) };
}

type JobTableProps = {
  jobs: Job[];
  selected: number | undefined;
  onSelect(id: number): void;
  onCancel(id: number): void;
  onResume(id: number): void;
};

function JobTable({ jobs, selected, onSelect, onCancel, onResume }: JobTableProps) {
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0 || !(event.target instanceof HTMLElement) || !event.target.matches('.job-name')) return;
    const names = [...event.currentTarget.querySelectorAll<HTMLElement>('.job-name')];
    names[names.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  };
  return (
    <div className="pane scroll grow-down">
      <table className="table sticky jobs" aria-label="Runs">
        <thead>
          <tr>
            <th>status</th>
            <th>what</th>
            <th>progress or result</th>
            <th>began</th>
            <th className="n">took</th>
            <th aria-label="cancel or resume" />
          </tr>
        </thead>
        <tbody onKeyDown={onKeyDown}>
          {jobs.map((job) => (
            <tr key={job.id} aria-selected={job.id === selected} onClick={() => onSelect(job.id)}>
              <td>
                <StatusChip job={job} />
              </td>
              <td>
                <button
                  type="button"
                  className="link job-name"
                  onClick={() => onSelect(job.id)}
                  onFocus={() => onSelect(job.id)}
                >
                  {job.title}
                </button>
                <div className="faint small">{KIND[job.kind]}</div>
              </td>
              <td className="job-progress">
                {isActive(job) ? (
                  <span className="job-standing">
                    <JobProgress job={job} />
                    {progressText(job) === '' && <span className="muted">{job.note}</span>}
                  </span>
                ) : (
                  <span className={job.status === 'failed' ? 'bad' : 'muted'}>{outcome(job)}</span>
                )}
              </td>
              <td className="muted nowrap">{when(job.startedAt ?? job.createdAt)}</td>
              <td className="n nowrap">{tookText(job)}</td>
              <td className="n" {...KEEPS_FOCUS}>
                {isActive(job) && (
                  <Button size="small" onClick={() => onCancel(job.id)}>
                    Cancel
                  </Button>
                )}
                {job.resumable && job.status !== 'running' && job.status !== 'queued' && (
                  <Button size="small" onClick={() => onResume(job.id)}>
                    Resume
                  </Button>
                )}
              </td>
            </tr>
          ))}
          {jobs.length === 0 && (
            <tr>
              <td colSpan={6} className="muted">
                None of that kind.
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

export function StatusChip({ job }: { job: Job }) {
  const { word, sign, tone } = STATUS[job.status];
  return (
    <span className={`chip ${tone}`}>
      <span aria-hidden="true">{sign}</span>
      {word}
    </span>
  );
}
