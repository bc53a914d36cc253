// ONNX Runtime for the rest of the engine: sessions on a thread of their own, opened when needed, closed when idle,
// on the provider that was asked for or, with a notice, on the CPU.
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { LabError, type ProviderReport } from '../../../shared/contract.ts';
import type { Log } from '../context.ts';
import type { Failure } from '../images/spec.ts';
import { createThread, type Thread } from './onnx-thread.ts';
import type { PixelInput } from './pixels.ts';
import { createProviders, type Providers } from './providers.ts';
import type { TokenizerSettings, Tokens } from './tokenizer.ts';
import { plainReason, type Trial } from './trial.ts';

export type OnnxTensor = { type: string; data: Float32Array | Uint8Array | BigInt64Array | Int32Array; dims: number[] };
/**
 * A model file and how to open it. `expose`: a tensor inside the graph that is made an output too; `only`: and nothing else
 * is computed. `lanes`: how many runs may be under way at once, each in a session of its own with its share of the threads.
 */
export type OnnxSource = {
  file: string;
  expose: string | null;
  only?: boolean;
  device: string;
  threads: number;
  lanes: number;
};
export type OnnxOutput = { data: Float32Array; dims: number[] };

/** Image files through a vision tower, decoded by the thread that runs it. */
export type OnnxImages = {
  files: string[];
  /** SHA-256 of each file, hex; one that has another content by now fails. */
  hashes: string[] | undefined;
  input: PixelInput;
  /** What the file's other inputs are fed. */
  others: Record<string, OnnxTensor>;
  output: string;
};

export type OnnxRequest =
  | { kind: 'load'; session: number; source: OnnxSource }
  | { kind: 'run'; session: number; feeds: Record<string, OnnxTensor>; outputs: string[] }
  | ({ kind: 'images'; session: number } & OnnxImages)
  | { kind: 'tokenize'; settings: TokenizerSettings; texts: string[]; pad: 'context' | 'longest' }
  | { kind: 'release'; session: number }
  | { kind: 'try'; provider: string };

export type OnnxAnswer = {
  load: { inputs: string[]; outputs: string[] };
  run: Record<string, OnnxOutput>;
  /** No result where every file failed. */
  images: { result: OnnxOutput | null; failures: Failure[] };
  tokenize: Tokens;
  release: null;
  try: Trial;
};

export type Sessions = {
  /** The provider to use for a choice such as 'auto' or 'cuda'; falls back to 'cpu' with a notice. */
  device(choice: string): Promise<string>;
  /** What 'auto' came to, as far as it is known; `find`: find out. */
  autoDevice(find: boolean): string | null;
  /** Runs a model file, opening it when it is not open. What `feeds` hold is handed over. */
  run(source: OnnxSource, feeds: Record<string, OnnxTensor>, outputs: string[]): Promise<Record<string, OnnxOutput>>;
  /** Runs it on image files; the rows of those that failed mean nothing. */
  images(source: OnnxSource, images: OnnxImages): Promise<OnnxAnswer['images']>;
  tokenize(settings: TokenizerSettings, texts: string[], pad: 'context' | 'longest'): Promise<Tokens>;
  /** Where a file really runs: after a failed load that is 'cpu', whatever was asked. */
  actualDevice(source: OnnxSource): Promise<string>;
  providers(): Promise<ProviderReport[]>;
  /** Closes every file that is not running now, so that its memory is free for something large. */
  rest(): void;
  /** How many model files are open now. */
  open(): number;
  close(): Promise<void>;
};

type Lane = { thread: Thread; session: number; ready: Promise<void>; busy: number };
type Entry = { source: OnnxSource; device: string; lanes: Lane[]; usedAt: number };
type Options = { cacheDir: string; log: Log; notice(text: string): void; idleMs?: number };

