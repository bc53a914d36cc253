// Fine-tuning as data: what a run is asked, what it reports, and the curve that gives generality back. Fractions, never percent.
import { z } from 'zod';
import type { Metrics, Shots } from './report.ts';

/** More are of no use on any machine, and each takes memory of its own. */
export const MAX_THREADS = 256;
/** 0: as many as there are cores. */
export const threadCount = z.number().int().min(0).max(MAX_THREADS);

/** The ways that change the encoder's own weights; they run in a comparison and alone. */
export const TRAINED_METHOD_IDS = ['fine-tune', 'last-blocks', 'lora', 'biases', 'lp-ft', 'flyp'] as const;
export type TrainedMethodId = (typeof TRAINED_METHOD_IDS)[number];
/** Those that train a head on the frozen encoder from its zero-shot weights; closed over features. */
export const HEAD_METHOD_IDS = ['zs-probe', 'clap'] as const;
export const FINETUNE_METHOD_IDS = [...TRAINED_METHOD_IDS, ...HEAD_METHOD_IDS] as const;
export type FinetuneMethodId = (typeof FINETUNE_METHOD_IDS)[number];

export const AUGMENTATIONS = ['none', 'flip', 'crop', 'strong'] as const;
/** none; flips; flips and random resized crops; those with colour jitter and RandAugment's lighter half. */
export type Augmentation = (typeof AUGMENTATIONS)[number];

export const ENCODERS = ['both', 'vision'] as const;

/** Left-out settings are the method's own (engine/finetune/recipes.ts). */
export const finetuneSettings = z.object({
  epochs: z.number().int().min(1).max(10_000).optional(),
  /** Instead of epochs: as many as come nearest to this many steps for each label a class has. CLIP-LoRA takes 500. */
  stepsPerShot: z.number().int().min(1).max(10_000).optional(),
  /** Peak learning rate of the encoder's weights. */
  lr: z.number().gt(0).max(10).optional(),
  /** Learning rate of the head, where there is one. */
  headLr: z.number().gt(0).max(10).optional(),
  batch: z.number().int().min(1).max(1024).optional(),
  /** Images that pass the graph at once; a divisor of the batch. The gradients of a batch are added up. */
  microBatch: z.number().int().min(1).max(1024).optional(),
  /** The backward pass works values of the forward pass out again instead of keeping them: less memory, more time. */
  recompute: z.boolean().optional(),
  weightDecay: z.number().min(0).max(1).optional(),
  /** Part of all steps over which the learning rate rises. */
  warmup: z.number().min(0).max(0.9).optional(),
  /** Largest gradient norm; 0 turns clipping off. */
  clip: z.number().min(0).optional(),
  /** What the moving average of the weights keeps each step; 0 turns it off. */
  ema: z.number().min(0).lt(1).optional(),
  smoothing: z.number().min(0).max(0.5).optional(),
  /** A block's learning rate is this times the next block's. */
  blockRate: z.number().gt(0).max(1).optional(),
  augment: z.enum(AUGMENTATIONS).optional(),
  /** Epochs without a better validation accuracy (or loss, where that is equal) after which training stops; 0: never. */
  patience: z.number().int().min(0).optional(),
  /** last-blocks: how many. */
  blocks: z.number().int().min(1).max(100).optional(),
  /** LoRA. */
  rank: z.number().int().min(1).max(512).optional(),
  alpha: z.number().gt(0).max(4096).optional(),
  targets: z
    .array(z.enum(['q', 'k', 'v', 'o', 'mlp', 'all']))
    .min(1)
    .optional(),
  dropout: z.number().min(0).max(0.9).optional(),
  /** LoRA: the towers it goes on. With both, classes are told apart by their captions' features instead of a head. */
  encoders: z.enum(ENCODERS).optional(),
});
export type FinetuneSettings = z.infer<typeof finetuneSettings>;
/** Every setting of a method spelt out; what does not apply is absent. */
export type ResolvedSettings = Required<
  Pick<
    FinetuneSettings,
    'epochs' | 'lr' | 'batch' | 'microBatch' | 'weightDecay' | 'warmup' | 'clip' | 'ema' | 'smoothing'
  >
