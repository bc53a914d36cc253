// One job's progress the way it is written everywhere: a meter, percent, time left, rate.
import type { Job } from '../../shared/contract.ts';
import { useLine } from '../lab.ts';
import { Meter } from './controls.tsx';
import { ofTotal, rate, span } from './format.ts';

/** "38 % · 3 min left · 21 images/s", as far as it is known, or "paused · 38 %"; nothing where only the job's note says what it does. */
export function progressText(job: Job): string {
  if (job.status === 'queued') return 'waiting its turn';
  const paused = job.status === 'paused';
  const parts = [
    paused ? 'paused' : '',
    job.total > 0
      ? `${Math.floor((100 * job.done) / job.total)} %`
      : job.done > 0
        ? ofTotal(job.done, job.done, job.unit).split(' of ')[0]!
        : job.note === '' && !paused
          ? 'starting'
          : '',
  ];
  if (job.status === 'running' && job.secondsLeft !== null) parts.push(`${span(job.secondsLeft)} left`);
  if (job.status === 'running' && job.rate !== null) parts.push(rate(job.rate, job.unit));
  return parts.filter((part) => part !== '').join(' · ');
}

export const fraction = (job: Job): number | null => (job.total > 0 ? job.done / job.total : null);

export function JobProgress({ job, wide = false }: { job: Job; wide?: boolean }) {
  const lost = useLine().status === 'lost';
  return (
    <>
      <Meter value={fraction(job)} label={job.title} wide={wide} />
      <span className="num">{lost ? 'stopped with the engine' : progressText(job)}</span>
    </>
  );
}
