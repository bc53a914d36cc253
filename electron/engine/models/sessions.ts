// ONNX Runtime for the rest of the engine: sessions on a thread of their own, opened when needed, closed when idle,
// on the provider that was asked for or, with a notice, on the CPU.
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LabError, type ProviderReport } from '../../../shared/contract.ts';
import type { Log } from '../context.ts';
import { workerFile } from '../workers/pool.ts';
import { createProviders, type Providers } from './providers.ts';
import type { TokenizerSettings, Tokens } from './tokenizer.ts';
import { plainReason, type Trial } from './trial.ts';

export type OnnxTensor = { type: string; data: Float32Array | Uint8Array | BigInt64Array | Int32Array; dims: number[] };
/** A model file and how to open it. `expose`: a tensor inside the graph that is made an output too. */
export type OnnxSource = { file: string; expose: string | null; device: string; threads: number };
export type OnnxOutput = { data: Float32Array; dims: number[] };

export type OnnxRequest =
  | { kind: 'load'; session: number; source: OnnxSource }
  | { kind: 'run'; session: number; feeds: Record<string, OnnxTensor>; outputs: string[] }
  | { kind: 'tokenize'; settings: TokenizerSettings; texts: string[]; pad: 'context' | 'longest' }
  | { kind: 'release'; session: number }
  | { kind: 'try'; provider: string };

export type OnnxAnswer = {
  load: { inputs: string[]; outputs: string[] };
  run: Record<string, OnnxOutput>;
  tokenize: Tokens;
  release: null;
  try: Trial;
};

export type Sessions = {
  /** The provider to use for a choice such as 'auto' or 'cuda'; falls back to 'cpu' with a notice. */
  device(choice: string): Promise<string>;
  /** Runs a model file, opening it when it is not open. What `feeds` hold is handed over. */
  run(source: OnnxSource, feeds: Record<string, OnnxTensor>, outputs: string[]): Promise<Record<string, OnnxOutput>>;
  tokenize(settings: TokenizerSettings, texts: string[], pad: 'context' | 'longest'): Promise<Tokens>;
  /** Where a file really runs: after a failed load that is 'cpu', whatever was asked. */
  actualDevice(source: OnnxSource): Promise<string>;
  providers(): Promise<ProviderReport[]>;
  /** How many model files are open now. */
  open(): number;
  close(): Promise<void>;
};

type Entry = { session: number; device: string; ready: Promise<void>; busy: number; usedAt: number };
type Options = { cacheDir: string; log: Log; notice(text: string): void; idleMs?: number };

