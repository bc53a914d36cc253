// The less usual choices of a comparison: captions, how k-NN votes, what to do with leaks, the device.
import type { Dataset, ModelInfo } from '../../shared/contract.ts';
import { CaptionFields } from '../ui/CaptionFields.tsx';
import { Labelled, Select } from '../ui/controls.tsx';
import { Fold, LeaksField, MachineFields } from '../ui/fields.tsx';
import type { Choice } from './choice.ts';

type Props = { dataset: Dataset; models: ModelInfo[]; choice: Choice; onChange(part: Partial<Choice>): void };

export function Advanced({ dataset, models, choice, onChange }: Props) {
  const texts = models.some((model) => model.hasText);
  const filled = choice.templates.length > 0 || Object.keys(choice.classNames).length > 0;
  return (
    <Fold summary="More: captions, k-NN, device" filled={filled}>
      {texts ? (
        <CaptionFields dataset={dataset} captions={choice} onChange={onChange} />
      ) : (
        <p className="muted">Captions are asked for when a model with a text side is chosen.</p>
      )}
      <div className="row wrap fields-line">
        <Labelled label="k-NN vote">
          <Select
            label="k-NN vote"
            value={choice.knnVote}
            options={[
              { value: 'similarity', label: 'by similarity, exp(sim / 0.07)' },
              { value: 'majority', label: 'majority' },
            ]}
            onValue={(knnVote) => onChange({ knnVote })}
          />
        </Labelled>
        <Labelled label="k-NN search">
          <Select
            label="k-NN search"
            value={choice.knnIndex}
            options={[
              { value: 'auto', label: 'automatic', note: 'HNSW above 100,000' },
              { value: 'exact', label: 'exact' },
              { value: 'hnsw', label: 'HNSW index' },
            ]}
            onValue={(knnIndex) => onChange({ knnIndex })}
          />
        </Labelled>
        <MachineFields device={choice.device} threads={choice.threads} onChange={onChange} />
      </div>
      <LeaksField dataset={dataset} checked={choice.keepLeaks} onChecked={(keepLeaks) => onChange({ keepLeaks })} />
    </Fold>
  );
}
