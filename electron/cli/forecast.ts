// What a run of fine-tuning will take, in words for stderr; of one that cannot fit, why, and what fits, as options.
import type { FinetuneForecast, FinetuneSettings } from '../../shared/finetune.ts';
import { duration } from './progress.ts';

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

/** "24 steps of 0.71 s, about 20 s in all; 1.2 GB of memory (12.3 GB are free), 0.1 GB on the disk (20.0 GB are free)". */
export function forecastLine(told: FinetuneForecast): string {
  const { steps, secondsPerStep, seconds, memoryBytes, freeMemoryBytes, diskBytes, freeDiskBytes } = told;
  return `${steps} ${steps === 1 ? 'step' : 'steps'} of ${secondsPerStep.toPrecision(2)} s, about ${duration(seconds)} in all; ${gigabytes(memoryBytes)} of memory (${gigabytes(freeMemoryBytes)} are free), ${gigabytes(diskBytes)} on the disk (${gigabytes(freeDiskBytes)} are free)`;
}

/** Why a run cannot fit, and what to give instead; null when it fits. */
export function misfit({ problem, offers }: FinetuneForecast): string | null {
  if (problem === null) return null;
  const lines = offers.map(
    ({ label, method, settings, memoryBytes }) =>
      `  ${options(method, settings).padEnd(50)}${label}: ${gigabytes(memoryBytes)} of memory`,
  );
  const instead =
    lines.length > 0 ? `What fits:\n${lines.join('\n')}\n` : 'No lighter way of training this model fits either. ';
  return `${problem} ${instead}--force runs it all the same.`;
}

const OPTION: Partial<Record<keyof FinetuneSettings, string>> = { microBatch: 'micro-batch' };

/** What an offer changes, as it is given to `lab finetune`. */
function options(method: FinetuneForecast['offers'][number]['method'], settings: FinetuneSettings): string {
  const given = Object.entries(settings).map(([name, value]) => {
    const option = OPTION[name as keyof FinetuneSettings] ?? name;
    return value === true ? `--${option}` : `--${option} ${value}`;
  });
  return [...(method ? [`--method ${method}`] : []), ...given].join(' ');
}
