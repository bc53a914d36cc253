// The engine: everything that works, in one process that knows nothing of Electron. Hosts make one and hand it wires.
import { accessSync, appendFileSync, constants, mkdirSync, renameSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type EventName, type Events, type Handlers, LabError, type LogLine } from '../../shared/contract.ts';
import { serve, type Wire } from '../../shared/rpc.ts';
import type { Dirs, Engine } from './context.ts';
import { asSpaceError } from './datasets/roots.ts';
import { openCache, openDatabase, ownDataFolder } from './db/open.ts';
import { createHandlers } from './handlers/handlers.ts';
import { createImagePool, makeRoomForDecoding } from './images/pool.ts';
import { jobKinds } from './jobs/kinds.ts';
import { createJobQueue } from './jobs/queue.ts';
import { mediaHandler } from './media.ts';
import { createModelStore } from './models/store.ts';
import { programPath } from './program.ts';
import { exportHandler } from './report/exports.ts';
import { readSettings } from './settings.ts';
import { lowerHelpers, SERVES_PEOPLE } from './workers/priority.ts';

export type EngineOptions = {
  host: 'window' | 'server' | 'cli';
  dataDir: string;
  /** Looked in before the app's own models folder. */
  modelsDirs?: string[];
  /** The program's models/ folder; found beside the source or the bundle when left out. */
  shippedDir?: string;
  /** Told of every log line besides the file. */
  onLog?: (level: LogLine['level'], text: string) => void;
};

export type RunningEngine = {
  engine: Engine;
  handlers: Handlers;
  /** Serves one more window, page or shell. */
  accept(wire: Wire): void;
  /** Bytes by URL (shared/urls.ts); the host serves the page itself. */
  files(request: Request): Promise<Response>;
  /** Tells `listener` of every announcement, as a connected page is told. */
  on(listener: <E extends EventName>(event: E, payload: Events[E]) => void): void;
  close(): Promise<void>;
};

const LOG_LIMIT = 5_000_000; // bytes before the log is rotated once

/**
 * Opens the data folder and everything in it. Throws `conflict` naming the owner when another engine holds it, `no-space` on a
 * full disk.
 */
export async function createEngine(options: EngineOptions): Promise<RunningEngine> {
  try {
    return await openEngine(options);
  } catch (error) {
    throw asSpaceError(error);
  }
}

async function openEngine(options: EngineOptions): Promise<RunningEngine> {
  if (options.host !== 'cli') process.env[SERVES_PEOPLE] = '1'; // before the first thread
  makeRoomForDecoding(availableParallelism());
  await lowerHelpers();
  const dirs = layOut(options);
  const owner = await ownDataFolder(dirs.data, {
    pid: process.pid,
    host: options.host,
    since: new Date().toISOString(),
  });
  const log = fileLog(path.join(dirs.data, 'lab.log'), options.onLog);
  const listeners: (<E extends EventName>(event: E, payload: Events[E]) => void)[] = [];

  const db = await openDatabase(path.join(dirs.data, 'lab.sqlite'));
  const cache = await openCache(path.join(dirs.cache, 'cache.sqlite'));
  const settings = () => readSettings(db);
  const threads = settings().threads || availableParallelism();
  const images = createImagePool(threads, path.join(dirs.cache, 'thumbnails'));

  const engine: Engine = {
    db,
    cache,
    dirs,
    log,
    settings,
    images,
    push(event, payload) {
      server.push(event, payload);
      for (const listener of listeners) listener(event, payload);
    },
    models: createModelStore({
      dirs,
      settings,
      images: () => images,
      log,
      notice: (text) => engine.push('notice', { level: 'warn', text }),
    }),
    jobs: createJobQueue(db, jobKinds, () => engine),
  };
  const handlers = createHandlers(engine, options.host);
  const server = serve(handlers, (error, call) =>
    log('error', `${call}: ${error instanceof Error ? error.stack : String(error)}`),
  );
  const media = mediaHandler(engine);
  const exported = exportHandler(engine);
  log('info', `engine up: ${options.host}, process ${process.pid}, node ${process.version}, data in ${dirs.data}`);

  return {
    engine,
    handlers,
    accept: server.accept,
    on: (listener) => void listeners.push(listener),
    files: async (request) =>
      (await media(request)) ?? (await exported(request)) ?? new Response('There is nothing here.', { status: 404 }),
    async close() {
      await engine.jobs.close();
      server.close();
      await engine.models.close();
      await images.close();
      db.close();
      cache.close();
      owner.release();
      log('info', 'engine down');
    },
  };
}

function layOut({ dataDir, modelsDirs = [], shippedDir }: EngineOptions): Dirs {
  const data = path.resolve(dataDir);
  const fromEnvironment = (process.env.LAB_MODELS_DIR ?? '').split(path.delimiter).filter(Boolean);
  const dirs: Dirs = {
    data,
    cache: path.join(data, 'cache'),
    models: path.join(data, 'models'),
    modelsDirs: [...modelsDirs, ...fromEnvironment].map((dir) => path.resolve(dir)),
    shipped: shippedDir ?? programPath('models'),
  };
  try {
    for (const dir of [dirs.data, dirs.cache, dirs.models]) mkdirSync(dir, { recursive: true });
    accessSync(data, constants.W_OK);
  } catch (error) {
    throw new LabError(
      'bad-request',
      `The data folder ${data} cannot be made or written to (${(error as Error).message}). Choose another with --data-dir or LAB_DATA_DIR.`,
      { cause: error },
    );
  }
  return dirs;
}

/** JSON lines in a file of at most 5 MB and its predecessor. Logging never fails the work. */
function fileLog(file: string, onLog: EngineOptions['onLog']): Engine['log'] {
  return (level, text) => {
    onLog?.(level, text);
    try {
      if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT) renameSync(file, `${file}.1`);
      appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), level, text })}\n`);
    } catch {
      // a full or read-only disk: the work itself will say so
    }
  };
}
