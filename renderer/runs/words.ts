// Runs in words: status with its sign, what a job came to, how long it took.
import type { Job, JobKind, JobStatus } from '../../shared/contract.ts';
import { count, ofTotal, percent, plural, rate, span } from '../ui/format.ts';

export const KIND: Record<JobKind, string> = {
  import: 'import',
  rescan: 're-scan',
  verify: 'full decode',
  embed: 'embedding',
  compare: 'comparison',
  finetune: 'fine-tuning',
  download: 'download',
};

/** Never colour alone: a sign and a word stand with it. */
export const STATUS: Record<JobStatus, { word: string; sign: string; tone: '' | 'good' | 'bad' | 'warn' | 'accent' }> =
  {
    queued: { word: 'waiting', sign: '…', tone: '' },
    running: { word: 'running', sign: '▸', tone: 'accent' },
    paused: { word: 'paused', sign: '‖', tone: 'warn' },
    interrupted: { word: 'interrupted', sign: '!', tone: 'warn' },
    done: { word: 'done', sign: '✓', tone: 'good' },
    failed: { word: 'failed', sign: '✕', tone: 'bad' },
    cancelled: { word: 'cancelled', sign: '–', tone: '' },
  };

/** Seconds between start and end (or `now`); null before it began. */
export function took(job: Job, now = Date.now()): number | null {
  if (!job.startedAt) return null;
  return Math.max(0, ((job.endedAt ? Date.parse(job.endedAt) : now) - Date.parse(job.startedAt)) / 1000);
}

export const tookText = (job: Job, now?: number): string => {
  const seconds = took(job, now);
  return seconds === null ? '' : span(seconds);
};

/** What a finished job came to, as far as its result says in numbers: "12,345 added, 3 problems". */
export function outcome(job: Job): string {
  if (job.error) return job.error.message;
  if (job.status === 'paused' || job.status === 'interrupted') return job.note || 'It can go on where it stopped.';
  const result = job.result;
  if (job.status !== 'done' || typeof result !== 'object' || result === null)
    return job.status === 'done' && job.total > 0 ? `${count(job.done)} ${job.unit}` : job.note;
  const told = TOLD[job.kind]?.(result as Record<string, unknown>);
  if (told) return told;
  if ('finishedBy' in result) return `Cut off; run ${result.finishedBy} did the rest.`;
  const numbers = Object.entries(result as Record<string, unknown>).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && !/id$/i.test(entry[0]),
  );
  const said = numbers.map(([name, n]) =>
    name === 'seconds'
      ? span(n)
      : name === 'items'
        ? plural(n, 'item')
        : `${Number.isInteger(n) ? count(n) : n.toFixed(2)} ${n === 1 ? words(name).replace(/s$/, '') : words(name)}`,
  );
  return said.join(', ') || (job.total > 0 ? `${count(job.done)} ${job.unit}` : '');
}

const isNumber = (value: unknown): value is number => typeof value === 'number';

/** Results whose numbers need more than their names; null where one is from another version. */
const TOLD: Partial<Record<JobKind, (result: Record<string, unknown>) => string | null>> = {
  finetune: ({ accuracy, best }) =>
    isNumber(accuracy) && isNumber(best) ? `${percent(accuracy)} % on test, epoch ${count(best)} kept` : null,
  embed({ items, ready, failed, embedded, imagesPerSecond }) {
    if (![items, ready, failed, embedded].every(isNumber)) return null;
    const parts = [`${count(ready as number)} of ${plural(items as number, 'image')} ready`];
    if ((embedded as number) < (ready as number)) parts.push(`${count(embedded as number)} of them new`);
    if ((failed as number) > 0) parts.push(`${count(failed as number)} failed`);
    if ((embedded as number) > 0 && isNumber(imagesPerSecond)) parts.push(rate(imagesPerSecond, 'images'));
    return parts.join(', ');
  },
  compare({ rows, omitted }) {
    if (!isNumber(rows) || !isNumber(omitted)) return null;
    return plural(rows, 'row') + (omitted > 0 ? '; what was left out is told in Compare' : '');
  },
};

/** How far it came. Only a job that runs or is done counts in its last unit; of one that was cut off just the part is known. */
export function progressFact(job: Job): string {
  if (job.status === 'running' || job.status === 'done') return ofTotal(job.done, job.total, job.unit);
  return `${Math.floor((100 * job.done) / job.total)} %${job.note ? ` of ${job.note}` : ''}`;
}

/** camelCase as words. */
const words = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

export type RunFilter = 'all' | 'active' | 'done' | 'stopped';

export function matchesFilter(job: Job, filter: RunFilter): boolean {
  if (filter === 'active') return ['queued', 'running', 'paused'].includes(job.status);
  if (filter === 'done') return job.status === 'done';
  if (filter === 'stopped') return ['failed', 'cancelled', 'interrupted'].includes(job.status);
  return true;
}
