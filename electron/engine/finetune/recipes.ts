// What each way of fine-tuning trains, and with which settings unless the user says otherwise.
// Sources: LoRA, CLIP-LoRA (github.com/MaxZanella/CLIP-LoRA) in all but its length: 500 steps a shot take hours without a GPU, so that
// they are there to be asked for (stepsPerShot); biases, BitFit (arXiv 2106.10199) with the norms; LP-FT (arXiv 2202.10054); FLYP
// (arXiv 2212.00638). The rest were chosen on flowers12 and cifar10-mini (README, Figures).
import { LabError } from '../../../shared/contract.ts';
import type {
  FinetuneMethodId,
  FinetuneSettings,
  ResolvedSettings,
  TrainedMethodId,
} from '../../../shared/finetune.ts';
import type { CaptionSpec } from '../training/caption-classifier.ts';
import type { Mode } from '../training/trainable.ts';

/** Transformers take a tenth of the rate that convolutions take. */
export type Family = 'transformer' | 'convolution';

type Recipe = { name: string; lr: Record<Family, number>; own?: Partial<ResolvedSettings> };

const COMMON: Omit<ResolvedSettings, 'lr' | 'headLr' | 'microBatch'> = {
  epochs: 20,
  batch: 16,
  weightDecay: 0.01,
  warmup: 0.1,
  clip: 1,
  ema: 0,
  smoothing: 0,
  blockRate: 1,
  augment: 'crop',
  patience: 0,
};
/** A convolution's large early feature maps of a few images stay in the cache: 58 ms an image in fours, 77 in sixteens (MobileNetV2, 2 cores). */
const CACHED = 4;
const HEAD_LR: Record<Family, number> = { transformer: 1e-4, convolution: 3e-4 };

const RECIPES: Record<TrainedMethodId, Recipe> = {
  'fine-tune': { name: 'Fine-tune', lr: { transformer: 1e-5, convolution: 2e-4 } },
  'last-blocks': { name: 'Last blocks', lr: { transformer: 3e-5, convolution: 3e-4 }, own: { blocks: 2 } },
  lora: {
    name: 'LoRA',
    lr: { transformer: 2e-4, convolution: 1e-3 },
    own: { rank: 2, alpha: 1, targets: ['q', 'k', 'v'], dropout: 0.25, encoders: 'both', batch: 32, warmup: 0 },
  },
  biases: { name: 'Norms and biases', lr: { transformer: 5e-4, convolution: 1e-3 } },
  'lp-ft': { name: 'Probe, then fine-tune', lr: { transformer: 5e-6, convolution: 1e-4 } },
  flyp: { name: 'FLYP', lr: { transformer: 1e-5, convolution: 1e-5 } },
};

/** LoRA of convolutions, which have no q, k and v: their 1x1 products are what low rank can change. */
const POINTWISE: Partial<ResolvedSettings> = {
  targets: ['all'],
  rank: 8,
  alpha: 8,
  dropout: 0,
  encoders: 'vision',
  batch: COMMON.batch,
  warmup: COMMON.warmup,
};

const OF_ONE_METHOD = ['blocks', 'rank', 'alpha', 'targets', 'dropout', 'encoders'];

export const isTrained = (method: FinetuneMethodId): method is TrainedMethodId => method in RECIPES;

/** What a run's settings depend on beside what was asked. */
export type SettingsFor = {
  family: Family;
  /** How many the run trains on; a batch is never larger. */
  items: number;
  classes: number;
  /** Images the model takes at once, where its file says. */
  fixed?: number | null;
  /** Whether the model has a text tower, and the feature shares a space with it. */
  captions?: boolean;
};

/**
 * Throws `bad-request` for FLYP in micro-batches, whose loss compares every image of a batch with every caption of it, and for epochs
 * and steps at once.
 */
