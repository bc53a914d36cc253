// Downloading a model of the catalog: the button, the line that says from where and how much, and the progress in its place.
import { Download } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Job, ModelInfo } from '../../shared/contract.ts';
import { isActive, useCall, useJobs, useMutationCall } from '../lab.ts';
import { Button } from './controls.tsx';
import { Confirm } from './Dialog.tsx';
import { KEEPS_FOCUS, rescueFocus } from './focus.ts';
import { bytes } from './format.ts';
import { JobProgress } from './JobProgress.tsx';
import { useKeys } from './keys.ts';

const isDownloadOf = (job: Job, id: string) =>
  job.kind === 'download' && (job.params as { id?: string } | null)?.id === id;

/** The last download of a model, running or not. */
export const useDownload = (id: string): Job | undefined => useJobs().find((job) => isDownloadOf(job, id));

export function GetModel({
  model,
  primary = false,
  label = 'Download',
  toldElsewhere = false,
  screen,
}: {
  model: ModelInfo;
  primary?: boolean;
  label?: string;
  /** Why the last download failed is shown by who shows the button. */
  toldElsewhere?: boolean;
  /** The screen on which the keys are this model's: D, and while it comes X and R as on Runs. */
  screen?: string;
}) {
  const [asking, setAsking] = useState(false);
  const job = useDownload(model.id);
  const start = useMutationCall('model.download', () => setAsking(false));
  const resume = useMutationCall('job.resume');
  const cancel = useMutationCall('job.cancel');
  const there = model.installed || model.source !== 'catalog';
  const active = job !== undefined && isActive(job);
  const resumable = !active && job?.resumable === true;
  const keyed = screen !== undefined && !there;
  const key = (letter: string) => (keyed ? { keys: letter } : {});
  const onCancel = () => job && cancel.run({ id: job.id });
  const onResume = () => job && resume.run({ id: job.id });
  useKeys(
    keyed
      ? [
          { keys: 'X', label: 'Cancel the download', group: screen, disabled: !active, run: onCancel },
          {
            keys: 'R',
            label: 'Resume the download',
            group: screen,
            disabled: !resumable || resume.busy,
            run: onResume,
          },
          { keys: 'D', label, group: screen, disabled: active || resumable, run: () => setAsking(true) },
        ]
      : [],
  );
  useEffect(rescueFocus);
  if (there) return null;
  return (
    <>
      <span className={active ? 'row wrap downloading small' : 'row wrap'} {...KEEPS_FOCUS}>
        {active && (
          <>
            <JobProgress job={job} />
            <Button size="small" {...key('X')} onClick={onCancel}>
              Cancel
            </Button>
          </>
        )}
        {resumable && (
          <Button kind={primary ? 'primary' : 'normal'} {...key('R')} disabled={resume.busy} onClick={onResume}>
            Resume
          </Button>
        )}
        {!active && !resumable && (
          <Button
            kind={primary ? 'primary' : 'normal'}
            icon={<Download size={14} />}
            {...key('D')}
            onClick={() => setAsking(true)}
          >
            {label}
          </Button>
        )}
        {job?.status === 'failed' && !toldElsewhere && <span className="bad small">{job.error?.message}</span>}
      </span>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={`Download ${model.name}?`}
        action={`Download ${bytes(model.bytes)}`}
        busy={start.busy}
        error={start.error}
        onConfirm={() => start.run({ id: model.id })}
      >
        <Terms model={model} />
      </Confirm>
    </>
  );
}

/** What is known before a byte is asked for. */
function Terms({ model }: { model: ModelInfo }) {
  const settings = useCall('settings.get', {}).data;
  return (
    <>
      <dl className="facts">
        <dt>From</dt>
        <dd className="path">
          {settings?.hubUrl.replace(/\/$/, '') ?? ''}/{model.repo}
        </dd>
        <dt>Size</dt>
        <dd>{bytes(model.bytes)}</dd>
        <dt>Licence</dt>
        <dd>{model.licence ?? 'not stated'}</dd>
      </dl>
      <p className="muted">
        The only thing sent is the request for these files. It can be cancelled, and goes on where it stopped.
      </p>
    </>
  );
}
