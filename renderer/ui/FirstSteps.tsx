// The first minutes: what the lab is doing by itself, and the two ways on: the user's own folder, and a real foundation model.
import { FolderPlus } from 'lucide-react';
import type { Job } from '../../shared/contract.ts';
import { isActive, useCall, useJobs } from '../lab.ts';
import { Button, Empty, ErrorNote } from './controls.tsx';
import { GetModel } from './GetModel.tsx';
import { IMPORTING, useImport } from './importing.ts';
import { JobProgress } from './JobProgress.tsx';

/** The catalog's first choice for a newcomer. */
const isFirstClip = (model: { id: string; name: string }) =>
  /clip.*vit.*b.*32/i.test(model.id) || /^clip vit-b\/32/i.test(model.name);

/** The two buttons, to stand beside or under the demo's chart. */
export function FirstStepButtons() {
  const own = useImport();
  const clip = useCall('model.list', {}).data?.find((model) => isFirstClip(model));
  return (
    <div className="stack">
      <div className="row wrap">
        <Button
          kind="primary"
          icon={<FolderPlus size={14} />}
          disabled={own.busy && IMPORTING}
          onClick={() => own.start({ thenCompare: true })}
        >
          Use your own folder
        </Button>
        {clip && !clip.installed && <GetModel model={clip} label="Get CLIP ViT-B/32" />}
      </div>
      <ErrorNote error={own.error} onClose={own.clear} />
    </div>
  );
}

/** Work on the demo's chart; other work may run as well. */
export const isDemoChart = ({ kind, params }: Pick<Job, 'kind' | 'params'>, demoId: number | undefined): boolean =>
  (kind === 'import' || kind === 'compare') &&
  demoId !== undefined &&
  (params as { datasetId?: number } | null)?.datasetId === demoId;

/** In place of a chart while there is none: the demo's progress if it is being made, and the two buttons. */
export function FirstSteps() {
  const demo = useCall('dataset.list', {}).data?.find((each) => each.demo);
  const jobs = useJobs().filter((job) => isActive(job) && isDemoChart(job, demo?.id));
  const job = jobs.find((each) => each.status === 'running') ?? jobs[0];
  return (
    <Empty
      title={job ? 'The first chart is on its way' : 'How many labels does it take?'}
      action={<FirstStepButtons />}
    >
      {job ? (
        <>
          A small demo, drawn pictures in 12 classes, is compared with hog, a backbone without pretraining. Nothing is
          downloaded.
          <span className="first-progress">
            <JobProgress job={job} />
          </span>
        </>
      ) : (
        'Compare ways of adapting a model to your images: accuracy against labelled images per class, one line per method. A folder with one sub-folder per class is enough.'
      )}
    </Empty>
  );
}
