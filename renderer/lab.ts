// The window's end of the line: it connects, connects again when the engine died, and keeps what was asked for up to date.
import { QueryClient, type QueryKey, type UseQueryResult, useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import {
  type CallName,
  type EventName,
  type Events,
  type Job,
  LabError,
  type Params,
  type Result,
} from '../shared/contract.ts';
import { type Client, connect } from '../shared/rpc.ts';
import { openWire } from './host.ts';
import { announce } from './ui/live.ts';
import { addNotice } from './ui/notices.ts';
import { createStore, useStore } from './ui/store.ts';

/** `lost`: there was an engine and it died; `since` is when, in milliseconds. */
export type Line = { status: 'connecting' | 'open' | 'lost'; since: number };
export const line = createStore<Line>({ status: 'connecting', since: Date.now() });
export const useLine = (): Line => useStore(line);

export const queries = new QueryClient({
  defaultOptions: {
    // The engine is on this machine: being offline is no reason to pause, and events say when an answer is old.
    queries: {
      networkMode: 'always',
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 300_000,
      retry: false,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
    },
    mutations: { networkMode: 'always', retry: false },
  },
});

let client: Client | null = null;
const waiting = new Set<{ resolve(client: Client): void; reject(error: Error): void }>();
const listeners = new Map<EventName, Set<(payload: never) => void>>();

/** Waits for the first connection, but not for a dead engine: that is an error at once. */
function engine(): Promise<Client> {
  if (client) return Promise.resolve(client);
  if (line.get().status === 'lost')
    return Promise.reject(
      new LabError('disconnected', 'The engine stopped and is being started again. Try once more in a moment.'),
    );
  return new Promise((resolve, reject) => waiting.add({ resolve, reject }));
}

/** What a call changes, where no event tells of it, or too late: events come in bursts and are thinned out. */
const CHANGES: Partial<Record<CallName, CallName[]>> = {
  'job.delete': ['job.list', 'job.get', 'compare.list'],
  'compare.start': ['compare.list'],
  'compare.delete': ['compare.list', 'job.list'],
  'finetune.start': ['finetune.list'],
  'finetune.delete': ['finetune.list'],
  'cache.clear': ['cache.list', 'embed.forecast'],
  'settings.set': ['settings.get', 'app.info'],
  'dataset.delete': ['dataset.list'],
};

/** Asks the engine once. What the call changed is read again before it is over, so that a screen never goes on with the list before. */
export async function call<C extends CallName>(name: C, params: Params<C>): Promise<Result<C>> {
  const result = await (await engine()).call(name, params);
  await Promise.all((CHANGES[name] ?? []).map((changed) => refetch(changed, null)));
  return result;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** 250 ms, then twice as long each time, four seconds at most. */
export const backOff = (attempt: number): number => Math.min(4000, 250 * 2 ** attempt);

async function keepConnected(): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const wire = await openWire();
      attempt = 0;
      await serveUntilClosed(connect(wire));
    } catch {
      // Nobody answers yet; the bar says so, and the next try follows.
    }
    await pause(backOff(attempt));
  }
}

function serveUntilClosed(fresh: Client): Promise<void> {
  client = fresh;
  for (const name of EVENTS) fresh.on(name, (payload) => hear(name, payload));
  for (const each of waiting) each.resolve(fresh);
  waiting.clear();
  const again = line.get().status === 'lost';
  line.set({ status: 'open', since: Date.now() });
  if (again) {
    announce('The engine is back.');
    void queries.invalidateQueries();
  }
  return new Promise((resolve) => {
    fresh.onClose(() => {
      client = null;
      line.set({ status: 'lost', since: Date.now() });
      announce('The engine stopped. It is being started again.');
      resolve();
    });
  });
}

let started = false;
export function startLab(): void {
  if (started) return;
  started = true;
  void keepConnected();
}

// ---------------------------------------------------------------- events

const EVENTS: EventName[] = [
  'job.changed',
  'job.deleted',
  'job.metrics',
  'dataset.changed',
  'model.changed',
  'settings.changed',
  'compare.changed',
  'finetune.changed',
  'notice',
];

