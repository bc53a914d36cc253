// Prompt, mode Captions: class names and templates side by side, and what each word does to accuracy and to single images.
import { Redo2, Undo2 } from 'lucide-react';
import type { Dataset, ModelInfo } from '../../shared/contract.ts';
import { useCall } from '../lab.ts';
import { usable } from '../ui/captions.ts';
import { Button, Empty, ErrorNote } from '../ui/controls.tsx';
import { pickDataset } from '../ui/datasets.ts';
import { GetModel } from '../ui/GetModel.tsx';
import { ImportFirst } from '../ui/ImportFirst.tsx';
import { go, stay, useParams } from '../ui/navigation.ts';
import { Screen } from '../ui/Screen.tsx';
import { useStore } from '../ui/store.ts';
import { CaptionEditor } from './CaptionEditor.tsx';
import { drafts, newDraft, redo, setDraft, undo } from './drafts.ts';
import { TemplatePanel } from './TemplatePanel.tsx';
import { useScore } from './useScore.ts';
import '../charts/charts.css';
import './prompt.css';

/** A labelled dataset with two classes at least: nothing else can be scored. */
const scorable = (dataset: Dataset): boolean => dataset.classes.length > 1 && dataset.state !== 'importing';
const isDual = (model: ModelInfo): boolean => model.installed && model.hasText && model.problem === null;

export function PromptScreen() {
  const params = useParams('prompt');
  const datasets = useCall('dataset.list', {});
  const models = useCall('model.list', {});
  const able = (datasets.data ?? []).filter(scorable);
  const duals = (models.data ?? []).filter(isDual);
  const dataset = pickDataset(able, params.datasetId);
  const model = duals.find((one) => one.id === params.model) ?? duals[0];
  if (dataset && model) {
    return <Captions key={`${dataset.id}`} dataset={dataset} datasets={able} model={model} models={duals} />;
  }
  return (
    <Screen label="Prompt" crumbs={[]}>
      <ErrorNote error={datasets.error ?? models.error} />
      {datasets.data && models.data && (dataset ? <NoModel models={models.data} /> : <NoImages />)}
    </Screen>
  );
}

function NoModel({ models }: { models: ModelInfo[] }) {
  const clip = models.find((one) => /clip.*vit.*b.*32/i.test(one.id) && !one.installed);
  return (
    <Empty
      title="Captions need a model with two sides"
      action={
        <span className="row wrap">
          <Button kind="primary" onClick={() => go('models')}>
            Open Models
          </Button>
          {clip && <GetModel model={clip} label="Get CLIP ViT-B/32" screen="Prompt" />}
        </span>
      }
    >
      Here class names and templates are tried as captions of your images. That needs an image side and a text side
      trained together, as in CLIP, MobileCLIP or SigLIP. None of the models on this machine has both.
    </Empty>
  );
}

const NoImages = () => (
  <ImportFirst title="No labelled images yet">
    Captions are scored on images with labels: a folder with one sub-folder per class is enough.
  </ImportFirst>
);

type CaptionsProps = { dataset: Dataset; datasets: Dataset[]; model: ModelInfo; models: ModelInfo[] };

function Captions({ dataset, datasets, model, models }: CaptionsProps) {
  const draft = useStore(drafts)[dataset.id] ?? newDraft();
  const change = (next: Parameters<typeof setDraft>[1]) => setDraft(dataset.id, next);
  const scored = useScore(dataset, model, draft.now);
  const use = () => go('compare', { fresh: true, datasetId: dataset.id, model: model.id, ...usable(draft.now) });
  return (
    <Screen
      label="Prompt"
      crumbs={[
        { label: dataset.name, onClick: () => go('data', { datasetId: dataset.id }) },
        { label: model.name },
        { label: 'captions' },
      ]}
      actions={[
        {
          label: 'Undo',
          keys: 'Ctrl+Z',
          icon: <Undo2 size={14} />,
          disabled: draft.past.length === 0,
          run: () => change(undo),
        },
        {
          label: 'Redo',
          keys: 'Ctrl+Shift+Z',
          icon: <Redo2 size={14} />,
          disabled: draft.future.length === 0,
          run: () => change(redo),
        },
        {
          label: 'Use in a comparison',
          keys: 'C',
          primary: true,
          disabled: usable(draft.now).templates.length === 0 ? 'There is no template with {} in it.' : undefined,
          run: use,
        },
      ]}
      panelWidth={330}
      panel={<TemplatePanel dataset={dataset} model={model} draft={draft} change={change} scored={scored} />}
    >
      <CaptionEditor
        dataset={dataset}
        datasets={datasets}
        model={model}
        models={models}
        draft={draft}
        change={change}
        scored={scored}
        onChoose={(choice) => stay('prompt', { datasetId: dataset.id, model: model.id, ...choice })}
      />
    </Screen>
  );
}
