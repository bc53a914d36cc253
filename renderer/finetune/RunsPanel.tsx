// Every run of fine-tuning with its figures: open one, delete it.
import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import { percent } from '../../shared/chart/words.ts';
import type { FinetuneInfo } from '../../shared/finetune.ts';
import { useJobs, useMutationCall } from '../lab.ts';
import { IconButton } from '../ui/controls.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { when } from '../ui/format.ts';
import { MethodMark } from '../ui/MethodMark.tsx';
import { stay } from '../ui/navigation.ts';
import { asked, isLive, runName, standing } from './run.ts';

export function RunsPanel({ info, runs }: { info: FinetuneInfo; runs: FinetuneInfo[] }) {
  const jobs = useJobs();
  const [asking, setAsking] = useState<FinetuneInfo | null>(null);
  const remove = useMutationCall('finetune.delete', () => setAsking(null));
  return (
    <>
      <ul className="finetune-runs" aria-label="All runs, newest first">
        {runs.map((run) => {
          const job = jobs.find((each) => each.id === run.jobId);
          return (
            <li key={run.id} className={run.id === info.id ? 'row shown' : 'row'}>
              <button
                type="button"
                className="run-open"
                aria-current={run.id === info.id}
                onClick={() => stay('finetune', { finetuneId: run.id })}
              >
                <span className="row strong">
                  <MethodMark method={run.method} />
                  <span className="clip">
                    {runName(run)} · {run.datasetName}
                  </span>
                  <span className="spacer" />
                  <span className="num">{run.accuracy === null ? '' : `${percent(run.accuracy)} %`}</span>
                </span>
                <span className="clip muted small">
                  {run.model} · {asked(run)}
                </span>
                <span className="clip muted small num">
                  {[
                    when(run.createdAt),
                    standing(run, job),
                    run.saved.length > 0 ? `saved as ${run.saved.join(', ')}` : '',
                  ]
                    .filter(Boolean)
                    .join(' · ')}
                </span>
              </button>
              <IconButton
                label={isLive(job?.status) ? 'Cancel it before deleting it' : `Delete ${runName(run)}`}
                icon={<Trash2 size={14} />}
                disabled={isLive(job?.status)}
                onClick={() => setAsking(run)}
              />
            </li>
          );
        })}
      </ul>
      <Confirm
        open={asking !== null}
        onClose={() => setAsking(null)}
        title={asking ? `Delete ${runName(asking)}?` : ''}
        action="Delete"
        danger
        busy={remove.busy}
        error={remove.error}
        onConfirm={() => asking && remove.run({ id: asking.id })}
      >
        Its trained weights, curves and figures go. Images, and models saved from it, stay.
      </Confirm>
    </>
  );
}
