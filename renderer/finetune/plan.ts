// The form's state and what follows from it: which settings a method has, what is missing, and what is sent.
import type { Dataset, ModelInfo, Params } from '../../shared/contract.ts';
import {
  AUGMENTATIONS,
  type Augmentation,
  ENCODERS,
  FINETUNE_METHOD_IDS,
  type FinetuneMethodId,
  type FinetuneSettings,
  finetuneSettings,
  HEAD_METHOD_IDS,
  type ResolvedSettings,
} from '../../shared/finetune.ts';
import type { Shots } from '../../shared/report.ts';
import { className } from '../../shared/templates.ts';
import { whyNot } from '../ui/applies.ts';
import { type Captions, captionsProblem, usable } from '../ui/captions.ts';
import { datasetProblem, scarcest, trainingImages } from '../ui/datasets.ts';
import { type Machine, machineParams } from '../ui/devices.ts';

export type NumberName = Exclude<keyof FinetuneSettings, 'augment' | 'targets' | 'encoders' | 'recompute'>;
export type Encoders = NonNullable<FinetuneSettings['encoders']>;
export type Targets = NonNullable<FinetuneSettings['targets']>;
/** What the engine would set where nothing is typed; undefined while its answer is not there. */
export type Own = ResolvedSettings | undefined;

export type Plan = Captions &
  Machine & {
    datasetId: number | null;
    model: string | null;
    method: FinetuneMethodId;
    shots: Shots;
    seed: number;
    /** What was typed; a setting left empty is the method's own. */
    typed: Partial<Record<NumberName, string>>;
    augment: Augmentation | null;
    targets: Targets | null;
    encoders: Encoders | null;
    /** Activations are worked out again in the backward pass. */
    recompute: boolean;
    controlId: number | null;
    /** Class of the control set -> the words it is told apart by. */
    controlWords: Record<string, string>;
    keepLeaks: boolean;
    name: string;
  };

export const firstPlan = (given: { datasetId?: number; model?: string }): Plan => ({
  datasetId: given.datasetId ?? null,
  model: given.model ?? null,
  method: 'fine-tune',
  shots: 'all',
  seed: 0,
  typed: {},
  augment: null,
  targets: null,
  encoders: null,
  recompute: false,
  templates: [],
  classNames: {},
  controlId: null,
  controlWords: {},
  keepLeaks: false,
  device: '',
  threads: 0,
  name: '',
});

export type NumberSetting = { name: NumberName; label: string; hint: string; only?: FinetuneMethodId };

/** In sight at once; the others are behind the fold. */
export const MAIN_SETTINGS: readonly NumberSetting[] = [
  { name: 'epochs', label: 'Epochs', hint: 'Times each image is seen' },
  { name: 'lr', label: 'Learning rate', hint: 'Of the encoder, at its peak' },
  { name: 'batch', label: 'Batch', hint: 'Images per step' },
  { name: 'blocks', label: 'Last blocks', hint: 'How many are trained', only: 'last-blocks' },
  { name: 'rank', label: 'Rank', hint: 'Of LoRA’s additions', only: 'lora' },
  { name: 'alpha', label: 'Alpha', hint: 'They weigh alpha / rank', only: 'lora' },
];
export const MORE_SETTINGS: readonly NumberSetting[] = [
  { name: 'headLr', label: 'Learning rate of the head', hint: 'At its peak' },
  { name: 'microBatch', label: 'Images at once', hint: 'Divides the batch; fewer take less memory' },
  { name: 'weightDecay', label: 'Weight decay', hint: 'AdamW’s, 0 to 1' },
  { name: 'warmup', label: 'Warm-up', hint: 'Part of all steps, 0 to 0.9' },
  { name: 'clip', label: 'Largest gradient', hint: 'Norm; 0: not clipped' },
  { name: 'ema', label: 'Moving average', hint: 'Kept each step; 0: none' },
  { name: 'smoothing', label: 'Label smoothing', hint: '0 to 0.5' },
  { name: 'blockRate', label: 'Rate from block to block', hint: 'Earlier ones learn less; 1: alike' },
  { name: 'patience', label: 'Patience', hint: 'Epochs without a better one; 0: no limit' },
  { name: 'stepsPerShot', label: 'Steps per shot', hint: 'Instead of epochs; CLIP-LoRA takes 500', only: 'lora' },
  { name: 'dropout', label: 'Dropout', hint: 'On the way into LoRA', only: 'lora' },
];

