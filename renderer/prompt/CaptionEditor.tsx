// The middle of Prompt: accuracy on top, class names and templates side by side, chosen images under them.
import type { Dataset, ModelInfo } from '../../shared/contract.ts';
import { Select } from '../ui/controls.tsx';
import { DatasetSelect } from '../ui/fields.tsx';
import { ClassNames } from './ClassNames.tsx';
import type { Draft } from './drafts.ts';
import { Headline } from './Headline.tsx';
import { ImageStrip } from './ImageStrip.tsx';
import { Templates } from './Templates.tsx';
import type { Scored } from './useScore.ts';

type Props = {
  dataset: Dataset;
  datasets: Dataset[];
  model: ModelInfo;
  models: ModelInfo[];
  draft: Draft;
  change(next: (before: Draft) => Draft): void;
  scored: Scored;
  onChoose(choice: { datasetId?: number; model?: string }): void;
};

export function CaptionEditor({ dataset, datasets, model, models, draft, change, scored, onChoose }: Props) {
  return (
    <>
      <div className="row wrap">
        <DatasetSelect datasets={datasets} dataset={dataset} onValue={(datasetId) => onChoose({ datasetId })} />
        <Select
          label="Model"
          value={model.id}
          options={models.map((one) => ({ value: one.id, label: one.name }))}
          onValue={(value) => onChoose({ model: value })}
        />
        <span className="spacer" />
        <span className="muted">
          {scored.split === 'train'
            ? 'Scored on train, so that the test stays untouched.'
            : 'No train split here: scored on all labelled images.'}
        </span>
      </div>
      <Headline dataset={dataset} model={model} scored={scored} />
      <div className="caption-columns">
        <ClassNames dataset={dataset} draft={draft} change={change} scored={scored} />
        <Templates draft={draft} change={change} />
      </div>
      <ImageStrip scored={scored} />
    </>
  );
}
