// What the engine would set where nothing is typed. It alone knows whether a run trains a head or the text side: the form goes by that.
import type { Dataset, ModelInfo, Params } from '../../shared/contract.ts';
import { useCall } from '../lab.ts';
import { encodersSent, type Own, type Plan } from './plan.ts';

type Asked = Params<'finetune.settings'>;
const NOTHING: Asked = { datasetId: 0, model: { id: '' }, method: 'fine-tune' };

/** All that the answer depends on but the images, which can only make a batch smaller. */
const besideImages = ({ model, method, settings }: Asked): string => JSON.stringify([model, method, settings]);

/** Undefined while it is not known; an answer for other images stays until theirs is there, so that no field blinks. */
export function useOwn(plan: Plan, dataset: Dataset | undefined, model: ModelInfo | undefined): Own {
  const { method, shots } = plan;
  const asked: Asked =
    dataset && model
      ? { datasetId: dataset.id, model: { id: model.id }, method, shots, settings: encodersSent(plan, model) }
      : NOTHING;
  return useCall('finetune.settings', asked, {
    enabled: asked !== NOTHING,
    keep: (before) => besideImages(before) === besideImages(asked),
  }).data;
}