export function resolveSettings(
  method: FinetuneMethodId,
  asked: FinetuneSettings,
  { family, items, classes, fixed = null, captions = false }: SettingsFor,
): ResolvedSettings {
  const recipe: Recipe = isTrained(method)
    ? RECIPES[method]
    : { name: method, lr: { transformer: 1e-5, convolution: 1e-5 } };
  const own = recipe.own ?? {};
  // a convolution has no q, k and v: its 1x1 products are what low rank can change
  const pointwise = family === 'convolution' && own.targets ? POINTWISE : {};
  const { stepsPerShot, ...given } = asked;
  const lr = given.lr ?? recipe.lr[family];
  const merged = {
    ...COMMON,
    ...own,
    ...pointwise,
    ...(captions ? {} : { encoders: 'vision' as const }),
    headLr: HEAD_LR[family],
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    lr,
  };
  const wanted = Math.max(1, Math.min(merged.batch, items));
  const batch = fixed ? Math.max(1, Math.round(wanted / fixed)) * fixed : wanted;
  if (stepsPerShot !== undefined) {
    if (asked.epochs !== undefined)
      throw new LabError('bad-request', 'Epochs and steps per shot both say how long a run is. Give one of them.');
    merged.epochs = Math.max(1, Math.round((stepsPerShot * items) / classes / Math.ceil(items / batch)));
  }
  const textToo = againstOf(method, merged) !== null;
  const atOnce = family === 'convolution' && !textToo ? CACHED : batch;
  const micro = fixed ?? Math.min(asked.microBatch ?? atOnce, batch);
  if (method === 'flyp') checkContrastive(batch, micro);
  const kept = Object.keys(own);
  const applies = ([name, value]: [string, unknown]) => {
    if (name === 'recompute') return value === true;
    if (name === 'headLr') return !textToo;
    return !OF_ONE_METHOD.includes(name) || kept.includes(name);
  };
  // a micro-batch divides the batch
  const divisor = Array.from({ length: micro }, (_, i) => micro - i).find((n) => batch % n === 0)!;
  return {
    ...(Object.fromEntries(Object.entries(merged).filter(applies)) as ResolvedSettings),
    batch,
    microBatch: divisor,
  };
}

/** What the text tower is trained with, where it is: FLYP, and LoRA on both encoders (`CaptionSpec.against`). */
export const againstOf = (
  method: FinetuneMethodId,
  { encoders }: Pick<FinetuneSettings, 'encoders'>,
): CaptionSpec['against'] | null => {
  if (method === 'flyp') return 'batch';
  return method === 'lora' && encoders === 'both' ? 'classes' : null;
};

function checkContrastive(batch: number, micro: number): void {
  if (micro < batch)
    throw new LabError(
      'bad-request',
      `FLYP compares every image of a batch with every caption of it, so that ${batch} images cannot be taken ${micro} at a time. Leave the micro-batch out, or choose a batch of ${micro}.`,
    );
  if (batch < 2)
    throw new LabError('bad-request', 'FLYP tells the captions of a batch apart, so that it needs two images or more.');
}

export function modeOf(method: FinetuneMethodId, settings: ResolvedSettings): Mode {
  switch (method) {
    case 'last-blocks':
      return { kind: 'last', blocks: settings.blocks ?? 2 };
    case 'lora':
      return {
        kind: 'lora',
        rank: settings.rank ?? 2,
        alpha: settings.alpha ?? 1,
        targets: settings.targets ?? ['q', 'k', 'v'],
        dropout: settings.dropout ?? 0,
      };
    case 'biases':
      return { kind: 'biases' };
    case 'zs-probe':
    case 'clap':
      return { kind: 'none' };
    default:
      return { kind: 'full' };
  }
}

/** The part of the peak rate that a run ends at; CLIP-LoRA goes from 2e-4 down to 1e-6. */
const lastRate = (method: FinetuneMethodId): number => (method === 'lora' ? 0.005 : 0.01);

/** Cosine with a linear rise: `step` from 0 of `steps`. */
export function rateAt(
  step: number,
  steps: number,
  { lr, warmup }: Pick<ResolvedSettings, 'lr' | 'warmup'>,
  method: FinetuneMethodId,
): number {
  const last = lastRate(method);
  const rise = Math.floor(warmup * steps);
  if (step < rise) return (lr * (step + 1)) / (rise + 1);
  const part = (step - rise) / Math.max(1, steps - rise);
  return lr * (last + (1 - last) * 0.5 * (1 + Math.cos(Math.PI * part)));
}