export function createSessions(options: Options): Sessions {
  const idleMs = options.idleMs ?? 120_000;
  const thread = createThread();
  const entries = new Map<string, Entry>();
  const providers: Providers = createProviders({
    cacheDir: options.cacheDir,
    inThread: (provider) => thread.ask('try', { kind: 'try', provider }),
  });
  let nextSession = 1;

  const sweep = setInterval(
    () => {
      for (const [key, entry] of entries)
        if (entry.busy === 0 && Date.now() - entry.usedAt >= idleMs) release(key, entry);
      if (entries.size === 0) thread.idle();
    },
    Math.min(10_000, idleMs),
  );
  sweep.unref();

  function release(key: string, entry: Entry): void {
    entries.delete(key);
    thread.ask('release', { kind: 'release', session: entry.session }).catch(() => {
      // the thread is gone, and the session with it
    });
  }

  async function load(entry: Entry, source: OnnxSource): Promise<void> {
    const ask = (device: string) =>
      thread.ask('load', { kind: 'load', session: entry.session, source: { ...source, device } });
    try {
      await ask(entry.device);
    } catch (error) {
      if (entry.device === 'cpu') throw error;
      options.notice(
        `This model cannot run on ${entry.device} (${plainReason((error as Error).message)}). It runs on the CPU instead.`,
      );
      entry.device = 'cpu';
      await ask('cpu');
    }
  }

  function entryOf(asked: OnnxSource): Entry {
    const source = { ...asked, threads: asked.threads > 0 ? asked.threads : availableParallelism() };
    // a file that was replaced is another model
    const stat = statSync(source.file, { throwIfNoEntry: false });
    const key = JSON.stringify([source, stat?.size, stat?.mtimeMs]);
    const open = entries.get(key);
    if (open) return open;
    const entry: Entry = {
      session: nextSession++,
      device: source.device,
      ready: Promise.resolve(),
      busy: 0,
      usedAt: Date.now(),
    };
    entry.ready = load(entry, source);
    entry.ready.catch(() => entries.delete(key));
    entries.set(key, entry);
    return entry;
  }

  thread.onDeath = () => entries.clear();

  return {
    async device(choice) {
      const found = await providers.choose(choice);
      if (found.notice) options.notice(found.notice);
      return found.device;
    },
    async run(source, feeds, outputs) {
      const entry = entryOf(source);
      entry.busy++;
      try {
        await entry.ready;
        return await thread.ask('run', { kind: 'run', session: entry.session, feeds, outputs });
      } catch (error) {
        if (error instanceof LabError) throw error;
        throw new LabError('internal', `${source.file} failed to run: ${(error as Error).message}`, { cause: error });
      } finally {
        entry.busy--;
        entry.usedAt = Date.now();
      }
    },
    tokenize: (settings, texts, pad) => thread.ask('tokenize', { kind: 'tokenize', settings, texts, pad }),
    async actualDevice(source) {
      const entry = entryOf(source);
      try {
        await entry.ready;
      } catch (error) {
        throw new LabError('bad-request', `ONNX Runtime cannot open ${source.file}: ${(error as Error).message}`, {
          cause: error,
        });
      }
      return entry.device;
    },
    providers: () => providers.report(),
    open: () => entries.size,
    async close() {
      clearInterval(sweep);
      for (const [key, entry] of entries) release(key, entry);
      await thread.close();
    },
  };
}

type Thread = {
  ask<K extends OnnxRequest['kind']>(kind: K, request: Extract<OnnxRequest, { kind: K }>): Promise<OnnxAnswer[K]>;
  /** Ends the thread while nothing is pending; the next question starts another. */
  idle(): void;
  close(): Promise<void>;
  onDeath: () => void;
};

function createThread(): Thread {
  let worker: Worker | null = null;
  let nextId = 1;
  let closed = false;
  const pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();

  const self: Thread = {
    onDeath: () => {},
    ask(_kind, request) {
      if (closed) return Promise.reject(new LabError('cancelled', 'The lab is closing.'));
      worker ??= start();
      const id = nextId++;
      const asked = new Promise<never>((resolve, reject) => pending.set(id, { resolve, reject }));
      worker.ref();
      worker.postMessage({ ...request, id }, 'feeds' in request ? handedOver(request.feeds) : []);
      return asked;
    },
    idle() {
      if (pending.size > 0 || !worker) return;
      const ended = worker;
      worker = null;
      void ended.terminate();
    },
    async close() {
      closed = true;
      const ended = worker;
      worker = null;
      await ended?.terminate();
      rejectAll(new LabError('cancelled', 'The lab is closing.'));
    },
  };

  function rejectAll(error: Error): void {
    for (const waiter of pending.values()) waiter.reject(error);
    pending.clear();
  }

  function start(): Worker {
    const started = new Worker(new URL(workerFile('onnx')));
    started.unref();
    started.on('message', (message: { id: number; result: never } | { id: number; error: string }) => {
      const waiter = pending.get(message.id);
      pending.delete(message.id);
      if ('error' in message) waiter?.reject(new Error(message.error));
      else waiter?.resolve(message.result);
      // the process may end while the thread has nothing to do, never while it works
      if (pending.size === 0) started.unref();
    });
    const died = (error: Error) => {
      if (worker !== started) return;
      worker = null;
      self.onDeath();
      rejectAll(error);
    };
    started.on('error', died);
    started.on('exit', (code) => died(new Error(`the thread that runs models ended (code ${code})`)));
    return started;
  }
  return self;
}

/** Shared memory stays where it is; plain memory moves. */
function handedOver(feeds: Record<string, OnnxTensor>): ArrayBuffer[] {
  return [...new Set(Object.values(feeds).map((feed) => feed.data.buffer))].filter(
    (buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer,
  );
}
