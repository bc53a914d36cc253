// Which methods a model can be adapted by, and why not the others: captions need a text side, training needs weights.
import { METHOD_STYLES } from '../../shared/chart/style.ts';
import { listed } from '../../shared/chart/words.ts';
import type { ModelInfo } from '../../shared/contract.ts';
import { TRAINED_METHOD_IDS } from '../../shared/finetune.ts';
import type { MethodId } from '../../shared/report.ts';

const WITH_CAPTIONS: readonly MethodId[] = ['zero-shot', 'zs-probe', 'clap', 'flyp'];
export const isCaptioned = (method: MethodId): boolean => WITH_CAPTIONS.includes(method);
export const isTrained = (method: MethodId): boolean => (TRAINED_METHOD_IDS as readonly MethodId[]).includes(method);

/** A method needs captions, or weights that can be trained; what the model lacks for it, or null. */
export function lacks(method: MethodId, model: ModelInfo): 'text' | 'weights' | null {
  if (isCaptioned(method) && !model.hasText) return 'text';
  return isTrained(method) && model.family === 'hog' ? 'weights' : null;
}

/** Why methods cannot be used on these models; null when each can, on one of them at least. */
export function whyNone(methods: readonly MethodId[], models: readonly ModelInfo[]): string | null {
  const without = methods.filter((method) => models.length > 0 && models.every((model) => lacks(method, model)));
  if (without.length === 0) return null;
  // FLYP needs both: what it lacks first is told.
  const captions = without.filter((method) => models.every((model) => lacks(method, model) === 'text'));
  const weights = without.filter((method) => !captions.includes(method));
  const names = (of: readonly MethodId[]) => listed(of.map((method) => METHOD_STYLES[method].name));
  const of = listed(models.map((model) => model.name));
  const has = models.length > 1 ? 'have' : 'has';
  const [compare, them] = captions.length > 1 ? ['compare', 'them'] : ['compares', 'it'];
  return [
    captions.length > 0 &&
      `${names(captions)} ${compare} images with captions, and ${of} ${has} no text side. Choose a CLIP-like model for ${them}.`,
    weights.length > 0 && `${names(weights)}: ${of} ${has} no weights to train. Get a model under Models.`,
  ]
    .filter((sentence) => sentence !== false)
    .join(' ');
}
export const whyNot = (method: MethodId, models: readonly ModelInfo[]): string | null => whyNone([method], models);

/** Its encoder has weights that can be fine-tuned on images. */
export const trainable = (model: ModelInfo): boolean =>
  model.installed && (model.family === 'dual' || model.family === 'vision');