> &
  Required<Pick<FinetuneSettings, 'blockRate' | 'augment' | 'patience'>> &
  Pick<FinetuneSettings, 'headLr' | 'recompute' | 'blocks' | 'rank' | 'alpha' | 'targets' | 'dropout' | 'encoders'>;

export const finetuneParams = z.object({
  datasetId: z.number().int(),
  model: z.object({ id: z.string(), output: z.string().optional() }),
  method: z.enum(FINETUNE_METHOD_IDS),
  shots: z.union([z.number().int().min(1), z.literal('all')]).default('all'),
  seed: z.number().int().min(0).default(0),
  settings: finetuneSettings.default({}),
  templates: z.array(z.string()).default([]),
  classNames: z.record(z.string(), z.string()).default({}),
  /** Images of other things: what the model could tell apart before, and still can after. */
  control: z
    .object({
      datasetId: z.number().int(),
      /** Class names to tell apart; empty: the control set's own classes. */
      labels: z.array(z.string()).default([]),
    })
    .nullable()
    .default(null),
  keepLeaks: z.boolean().default(false),
  device: z.string().optional(),
  threads: threadCount.optional(),
  /** The new model's name; left out: model-method-dataset. */
  name: z.string().min(1).max(100).optional(),
});
export type FinetuneParams = z.infer<typeof finetuneParams>;

/** After each epoch. */
export type FinetuneEpoch = {
  epoch: number;
  /** Steps so far. */
  step: number;
  trainLoss: number;
  valAccuracy: number | null;
  valLoss: number | null;
  lr: number;
  imagesPerSecond: number;
};

/** One point of the line between the weights before (0) and after (1) (WiSE-FT, Wortsman et al., arXiv 2109.01903). */
export type WisePoint = {
  alpha: number;
  /** On the validation items; null where there are none. */
  validation: number | null;
  control: number | null;
};

export type ControlResult = {
  name: string;
  items: number;
  classes: number;
  /** How images are told apart: by captions, or by the model's own classes. */
  by: 'captions' | 'own-classes';
  before: number;
  after: number;
};

export type FinetuneReport = {
  version: 1;
  id: string;
  createdAt: string;
  dataset: { name: string; path: string };
  model: { id: string; name: string; hash: string; output: string; licence: string | null };
  method: FinetuneMethodId;
  settings: ResolvedSettings;
  shots: Shots;
  seed: number;
  classes: string[];
  counts: { train: number; validation: number; test: number; excluded: number };
  excluded: { path: string; reason: string }[];
  /** How the head began. */
  head: 'zero-shot' | 'probe';
  trainedParameters: number;
  parameters: number;
  device: string;
  epochs: FinetuneEpoch[];
  /** The epoch whose weights were kept. */
  best: number;
  ended: 'all epochs' | 'no better for a while' | 'stopped by you';
  /** Test accuracy before: zero-shot, where there are captions, and a linear probe on the same items. */
  before: { zeroShot: number | null; probe: number };
  test: Metrics;
  control: ControlResult | null;
  /** Why there is no control figure though one was asked for. */
  controlProblem: string | null;
  wise: WisePoint[];
  /** Seconds of training, and largest resident memory of the process, bytes. */
  seconds: number;
  peakBytes: number;
};

export type FinetuneInfo = {
  id: number;
  jobId: number;
  datasetId: number;
  datasetName: string;
  model: string;
  method: FinetuneMethodId;
  shots: Shots;
  seed: number;
  createdAt: string;
  /** Test accuracy, once it has ended. */
  accuracy: number | null;
  /** Ids of the models saved from it. */
  saved: string[];
};
export type FinetuneRun = FinetuneInfo & {
  params: FinetuneParams;
  settings: ResolvedSettings;
  epochs: FinetuneEpoch[];
  report: FinetuneReport | null;
};

/** From a few measured steps. */
export type FinetuneForecast = {
  settings: ResolvedSettings;
  trainItems: number;
  steps: number;
  secondsPerStep: number;
  seconds: number;
  memoryBytes: number;
  freeMemoryBytes: number;
  diskBytes: number;
  freeDiskBytes: number;
  trainedParameters: number;
  /** Why it cannot run as asked; null when it fits. */
  problem: string | null;
  /** What would fit, as settings (or another method) to change. */
  offers: { label: string; method?: FinetuneMethodId; settings: FinetuneSettings; memoryBytes: number }[];
};