/** Which answers an event makes old, each with the id it concerns (null: whatever the params). */
export function outdated<E extends EventName>(event: E, payload: Events[E]): [CallName, number | null][] {
  switch (event) {
    case 'dataset.changed': {
      const { id } = payload as Events['dataset.changed'];
      return [
        ['dataset.list', null],
        ['dataset.get', id],
        ['dataset.items', id],
        ['dataset.item', null],
        ['dataset.problems', id],
        ['dataset.duplicates', id],
        ['embed.forecast', null],
        ['finetune.settings', null],
        ['finetune.forecast', null],
      ];
    }
    case 'model.changed':
      return [
        ['model.list', null],
        ['finetune.settings', null],
        ['embed.forecast', null],
        ['prompt.score', null],
      ];
    case 'compare.changed':
      return [
        ['compare.get', (payload as Events['compare.changed']).id],
        ['compare.list', null],
      ];
    case 'finetune.changed':
      return [
        ['finetune.get', (payload as Events['finetune.changed']).id],
        ['finetune.list', null],
      ];
    case 'job.deleted':
      return [
        ['job.list', null],
        ['job.get', (payload as Events['job.deleted']).id],
        ['compare.list', null],
      ];
    case 'job.changed': {
      const job = payload as Job;
      if (!ENDED.includes(job.status)) return [];
      return [
        ['job.log', job.id],
        ['job.metrics', job.id],
        ['compare.list', null],
        ['compare.get', null],
        ['finetune.list', null],
        ['finetune.get', null],
        ['cache.list', null],
        ['embed.forecast', null],
      ];
    }
    default:
      return [];
  }
}

const ENDED: Job['status'][] = ['done', 'failed', 'cancelled', 'interrupted', 'paused'];
/** Bursts (an import tells 10 times a second) become at most one refetch in this many milliseconds. */
const QUIET_MS = 400;
const due = new Map<string, { timer: ReturnType<typeof setTimeout>; again: boolean }>();

function invalidate(name: CallName, id: number | null): void {
  const key = `${name}#${id ?? ''}`;
  const pending = due.get(key);
  if (pending) {
    pending.again = true;
    return;
  }
  void refetch(name, id);
  const wait = {
    again: false,
    timer: setTimeout(() => {
      due.delete(key);
      if (wait.again) invalidate(name, id);
    }, QUIET_MS),
  };
  due.set(key, wait);
}

function refetch(name: CallName, id: number | null): Promise<void> {
  const concerns = (params: unknown) => id === null || (params as { id?: number } | undefined)?.id === id;
  return queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === name && concerns(queryKey[1]) });
}

function hear(event: EventName, payload: unknown): void {
  if (event === 'job.changed') hearJob(payload as Job);
  if (event === 'settings.changed') queries.setQueryData(['settings.get', {}], payload);
  if (event === 'notice') addNotice(payload as Events['notice']);
  for (const [name, id] of outdated(event, payload as never)) invalidate(name, id);
  for (const listener of [...(listeners.get(event) ?? [])]) listener(payload as never);
}

/** Hears an event while the component lives. */
export function useEvent<E extends EventName>(event: E, listener: (payload: Events[E]) => void): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => onEvent(event, (payload) => latest.current(payload)), [event]);
}

/** Hears an event for good; returns the way to stop. */
export function onEvent<E extends EventName>(event: E, listener: (payload: Events[E]) => void): () => void {
  const set = listeners.get(event) ?? new Set();
  listeners.set(event, set.add(listener as (payload: never) => void));
  return () => set.delete(listener as (payload: never) => void);
}

// ---------------------------------------------------------------- hooks

type CallOptions<C extends CallName> = {
  /** False: not yet. */
  enabled?: boolean;
  /** Keep showing the last answer while another is fetched (other params of the same call); or only where it was to these params. */
  keep?: true | ((before: Params<C>) => boolean);
  /** Ask again every so many milliseconds. */
  every?: number;
};

