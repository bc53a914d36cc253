// The bottom line: the running job with rate, time left and cancel; the device; the memory.
import { isActive, useCall, useJobs, useLine, useMutationCall } from '../lab.ts';
import { bytes } from './format.ts';
import { JobProgress } from './JobProgress.tsx';
import { go } from './navigation.ts';

export function StatusLine() {
  const lost = useLine().status === 'lost';
  const active = useJobs().filter(isActive);
  const job = active.find((each) => each.status === 'running') ?? active.at(-1);
  const cancel = useMutationCall('job.cancel');
  const others = active.length - 1;
  // What was running when the engine died does not run on, and nothing is known of the machine.
  if (lost)
    return (
      <footer className="status">
        <span className="clip">The engine is not running{job && ` · stopped with it: ${job.title}`}</span>
      </footer>
    );
  return (
    <footer className="status">
      {job ? (
        <>
          <span className="clip">
            {VERBS[job.kind]} {job.title}
            {job.note && <span className="faint"> · {job.note}</span>}
          </span>
          <JobProgress job={job} />
          <button type="button" disabled={cancel.busy} onClick={() => cancel.run({ id: job.id })}>
            Cancel
          </button>
          {others > 0 && (
            <button type="button" onClick={() => go('runs', {})}>
              {others} more
            </button>
          )}
        </>
      ) : (
        <span>Ready</span>
      )}
      <span className="spacer" />
      <Machine />
    </footer>
  );
}

const VERBS = {
  import: 'Importing',
  rescan: 'Re-scanning',
  verify: 'Checking',
  embed: 'Embedding',
  compare: 'Comparing',
  finetune: 'Fine-tuning',
  download: 'Downloading',
} as const;

const autoText = (device: string | null) => (device === null ? 'device: auto' : `${device} (auto)`);

function Machine() {
  const info = useCall('app.info', {}, { every: 5000 }).data;
  const settings = useCall('settings.get', {}).data;
  if (!info || !settings) return null;
  const threads = settings.threads || info.cpus;
  return (
    <>
      <span title="Device for models, and threads">
        {settings.device === 'auto' ? autoText(info.autoDevice) : settings.device}, {threads}{' '}
        {threads === 1 ? 'thread' : 'threads'}
      </span>
      <span title="Memory of the engine">{bytes(info.memory)}</span>
    </>
  );
}