export const trainsEncoder = (method: FinetuneMethodId): boolean =>
  !(HEAD_METHOD_IDS as readonly FinetuneMethodId[]).includes(method);

/** Of a list, what this method has. */
export const settingsOf = (method: FinetuneMethodId, list: readonly NumberSetting[]): NumberSetting[] =>
  trainsEncoder(method) ? list.filter(({ only }) => only === undefined || only === method) : [];

export const AUGMENT_NAMES: Record<Augmentation, string> = {
  none: 'none',
  flip: 'flips',
  crop: 'flips and crops',
  strong: 'flips, crops, colours, RandAugment-light',
};
export const AUGMENT_OPTIONS = AUGMENTATIONS.map((value) => ({ value, label: AUGMENT_NAMES[value] }));

export const TARGET_CHOICES: { value: string; label: string; targets: Targets }[] = [
  { value: 'qv', label: 'q and v', targets: ['q', 'v'] },
  { value: 'qkv', label: 'q, k and v', targets: ['q', 'k', 'v'] },
  { value: 'qkvo', label: 'q, k, v and o', targets: ['q', 'k', 'v', 'o'] },
  { value: 'all', label: 'every product', targets: ['all'] },
];
export const ENCODER_NAMES: Record<Encoders, string> = {
  both: 'both',
  vision: 'vision alone',
};
const ENCODER_NOTES: Record<Encoders, string> = { both: 'classes are captions', vision: 'with a head' };
export const ENCODER_OPTIONS = ENCODERS.map((value) => ({
  value,
  label: ENCODER_NAMES[value],
  note: ENCODER_NOTES[value],
}));

export const targetsChoice = (targets: Targets | null | undefined): (typeof TARGET_CHOICES)[number] | undefined =>
  TARGET_CHOICES.find((one) => one.targets.join() === targets?.join());

const parse = (text: string): number => Number(text.trim().replace(',', '.'));

/** Why what was typed cannot be this setting; null when it can, or nothing was typed. */
export function settingProblem(plan: Plan, name: NumberName): string | null {
  const text = plan.typed[name]?.trim() ?? '';
  if (text === '') return null;
  const parsed = finetuneSettings.shape[name].safeParse(parse(text));
  if (parsed.success) return null;
  const { label, hint } = [...MAIN_SETTINGS, ...MORE_SETTINGS].find((one) => one.name === name)!;
  return `${label}: “${text}” cannot be used (${hint.toLowerCase()}).`;
}

/** Whether the text side is trained too, against the captions: the answer has no rate of a head then. False while it is not known. */
export const trainsText = (own: Own): boolean => own !== undefined && own.headLr === undefined;

/** The numbers a run takes: what was typed for a head waits for when there is one. */
const numbersOf = (method: FinetuneMethodId, own: Own): NumberName[] =>
  settingsOf(method, [...MAIN_SETTINGS, ...MORE_SETTINGS])
    .map(({ name }) => name)
    .filter((name) => name !== 'headLr' || !trainsText(own));

/** The choice of encoders, where there is one. */
export const encodersSent = ({ method, encoders }: Plan, { hasText }: ModelInfo): FinetuneSettings =>
  encoders && method === 'lora' && hasText ? { encoders } : {};

