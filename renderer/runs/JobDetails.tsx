// One run: its progress, its result, its log as it grows.
import { useEffect, useRef } from 'react';
import type { Job } from '../../shared/contract.ts';
import { isActive, useCall } from '../lab.ts';
import { Button, ErrorNote, Note } from '../ui/controls.tsx';
import { when } from '../ui/format.ts';
import { JobProgress } from '../ui/JobProgress.tsx';
import { KIND, outcome, progressFact, STATUS, tookText } from './words.ts';

export function JobDetails({ job, onOpen }: { job: Job; onOpen: { label: string; run(): void } | null }) {
  return (
    <>
      <section className="pane pad stack" aria-label="Selected run">
        <h2>{job.title}</h2>
        <p className="muted">
          {KIND[job.kind]}, {STATUS[job.status].word}
        </p>
        {isActive(job) && (
          <div className="stack">
            <JobProgress job={job} wide />
            <span className="muted">{job.note}</span>
          </div>
        )}
        {job.error && <Note kind="bad">{job.error.message}</Note>}
        {!isActive(job) && !job.error && <p>{outcome(job)}</p>}
        <dl className="facts">
          <dt>Number</dt>
          <dd>{job.id}</dd>
          {job.total > 0 && <dt>Progress</dt>}
          {job.total > 0 && <dd>{progressFact(job)}</dd>}
          <dt>Asked for</dt>
          <dd>{when(job.createdAt)}</dd>
          {job.startedAt && <dt>Took</dt>}
          {job.startedAt && <dd>{tookText(job)}</dd>}
        </dl>
        {onOpen && <Button onClick={onOpen.run}>{onOpen.label}</Button>}
      </section>
      <JobLog job={job} />
    </>
  );
}

function JobLog({ job }: { job: Job }) {
  const log = useCall('job.log', { id: job.id }, isActive(job) ? { every: 1000 } : {});
  const box = useRef<HTMLDivElement>(null);
  const lines = log.data ?? [];
  // biome-ignore lint/correctness/useExhaustiveDependencies: the end is followed as lines come.
  useEffect(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [lines.length]);
  return (
    <section className="pane pad stack job-log" aria-label="Log">
      <h3>Log</h3>
      <ErrorNote error={log.error} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled text must be reachable by keyboard. */}
      <div ref={box} className="log" tabIndex={0} role="log" aria-label="Lines of the log">
        {lines.length === 0 && log.data && <span className="muted">Nothing was logged.</span>}
        {lines.map((line, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines are only ever added at the end.
          <div key={i} className={line.level === 'error' ? 'bad' : line.level === 'warn' ? 'warn' : ''}>
            <span className="faint">{line.at.slice(11, 19)}</span> {line.level !== 'info' && `${line.level}: `}
            {line.text}
          </div>
        ))}
      </div>
    </section>
  );
}
