// Every run of fine-tuning with its figures: open one, delete it.
import { percent } from '../../shared/chart/words.ts';
import type { FinetuneInfo } from '../../shared/finetune.ts';
import { isActive, useJobs } from '../lab.ts';
import { runName, when } from '../ui/format.ts';
import { MethodMark } from '../ui/MethodMark.tsx';
import { stay } from '../ui/navigation.ts';
import { RunList } from '../ui/RunList.tsx';
import { asked, standing } from './run.ts';

export function RunsPanel({ info, runs }: { info: FinetuneInfo; runs: FinetuneInfo[] }) {
  const jobs = useJobs();
  const jobOf = (run: FinetuneInfo) => jobs.find((each) => each.id === run.jobId);
  return (
    <RunList<FinetuneInfo>
      label="All runs"
      runs={runs}
      shown={info.id}
      onOpen={(run) => stay('finetune', { finetuneId: run.id })}
      remove="finetune.delete"
      isActive={(run) => isActive(jobOf(run))}
      lines={(run) => ({
        title: (
          <>
            <MethodMark method={run.method} />
            <span className="clip">
              {runName(run)} · {run.datasetName}
            </span>
            <span className="spacer" />
            <span className="num">{run.accuracy === null ? '' : `${percent(run.accuracy)} %`}</span>
          </>
        ),
        about: `${run.model} · ${asked(run)}`,
        state: [
          when(run.createdAt),
          standing(run, jobOf(run)),
          run.saved.length > 0 ? `saved as ${run.saved.join(', ')}` : '',
        ]
          .filter(Boolean)
          .join(' · '),
      })}
      loses={() => 'Its trained weights, curves and figures go. Images, and models saved from it, stay.'}
    />
  );
}
