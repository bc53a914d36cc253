// Fine-tune: change a model's own weights to fit your images, and see what that gains and what it costs. One run at a time, or the form.
import { isActive, useCall, useJobs } from '../lab.ts';
import { trainable } from '../ui/applies.ts';
import { Button, Empty, ErrorNote } from '../ui/controls.tsx';
import { ImportFirst } from '../ui/ImportFirst.tsx';
import { go, stay, useParams } from '../ui/navigation.ts';
import { useShownRun } from '../ui/RunList.tsx';
import { Screen } from '../ui/Screen.tsx';
import { NewRun } from './NewRun.tsx';
import { RunView } from './RunView.tsx';
import './finetune.css';

export function FinetuneScreen() {
  const params = useParams('finetune');
  const list = useCall('finetune.list', {});
  const runs = list.data;
  const info = useShownRun(list, params.finetuneId);
  if (params.fresh) return <NewRun />;
  if (runs && info && info !== 'coming') return <RunView key={info.id} info={info} runs={runs} />;
  return <Beginning error={list.error} known={runs !== undefined && !info} />;
}

/** What will be here, and the one next step: images, a model, or the form. */
function Beginning({ error, known }: { error: Error | null; known: boolean }) {
  const datasets = useCall('dataset.list', {}).data;
  const models = useCall('model.list', {}).data;
  const importing = useJobs().some((job) => job.kind === 'import' && isActive(job));
  const ready = datasets?.some((one) => one.classes.length > 1) && models?.some(trainable);
  const begin = () => stay('finetune', { fresh: true });
  return (
    <Screen
      label="Fine-tune"
      crumbs={[]}
      actions={[
        {
          label: 'New run',
          keys: 'N',
          primary: true,
          disabled: ready ? false : 'It needs labelled images and a model with weights.',
          run: begin,
        },
      ]}
    >
      <ErrorNote error={error} />
      {known && datasets && models && (
        <>
          {datasets.length === 0 && !importing && <NoImages />}
          {datasets.length > 0 && !models.some(trainable) && <NoModel />}
          {(ready || importing) && (
            <Empty
              title="Nothing was trained yet"
              action={
                <Button kind="primary" disabled={!ready} onClick={begin}>
                  New run
                </Button>
              }
            >
              A run trains a model’s own weights on your images, and says what that gained on yours and cost elsewhere.
              What it takes in time and memory is measured first.
            </Empty>
          )}
        </>
      )}
    </Screen>
  );
}

export const NoImages = () => (
  <ImportFirst>Fine-tuning needs images with labels: a folder with one sub-folder per class is enough.</ImportFirst>
);

export function NoModel() {
  return (
    <Empty
      title="No model to train yet"
      action={
        <Button kind="primary" onClick={() => go('models')}>
          Get a model
        </Button>
      }
    >
      hog, the backbone that is here, computes gradients and colours: it has no weights to train. A CLIP, ViT or ResNet
      as ONNX has.
    </Empty>
  );
}
