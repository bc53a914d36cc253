// Downloading a model of the catalog: the button, the line that says from where and how much, and the progress in its place.
import { Download } from 'lucide-react';
import { useState } from 'react';
import type { Job, ModelInfo } from '../../shared/contract.ts';
import { isActive, useCall, useJobs, useMutationCall } from '../lab.ts';
import { Button } from './controls.tsx';
import { Confirm } from './Dialog.tsx';
import { bytes } from './format.ts';
import { JobProgress } from './JobProgress.tsx';

const isDownloadOf = (job: Job, id: string) =>
  job.kind === 'download' && (job.params as { id?: string } | null)?.id === id;

/** The last download of a model, running or not. */
export const useDownload = (id: string): Job | undefined => useJobs().find((job) => isDownloadOf(job, id));

export function GetModel({
  model,
  primary = false,
  label = 'Download',
  toldElsewhere = false,
}: {
  model: ModelInfo;
  primary?: boolean;
  label?: string;
  /** Why the last download failed is shown by who shows the button. */
  toldElsewhere?: boolean;
}) {
  const [asking, setAsking] = useState(false);
  const job = useDownload(model.id);
  const settings = useCall('settings.get', {}).data;
  const start = useMutationCall('model.download', () => setAsking(false));
  const resume = useMutationCall('job.resume');
  const cancel = useMutationCall('job.cancel');
  if (model.installed || model.source !== 'catalog') return null;
  if (job && isActive(job)) {
    return (
      <span className="row wrap downloading small">
        <JobProgress job={job} />
        <Button size="small" onClick={() => cancel.run({ id: job.id })}>
          Cancel
        </Button>
      </span>
    );
  }
  return (
    <>
      <span className="row wrap">
        {job?.resumable ? (
          <Button
            kind={primary ? 'primary' : 'normal'}
            disabled={resume.busy}
            onClick={() => resume.run({ id: job.id })}
          >
            Resume
          </Button>
        ) : (
          <Button kind={primary ? 'primary' : 'normal'} icon={<Download size={14} />} onClick={() => setAsking(true)}>
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
      </Confirm>
    </>
  );
}
