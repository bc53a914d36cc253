// The accuracy of the captions now, against where they started; or what has to happen first.
import { useEffect } from 'react';
import { percent, points } from '../../shared/chart/words.ts';
import { type Dataset, LabError, type ModelInfo } from '../../shared/contract.ts';
import { isActive, useJobs, useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Note } from '../ui/controls.tsx';
import { count } from '../ui/format.ts';
import { JobProgress } from '../ui/JobProgress.tsx';
import { useKeys } from '../ui/keys.ts';
import type { Scored } from './useScore.ts';

type Props = { dataset: Dataset; model: ModelInfo; scored: Scored };

export function Headline({ dataset, model, scored }: Props) {
  const { score, start, split, old, error } = scored;
  if (error instanceof LabError && error.code === 'conflict') {
    return <EmbedFirst dataset={dataset} model={model} error={error} again={scored.again} />;
  }
  const delta = score && start ? score.accuracy - start.accuracy : null;
  const right = score ? Math.round(score.accuracy * score.items) : 0;
  return (
    <section className="pane headline" aria-live="polite" aria-busy={old}>
      <ErrorNote error={error} retry={scored.again} />
      {!error && (
        <>
          <span className="accuracy-now num">{score ? percent(score.accuracy) : '–'} %</span>
          {delta !== null && (
            <span className={deltaClass(delta)}>
              {delta === 0 ? 'as at the start' : `${points(delta)} points against the start`}
            </span>
          )}
          <span className="muted scoring">{old ? 'scoring …' : scored.loading ? 'loading the model …' : ''}</span>
          <span className="spacer" />
          <span className="muted num">
            {score && `${count(right)} of ${count(score.items)} ${split === 'train' ? 'train ' : ''}images right`}
          </span>
        </>
      )}
    </section>
  );
}

const deltaClass = (delta: number): string => (delta === 0 ? 'chip num' : delta > 0 ? 'chip num good' : 'chip num bad');

function EmbedFirst({
  dataset,
  model,
  error,
  again,
}: {
  dataset: Dataset;
  model: ModelInfo;
  error: Error;
  again(): void;
}) {
  const start = useMutationCall('embed.start');
  const cancel = useMutationCall('job.cancel');
  const resume = useMutationCall('job.resume');
  const job = useJobs().find(
    (each) =>
      each.kind === 'embed' &&
      (each.params as { datasetId?: number; model?: string }).datasetId === dataset.id &&
      (each.params as { model?: string }).model === model.id,
  );
  const running = job && isActive(job) ? job : null;
  const paused = running?.status === 'paused';
  const done = job?.status === 'done' ? job.id : null;
  const embed = () => start.run({ datasetId: dataset.id, model: model.id });
  const stop = () => running && cancel.run({ id: running.id });
  const goOn = () => running && resume.run({ id: running.id });
  useKeys([
    { keys: 'E', label: 'Embed the images', group: 'Prompt', disabled: running !== null || start.busy, run: embed },
    { keys: 'X', label: 'Cancel the embedding', group: 'Prompt', disabled: running === null, run: stop },
    { keys: 'R', label: 'Resume the embedding', group: 'Prompt', disabled: !paused || resume.busy, run: goOn },
  ]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once per job that ends, whatever `again` is then.
  useEffect(() => {
    if (done !== null) again();
  }, [done]);
  return (
    <>
      <Note
        actions={
          running ? (
            <>
              <Button size="small" keys="X" onClick={stop}>
                Cancel
              </Button>
              {paused && (
                <Button size="small" kind="primary" keys="R" disabled={resume.busy} onClick={goOn}>
                  Resume
                </Button>
              )}
            </>
          ) : (
            <Button kind="primary" keys="E" disabled={start.busy} onClick={embed}>
              Embed {dataset.name}
            </Button>
          )
        }
      >
        {running ? (
          <span className="row">
            <JobProgress job={running} />
            {running.error?.message}
          </span>
        ) : (
          error.message
        )}
      </Note>
      {job?.status === 'failed' && !running && (
        <ErrorNote error={new Error(job.error?.message ?? 'Embedding failed.')} />
      )}
      <ErrorNote error={start.error ?? cancel.error ?? resume.error} />
    </>
  );
}
