// The control set of a run: other images whose classes the model could tell apart before. By captions where it has a text side,
// else by its own classes.
import type { ControlResult, FinetuneParams } from '../../../shared/finetune.ts';
import { randomOf, shuffle } from '../../../shared/protocol.ts';
import { className, DEFAULT_TEMPLATES } from '../../../shared/templates.ts';
import type { Engine } from '../context.ts';
import { ensureOnline } from '../datasets/roots.ts';
import { classNames, datasetItems, getDataset } from '../datasets/store.ts';
import { classTextFeatures } from '../models/text-features.ts';
import { gatherRows } from '../numeric/matrix.ts';
import { accuracyByCaptions, accuracyByOwnClasses, matchLabels } from './control.ts';
import type { Tested } from './judge.ts';
import type { Trained } from './run.ts';
import type { Backbone, Ground } from './setup.ts';

export type Control = {
  about: Omit<ControlResult, 'before' | 'after'>;
  /** What its classes are called, where they are told apart by captions. */
  words: { names: string[]; templates: string[] } | null;
  /** Accuracy with the weights that are in the run's thread. */
  measure(trained: Trained, tested: Tested): Promise<number>;
};

/** The output with the model's own classes, by which a control set is told apart where there are no captions. */
export const ownClasses = ({ folder, embedder }: Backbone): string | null =>
  !embedder.text && folder.labels && folder.vision?.header.outputs.some(({ name }) => name === 'logits')
    ? 'logits'
    : null;

/** More would cost more than they tell: 500 give a standard error of two points at most. */
export const MOST_ITEMS = 500;

const readable = (truth: readonly number[], failures: ReadonlyMap<number, string>) =>
  Int32Array.from(truth.keys()).filter((i) => !failures.has(i));
const of = (truth: readonly number[], good: Int32Array) => Array.from(good, (i) => truth[i]!);

/** A reason in words where the model cannot tell these classes apart at all. Throws when the dataset is gone. */
export async function openControl(
  engine: Engine,
  { backbone }: Ground,
  control: NonNullable<FinetuneParams['control']>,
  templates: string[],
  signal: AbortSignal,
): Promise<Control | { problem: string }> {
  await ensureOnline(engine, control.datasetId);
  const dataset = getDataset(engine.db, control.datasetId);
  const own = classNames(engine.db, control.datasetId);
  const labels = control.labels.length > 0 ? control.labels : own.map(className);
  if (control.labels.length > 0 && control.labels.length !== own.length)
    return {
      problem: `${dataset.name} has ${own.length} classes (${own.join(', ')}), but ${control.labels.length} names were given for them.`,
    };
  const all = datasetItems(engine.db, control.datasetId, { keepLeaks: true }).items.filter((item) => item.label >= 0);
  const order = shuffle(Int32Array.from(all.keys()), randomOf(0, 11)).subarray(0, MOST_ITEMS);
  const items = Array.from(order, (i) => all[i]!);
  if (items.length === 0) return { problem: `${dataset.name} has no labelled images.` };
  const files = items.map((item) => item.file);
  const truth = items.map((item) => item.label);
  const { embedder } = backbone;
  if (embedder.text) {
    const words = { names: labels, templates: templates.length > 0 ? templates : [...DEFAULT_TEMPLATES] };
    const before = await classTextFeatures(embedder, labels, words.templates, signal);
    return {
      words,
      about: { name: dataset.name, items: items.length, classes: labels.length, by: 'captions' },
      async measure(trained, tested) {
        const { features, failures } = await trained.predictFiles(files, tested);
        const text = trained.classFeatures ? await trained.classFeatures('control') : before;
        const good = readable(truth, failures);
        return accuracyByCaptions(gatherRows(features, embedder.dim, good), text, embedder.dim, of(truth, good));
      },
    };
  }
  const known = backbone.folder.labels;
  if (!known || !ownClasses(backbone))
    return {
      problem: `${backbone.name} has no text side and names no classes of its own, so it cannot tell the control set's classes apart without training.`,
    };
  const match = matchLabels(labels, known);
  if (typeof match === 'string') return { problem: match };
  return {
    words: null,
    about: { name: dataset.name, items: items.length, classes: match.classes.length, by: 'own-classes' },
    async measure(trained, tested) {
      const { own: logits, failures } = await trained.predictFiles(files, tested);
      if (!logits) throw new Error('The run gives no logits over the model’s own classes.');
      const good = readable(truth, failures);
      const rows = gatherRows(logits, logits.length / truth.length, good);
      return accuracyByOwnClasses(rows, match, of(truth, good)).accuracy;
    },
  };
}
