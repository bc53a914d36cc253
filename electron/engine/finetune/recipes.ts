// What each way of fine-tuning trains, and with which settings unless the user says otherwise.
// Sources: LoRA, CLIP-LoRA (github.com/MaxZanella/CLIP-LoRA): its rank, alpha, dropout, targets, rate and decay, but in the vision
// tower alone, and not its 500 steps a shot in batches of 32, which take hours without a GPU; biases, BitFit (arXiv 2106.10199) with
// the norms; LP-FT (arXiv 2202.10054); FLYP (arXiv 2212.00638). The rest were chosen on flowers12 and cifar10-mini (README, Figures).
import { LabError } from '../../../shared/contract.ts';
import type {
  FinetuneMethodId,
  FinetuneSettings,
  ResolvedSettings,
  TrainedMethodId,
} from '../../../shared/finetune.ts';
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
    own: { rank: 2, alpha: 1, targets: ['q', 'k', 'v'], dropout: 0.25 },
  },
  biases: { name: 'Norms and biases', lr: { transformer: 5e-4, convolution: 1e-3 } },
  'lp-ft': { name: 'Probe, then fine-tune', lr: { transformer: 5e-6, convolution: 1e-4 } },
  flyp: { name: 'FLYP', lr: { transformer: 1e-5, convolution: 1e-5 } },
};

export const isTrained = (method: FinetuneMethodId): method is TrainedMethodId => method in RECIPES;

/**
 * `items`: how many the run trains on; a batch is never larger. `fixed`: images the model takes at once, where its file says. Throws
 * `bad-request` for FLYP in micro-batches: its loss compares every image of a batch with every caption of it.
 */
export function resolveSettings(
  method: FinetuneMethodId,
  family: Family,
  asked: FinetuneSettings,
  items: number,
  fixed: number | null = null,
): ResolvedSettings {
  const recipe: Recipe = isTrained(method)
    ? RECIPES[method]
    : { name: method, lr: { transformer: 1e-5, convolution: 1e-5 } };
  const own = recipe.own ?? {};
  // a convolution has no q, k and v: its 1x1 products are what low rank can change
  const targets =
    family === 'convolution' && own.targets ? { targets: ['all' as const], rank: 8, alpha: 8, dropout: 0 } : {};
  const lr = asked.lr ?? recipe.lr[family];
  const merged = {
    ...COMMON,
    ...own,
    ...targets,
    headLr: HEAD_LR[family],
    ...Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)),
    lr,
  };
  const wanted = Math.max(1, Math.min(merged.batch, items));
  const batch = fixed ? Math.max(1, Math.round(wanted / fixed)) * fixed : wanted;
  const atOnce = family === 'convolution' && method !== 'flyp' ? CACHED : batch;
  const micro = fixed ?? Math.min(asked.microBatch ?? atOnce, batch);
  if (method === 'flyp') checkContrastive(batch, micro);
  const kept = Object.keys(own);
  const applies = ([name, value]: [string, unknown]) =>
    name === 'recompute'
      ? value === true
      : !['blocks', 'rank', 'alpha', 'targets', 'dropout'].includes(name) || kept.includes(name);
  // a micro-batch divides the batch
  const divisor = Array.from({ length: micro }, (_, i) => micro - i).find((n) => batch % n === 0)!;
  return {
    ...(Object.fromEntries(Object.entries(merged).filter(applies)) as ResolvedSettings),
    batch,
    microBatch: divisor,
  };
}

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

/** Cosine with a linear rise: `step` from 0 of `steps`; down to a hundredth, as CLIP-LoRA ends near nothing. */
export function rateAt(step: number, steps: number, { lr, warmup }: Pick<ResolvedSettings, 'lr' | 'warmup'>): number {
  const rise = Math.floor(warmup * steps);
  if (step < rise) return (lr * (step + 1)) / (rise + 1);
  const part = (step - rise) / Math.max(1, steps - rise);
  return lr * (0.01 + 0.99 * 0.5 * (1 + Math.cos(Math.PI * part)));
}