export function createSessions(options: Options): Sessions {
  const idleMs = options.idleMs ?? 120_000;
  const threads: Thread[] = [];
  const entries = new Map<string, Entry>();
  const providers: Providers = createProviders({
    cacheDir: options.cacheDir,
    inThread: (provider) => threadOf(0).ask('try', { kind: 'try', provider }),
  });
  let nextSession = 1;

  const busy = (entry: Entry) => entry.lanes.some((lane) => lane.busy > 0);
  const sweep = setInterval(
    () => {
      for (const [key, entry] of entries) if (!busy(entry) && Date.now() - entry.usedAt >= idleMs) release(key, entry);
      if (entries.size === 0) for (const thread of threads) thread.idle();
    },
    Math.min(10_000, idleMs),
  );
  sweep.unref();

  function threadOf(index: number): Thread {
    threads[index] ??= createThread(() => entries.clear());
    return threads[index];
  }

  function release(key: string, entry: Entry): void {
    entries.delete(key);
    for (const { thread, session } of entry.lanes)
      thread.ask('release', { kind: 'release', session }).catch(() => {
        // the thread is gone, and the session with it
      });
  }

  /** Lane 0 finds out the device; the others, opened when it is busy, follow it. */
  function openLane(entry: Entry): Lane {
    const lane: Lane = {
      thread: threadOf(entry.lanes.length),
      session: nextSession++,
      ready: Promise.resolve(),
      busy: 0,
    };
    const { source } = entry;
    const share = Math.max(1, Math.floor(source.threads / source.lanes));
    const ask = (device: string) =>
      lane.thread.ask('load', {
        kind: 'load',
        session: lane.session,
        source: { ...source, device, threads: device === 'cpu' ? share : source.threads },
      });
    const load = async () => {
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
    };
    // the runtime is loaded by one thread after the other: two at once have crashed elsewhere
    const before = entry.lanes.at(-1)?.ready ?? Promise.resolve();
    lane.ready = before.then(load);
    entry.lanes.push(lane);
    return lane;
  }

  function entryOf(asked: OnnxSource): Entry {
    const source = { ...asked, threads: asked.threads > 0 ? asked.threads : availableParallelism() };
    // a file that was replaced is another model
    const stat = statSync(source.file, { throwIfNoEntry: false });
    const key = JSON.stringify([source, stat?.size, stat?.mtimeMs]);
    const open = entries.get(key);
    if (open) return open;
    const entry: Entry = { source, device: source.device, lanes: [], usedAt: Date.now() };
    openLane(entry).ready.catch(() => entries.delete(key));
    entries.set(key, entry);
    return entry;
  }

  /** A free lane, a new one while there may be more, else the one with the least to do. */
  function laneFor(entry: Entry): Lane {
    const least = entry.lanes.reduce((best, lane) => (lane.busy < best.busy ? lane : best));
    return least.busy > 0 && entry.lanes.length < entry.source.lanes ? openLane(entry) : least;
  }

  async function inLane<T>(source: OnnxSource, ask: (lane: Lane) => Promise<T>): Promise<T> {
    const entry = entryOf(source);
    const lane = laneFor(entry);
    lane.busy++;
    try {
      await lane.ready;
      return await ask(lane);
    } catch (error) {
      if (error instanceof LabError) throw error;
      throw new LabError('internal', `${source.file} failed to run: ${(error as Error).message}`, { cause: error });
    } finally {
      lane.busy--;
      entry.usedAt = Date.now();
    }
  }

  return {
    async device(choice) {
      const found = await providers.choose(choice);
      if (found.notice) options.notice(found.notice);
      return found.device;
    },
    autoDevice: (find) => providers.auto(find),
    run: (source, feeds, outputs) =>
      inLane(source, ({ thread, session }) => thread.ask('run', { kind: 'run', session, feeds, outputs })),
    images: (source, images) =>
      inLane(source, ({ thread, session }) => thread.ask('images', { kind: 'images', session, ...images })),
    tokenize: (settings, texts, pad) => threadOf(0).ask('tokenize', { kind: 'tokenize', settings, texts, pad }),
    async actualDevice(source) {
      const entry = entryOf(source);
      try {
        await entry.lanes[0]!.ready;
      } catch (error) {
        throw new LabError('bad-request', `ONNX Runtime cannot open ${source.file}: ${(error as Error).message}`, {
          cause: error,
        });
      }
      return entry.device;
    },
    providers: () => providers.report(),
    rest() {
      for (const [key, entry] of entries) if (!busy(entry)) release(key, entry);
    },
    open: () => entries.size,
    async close() {
      clearInterval(sweep);
      for (const [key, entry] of entries) release(key, entry);
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}
