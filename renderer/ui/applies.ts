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
  const captions = without.filter(isCaptioned);
  const names = (of: readonly MethodId[]) => listed(of.map((method) => METHOD_STYLES[method].name));
  const of = listed(models.map((model) => model.name));
  if (captions.length > 0)
    return `${names(captions)} ${captions.length > 1 ? 'compare' : 'compares'} images with captions, and ${of} ${models.length > 1 ? 'have' : 'has'} no text side. Choose a CLIP-like model for ${captions.length > 1 ? 'them' : 'it'}.`;
  if (without.length > 0) return `${names(without)}: ${of} has no weights to train. Get a model under Models.`;
  return null;
}
export const whyNot = (method: MethodId, models: readonly ModelInfo[]): string | null => whyNone([method], models);

/** Its encoder has weights that can be fine-tuned on images. */
export const trainable = (model: ModelInfo): boolean =>
  model.installed && (model.family === 'dual' || model.family === 'vision');
