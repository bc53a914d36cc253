// Captions that a run trains against: every class under every template, one drawn for each image of a step (FLYP) or for each class
// (LoRA on both encoders).
import { LabError } from '../../../shared/contract.ts';
import type { FinetuneMethodId, ResolvedSettings } from '../../../shared/finetune.ts';
import { randomOf } from '../../../shared/protocol.ts';
import { captionsFor } from '../../../shared/templates.ts';
import type { CaptionSpec } from '../training/caption-classifier.ts';
import { againstOf } from './recipes.ts';
import type { Backbone } from './setup.ts';

type Classes = { names: readonly string[]; templates: readonly string[] };

/**
 * The captions as ids, all of one length; null for runs that train no text tower. `control`: those of a control set, told apart
 * by the trained text tower too. Throws `unsupported` where the feature shares no space with captions.
 */
export async function captionsOf(
  { method, settings }: { method: FinetuneMethodId; settings: ResolvedSettings },
  { name, folder, embedder }: Pick<Backbone, 'name' | 'folder' | 'embedder'>,
  own: Classes,
  control: Classes | null = null,
): Promise<CaptionSpec | null> {
  const against = againstOf(method, settings);
  if (!against) return null;
  const { text } = folder;
  if (!text || !embedder.tokens) throw withoutCaptions({ name, folder, embedder }, NEED[against]);
  const captions = [own, control].flatMap(
    (set) => set?.names.flatMap((className) => captionsFor(set.templates, className)) ?? [],
  );
  const { ids, mask, length } = await embedder.tokens(captions);
  const setOf = ({ names, templates }: Classes, from: number) => ({
    from,
    classes: names.length,
    templates: templates.length,
  });
  const first = own.names.length * own.templates.length;
  return {
    against,
    file: text.file,
    output: text.output,
    ids,
    mask,
    length,
    sets: { own: setOf(own, 0), control: control && setOf(control, first) },
  };
}

/** What a run that trains the text tower does with captions. */
export const NEED: Record<CaptionSpec['against'], string> = {
  batch: 'FLYP trains images against captions',
  classes: 'LoRA on both encoders tells images apart by captions',
};

/** Why what needs captions cannot go with a model (or this output of it), and the way out. */
export function withoutCaptions(
  { name, folder, embedder }: Pick<Backbone, 'name' | 'folder' | 'embedder'>,
  need: string,
): LabError {
  const reason = folder.text
    ? `${embedder.output} of ${name} is not in one space with them. Choose the output ${folder.text.shared}.`
    : `${name} has no text side. Choose a CLIP-like model, or another method.`;
  return new LabError('unsupported', `${need}, and ${reason}`);
}

/** Apart from the streams that shuffle epochs and draw items. */
const DRAWS = 0x40000000;

/** The row of one caption of each class, its template drawn by (seed, step): what the images of a step are told apart by. */
export function captionOfEach({ sets }: Pick<CaptionSpec, 'sets'>, seed: number, step: number): Int32Array {
  const { from, classes, templates } = sets.own;
  const random = randomOf(seed, DRAWS + step);
  return Int32Array.from({ length: classes }, (_, c) => from + c * templates + Math.floor(random() * templates));
}

/**
 * What the images of one step are contrasted with. `captions` [batch]: the row of each image's caption, its template drawn by (seed,
 * step). `targets` [batch, batch]: image i belongs to the caption of every image of its class alike, rows summing to 1, less
 * `smoothing`. FLYP's own training takes other images of the same class for negatives (their loss has this form as an option): with
 * few classes most of a batch would be pushed away from its own class.
 */
export function againstCaptions(
  { sets }: Pick<CaptionSpec, 'sets'>,
  labels: Int32Array,
  { seed, step, smoothing }: { seed: number; step: number; smoothing: number },
): { captions: Int32Array; targets: Float32Array } {
  const { from, templates } = sets.own;
  const random = randomOf(seed, DRAWS + step);
  const captions = labels.map((label) => from + label * templates + Math.floor(random() * templates));
  const batch = labels.length;
  const targets = new Float32Array(batch * batch).fill(smoothing / batch);
  for (let i = 0; i < batch; i++) {
    const alike = labels.reduce((n, label) => n + (label === labels[i] ? 1 : 0), 0);
    for (let j = 0; j < batch; j++) if (labels[j] === labels[i]) targets[i * batch + j]! += (1 - smoothing) / alike;
  }
  return { captions, targets };
}
