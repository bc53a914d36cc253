// Progress on stderr: one line that rewrites itself on a terminal, plain lines now and then elsewhere.
import type { Job } from '../../shared/contract.ts';

const PLAIN_EVERY_MS = 5000;

export type Progress = {
  /** Shows where the work stands. */
  show(line: string, phase?: string): void;
  /** A line that stays. */
  say(line: string): void;
  /** Takes the moving line away. */
  clear(): void;
};

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  let shown = false;
  let last = 0;
  let lastPhase = '';
  const clear = () => {
    if (shown) stream.write('\r\x1b[K');
    shown = false;
  };
  return {
    clear,
    say(line) {
      clear();
      stream.write(`${line}\n`);
    },
    show(line, phase = '') {
      if (stream.isTTY) {
        stream.write(`\r\x1b[K${line.slice(0, (stream.columns || 80) - 1)}`);
        shown = true;
      } else if (phase !== lastPhase || Date.now() - last >= PLAIN_EVERY_MS) {
        lastPhase = phase;
        last = Date.now();
        stream.write(`${line}\n`);
      }
    },
  };
}

/** "embedding with hog: 300 of 600 images, 140/s, 2 s left". */
export function progressLine(
  job: Pick<Job, 'title' | 'note' | 'done' | 'total' | 'unit' | 'rate' | 'secondsLeft'>,
): string {
  const parts = [
    `${job.note || job.title}: ${job.total ? `${count(job.done)} of ${count(job.total)}` : count(job.done)} ${job.unit}`,
  ];
  if (job.rate !== null) parts.push(`${job.rate >= 10 ? count(Math.round(job.rate)) : job.rate.toFixed(1)}/s`);
  if (job.secondsLeft !== null) parts.push(`${duration(job.secondsLeft)} left`);
  return parts.join(', ');
}

const count = (n: number) => n.toLocaleString('en-GB');

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
