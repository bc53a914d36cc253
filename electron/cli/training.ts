// The options of everything that trains an encoder.
import { AUGMENTATIONS, ENCODERS, type FinetuneSettings, finetuneSettings } from '../../shared/finetune.ts';
import { flag, list, text, UsageError, type Values } from './command.ts';

export const trainingOptions = {
  epochs: { type: 'string' },
  'steps-per-shot': { type: 'string' },
  lr: { type: 'string' },
  batch: { type: 'string' },
  augment: { type: 'string' },
  encoders: { type: 'string' },
} as const;

/** Settings only a run of its own takes. */
export const furtherOptions = {
  'micro-batch': { type: 'string' },
  recompute: { type: 'boolean' },
  'head-lr': { type: 'string' },
  'weight-decay': { type: 'string' },
  warmup: { type: 'string' },
  clip: { type: 'string' },
  ema: { type: 'string' },
  smoothing: { type: 'string' },
  'block-rate': { type: 'string' },
  patience: { type: 'string' },
  blocks: { type: 'string' },
  rank: { type: 'string' },
  alpha: { type: 'string' },
  targets: { type: 'string' },
  dropout: { type: 'string' },
} as const;

const SETTING: Record<string, keyof FinetuneSettings> = {
  'steps-per-shot': 'stepsPerShot',
  'micro-batch': 'microBatch',
  'head-lr': 'headLr',
  'weight-decay': 'weightDecay',
  'block-rate': 'blockRate',
};

const CHOICES: Record<string, readonly string[]> = { augment: AUGMENTATIONS, encoders: ENCODERS };
const NAMES = [...Object.keys(trainingOptions), ...Object.keys(furtherOptions)];

/** Those of these options that were given. */
export const givenTraining = (values: Values): string[] => NAMES.filter((name) => values[name] !== undefined);

/** Throws `UsageError` naming the option and what it takes. */
export function readTraining(values: Values): FinetuneSettings {
  const given: Record<string, unknown> = flag(values, 'recompute') ? { recompute: true } : {};
  for (const name of givenTraining(values)) {
    if (name === 'recompute') continue;
    const value = text(values, name)!;
    const setting = SETTING[name] ?? name;
    const choices = CHOICES[name];
    const isNumber = !choices && name !== 'targets';
    if (isNumber && (value.trim() === '' || Number.isNaN(Number(value))))
      throw new UsageError(`--${name} ${value}: a number is needed.`);
    given[setting] = isNumber ? Number(value) : choices ? value : list(value);
    const one = finetuneSettings.safeParse({ [setting]: given[setting] });
    if (!one.success)
      throw new UsageError(
        `--${name} ${value}: ${choices ? `one of ${choices.join(', ')}` : (one.error.issues[0]?.message ?? 'it does not fit')}.`,
      );
  }
  return finetuneSettings.parse(given);
}
