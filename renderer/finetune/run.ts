// A run in words: what it came to, where it stands, how its settings read.
import { METHOD_STYLES } from '../../shared/chart/style.ts';
import { capital, count as counted, labelsPerClass, listed, percent, points } from '../../shared/chart/words.ts';
import type { Job } from '../../shared/contract.ts';
import type { FinetuneEpoch, FinetuneInfo, FinetuneReport, ResolvedSettings } from '../../shared/finetune.ts';
import { AUGMENT_NAMES, ENCODER_NAMES, folderPart, MAIN_SETTINGS, MORE_SETTINGS } from './plan.ts';

/** 119,882 -> "119,882", 87,849,216 -> "87.8 million" */
export function many(n: number): string {
  if (n < 1_000_000) return n.toLocaleString('en-GB');
  if (n < 999_500_000) return `${(n / 1e6).toFixed(n < 9.95e6 ? 2 : 1)} million`;
  return `${(n / 1e9).toFixed(2)} billion`;
}

/** "LoRA, 16 labels per class, seed 0" */
export const asked = (info: Pick<FinetuneInfo, 'method' | 'shots' | 'seed'>): string =>
  `${METHOD_STYLES[info.method].name}, ${labelsPerClass(info.shots)}, seed ${info.seed}`;

/** Accuracy on the test before training: what the model gave without labels, else what a probe gives with the same. */
export const before = ({ before: { zeroShot, probe } }: FinetuneReport): number => zeroShot ?? probe;

/** "94.2 % on test, +3.1 on the probe", and what it gained on yours and lost on the control, or gained on zero-shot. */
export function answer(report: FinetuneReport): string {
  const { accuracy } = report.test;
  const { probe, zeroShot } = report.before;
  const first = `${percent(accuracy)} % on test, ${points(accuracy - probe)} on the probe`;
  const cost = trade(report);
  if (cost) return `${first}; ${cost}`;
  return zeroShot === null ? first : `${first}, ${points(accuracy - zeroShot)} on zero-shot`;
}

/** "+9.1 on yours, −22.4 on the control"; null without a control set. */
export function trade(report: FinetuneReport): string | null {
  if (!report.control) return null;
  return `${points(report.test.accuracy - before(report))} on yours, ${points(report.control.after - report.control.before)} on the control`;
}

/** The best epoch so far: by validation accuracy, the lower validation loss among equals. */
export function bestOf(epochs: readonly FinetuneEpoch[]): FinetuneEpoch | null {
  const judged = epochs.filter((one) => one.valAccuracy !== null);
  return judged.reduce<FinetuneEpoch | null>((best, one) => {
    if (!best || one.valAccuracy! > best.valAccuracy!) return one;
    return one.valAccuracy === best.valAccuracy && (one.valLoss ?? 0) < (best.valLoss ?? 0) ? one : best;
  }, null);
}

/** Where a run stands, for a list; '' where its figures say it. */
export function standing(info: FinetuneInfo, job: Job | undefined): string {
  if (info.accuracy !== null) return '';
  if (job?.status === 'queued') return 'waiting its turn';
  return job?.status === 'done' ? 'no result' : (job?.status ?? 'not finished');
}

/** A number of a setting as people write it: 0.00001 -> "1e-5". */
export const settingText = (value: number): string =>
  value !== 0 && Math.abs(value) < 0.001 ? value.toExponential().replace('e-', 'e-') : String(value);

/** Every setting with its name, in the order of the form. */
export function settingRows(settings: Partial<ResolvedSettings>): [string, string][] {
  const numbers = [...MAIN_SETTINGS, ...MORE_SETTINGS].flatMap(({ name, label }): [string, string][] => {
    const value = name === 'stepsPerShot' ? undefined : settings[name]; // told as epochs
    return value === undefined ? [] : [[label, settingText(value)]];
  });
  return [
    ...numbers,
    ...(settings.targets ? ([['Where LoRA is added', listed(settings.targets)]] as [string, string][]) : []),
    ...(settings.encoders ? ([['Encoders', ENCODER_NAMES[settings.encoders]]] as [string, string][]) : []),
    ...(settings.recompute ? ([['Activations', 'worked out again']] as [string, string][]) : []),
    ...(settings.augment ? ([['Augmentation', AUGMENT_NAMES[settings.augment]]] as [string, string][]) : []),
  ];
}

/** How it ended, in a sentence. */
export function ending({ ended, best, epochs }: FinetuneReport): string {
  if (epochs.length === 0) return 'Only the head was trained.';
  const kept = `epoch ${best} of ${epochs.length} was kept`;
  if (ended === 'all epochs') return `Trained to the end; ${kept}.`;
  return ended === 'stopped by you' ? `Stopped by you; ${kept}.` : `Stopped, as nothing became better; ${kept}.`;
}

/** "flowers12: 192 train, 48 validation, 240 test images" */
export function countsText({ counts }: FinetuneReport): string {
  return `${counted(counts.train, 'image')} trained on, ${counts.validation} for validation, ${counts.test} for the test${
    counts.excluded > 0 ? `, ${counts.excluded} left out` : ''
  }`;
}

/** The own name, with the place on the line where that is not an end of it. */
export const modelNameFor = (own: string, alpha: number): string =>
  alpha === 1 || alpha === 0 ? own : `${own.slice(0, 96)}-${Math.round(alpha * 100)}`;

export const sentence = (text: string): string => `${capital(text)}.`;

/** "flowers12-run-3-curves" */
export const fileName = (info: Pick<FinetuneInfo, 'id' | 'datasetName'>, what: string): string =>
  `${folderPart(info.datasetName)}-run-${info.id}-${what}`;