/** The answer to a call, kept fresh by the engine's events. Key: [call, params]. */
export function useCall<C extends CallName>(
  name: C,
  params: Params<C>,
  { enabled = true, keep, every }: CallOptions<C> = {},
): UseQueryResult<Result<C>, Error> {
  return useQuery<Result<C>, Error>({
    queryKey: [name, params],
    queryFn: () => call(name, params),
    enabled,
    ...(keep
      ? {
          placeholderData: (before: Result<C> | undefined, query?: { queryKey: QueryKey }) =>
            (keep === true || (query && keep(query.queryKey[1] as Params<C>)) ? before : undefined) as never,
        }
      : {}),
    ...(every ? { refetchInterval: every } : {}),
  });
}

/** A call that changes something: `run(params)` rejects as `call` does; `busy` and `error` are for the control that asked. */
export function useMutationCall<C extends CallName>(name: C, onDone?: (result: Result<C>, params: Params<C>) => void) {
  const mutation = useMutation<Result<C>, Error, Params<C>>({
    mutationFn: (params) => call(name, params),
    ...(onDone ? { onSuccess: onDone } : {}),
  });
  return {
    /** Starts it; the error is shown by `error`, so nothing needs to be caught. */
    run: (params: Params<C>) => mutation.mutate(params),
    ask: (params: Params<C>) => mutation.mutateAsync(params),
    busy: mutation.isPending,
    error: mutation.error,
    result: mutation.data,
    reset: mutation.reset,
  };
}

/** The engine's sentence, whatever was thrown. */
export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));

// ---------------------------------------------------------------- jobs

/** So many of the newest are listed; there may be older ones. */
export const JOBS_LISTED = 200;
const JOBS = ['job.list', { limit: JOBS_LISTED }] as const;

/** The newest jobs, newest first, live. */
export const useJobs = (): Job[] => useCall(...JOBS).data ?? [];

/** Any job, however old. */
export function useJob(id: number): Job | undefined {
  const { data: jobs } = useCall(...JOBS);
  const listed = jobs?.find((job) => job.id === id);
  const older = useCall('job.get', { id }, { enabled: jobs !== undefined && !listed });
  // One that was removed is remembered no more.
  return listed ?? (older.error ? undefined : older.data);
}
export const isActive = (job: Pick<Job, 'status'> | undefined): boolean =>
  job !== undefined && (job.status === 'running' || job.status === 'queued' || job.status === 'paused');

/** Puts a job in its place in a list that is newest first. */
export function withJob(jobs: Job[], job: Job): Job[] {
  const at = jobs.findIndex((each) => each.id === job.id);
  if (at >= 0) return jobs.with(at, job);
  return [job, ...jobs].sort((a, b) => b.id - a.id).slice(0, JOBS_LISTED);
}

const SAID: Partial<Record<Job['status'], string>> = {
  done: 'is done',
  failed: 'failed',
  cancelled: 'was cancelled',
  paused: 'is paused',
  interrupted: 'was interrupted',
};

function hearJob(job: Job): void {
  const before = queries.getQueryData<Job[]>(JOBS);
  const known = before?.find((each) => each.id === job.id);
  if (before) queries.setQueryData<Job[]>(JOBS, withJob(before, job));
  else void refetch('job.list', null);
  queries.setQueryData(['job.get', { id: job.id }], job);
  const said = SAID[job.status];
  if (said && known?.status !== job.status)
    announce(`${job.title} ${said}.${job.error ? ` ${job.error.message}` : ''}`);
}

/** Resolves with the job when it has ended, however it ended. */
export function whenEnded(id: number): Promise<Job> {
  return new Promise((resolve) => {
    const over = (job: Job) => job.id === id && !isActive(job);
    const stop = onEvent('job.changed', (job) => {
      if (!over(job)) return;
      stop();
      resolve(job);
    });
    // It may have ended before we listened.
    void call('job.get', { id }).then(
      (job) => {
        if (!over(job)) return;
        stop();
        resolve(job);
      },
      () => {},
    );
  });
}