/** What differs from the method's own; what does not apply and what cannot be read are left out. */
export function settingsSent(plan: Plan, model: ModelInfo, own: Own): FinetuneSettings {
  const numbers = numbersOf(plan.method, own).flatMap((name) => {
    const text = plan.typed[name]?.trim() ?? '';
    return text === '' || settingProblem(plan, name) !== null ? [] : [[name, parse(text)] as const];
  });
  return {
    ...(Object.fromEntries(numbers) as FinetuneSettings),
    ...(plan.augment && trainsEncoder(plan.method) ? { augment: plan.augment } : {}),
    ...(plan.recompute && trainsEncoder(plan.method) ? { recompute: true } : {}),
    ...(plan.targets && plan.method === 'lora' ? { targets: plan.targets } : {}),
    ...encodersSent(plan, model),
  };
}

/** Settings of an offer, as if they had been typed. */
export function withOffer(plan: Plan, offer: { method?: FinetuneMethodId; settings: FinetuneSettings }): Partial<Plan> {
  const { augment, targets, encoders, recompute, ...numbers } = offer.settings;
  const typed = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)]));
  return {
    ...(offer.method ? { method: offer.method } : {}),
    ...(augment ? { augment } : {}),
    ...(targets ? { targets } : {}),
    ...(encoders ? { encoders } : {}),
    ...(recompute ? { recompute } : {}),
    typed: { ...plan.typed, ...typed },
  };
}

/** The methods, those that do not apply to a model with why. */
export const methodsFor = (model: ModelInfo): { method: FinetuneMethodId; reason: string | null }[] =>
  FINETUNE_METHOD_IDS.map((method) => ({ method, reason: whyNot(method, [model]) }));

export const folderPart = (text: string): string =>
  text
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[.-]+|[.-]+$/g, '');

export const defaultName = (model: string, method: FinetuneMethodId, dataset: string): string =>
  [model, method, dataset].map(folderPart).join('-').slice(0, 100);

/** What is missing before it can start, or null. */
export function notReady(
  plan: Plan,
  dataset: Dataset | undefined,
  model: ModelInfo | undefined,
  own: Own,
): string | null {
  const problem = datasetProblem(dataset);
  if (problem || !dataset) return problem;
  if (!model) return 'Choose a model.';
  const reason = whyNot(plan.method, [model]);
  if (reason) return reason;
  const { shots } = plan;
  const least = scarcest(dataset);
  if (shots !== 'all' && least && least.train < shots) return `${trainingImages(least)}, less than ${shots} a class.`;
  const wrong = numbersOf(plan.method, own)
    .map((name) => settingProblem(plan, name))
    .find((problem) => problem !== null);
  return wrong ?? (model.hasText ? captionsProblem(plan) : null);
}

/** Words for the control set's classes: as typed, else the folder's name read as words. Empty where nothing was typed. */
export function controlLabels(plan: Plan, control: Dataset): string[] {
  const typed = control.classes.some(({ name }) => plan.controlWords[name]?.trim());
  return typed ? control.classes.map(({ name }) => plan.controlWords[name]?.trim() || className(name)) : [];
}

export function paramsOf(
  plan: Plan,
  dataset: Dataset,
  model: ModelInfo,
  control: Dataset | undefined,
  own: Own,
): Params<'finetune.start'> {
  const name = plan.name.trim();
  return {
    datasetId: dataset.id,
    model: { id: model.id },
    method: plan.method,
    shots: plan.shots,
    seed: plan.seed,
    settings: settingsSent(plan, model, own),
    ...(model.hasText ? usable(plan) : {}),
    control: control ? { datasetId: control.id, labels: controlLabels(plan, control) } : null,
    keepLeaks: plan.keepLeaks,
    ...machineParams(plan),
    ...(name === '' ? {} : { name }),
  };
}

/** What the cost depends on: name, seed and control set change no step, captions only where images are trained against them. */
export const costParams = (params: Params<'finetune.start'>, own: Own): Params<'finetune.forecast'> => {
  const { name: _name, control: _control, templates, classNames, ...rest } = params;
  return { ...rest, ...(trainsText(own) ? { templates, classNames } : {}), seed: 0 };
};
