// What every part of the engine is handed: the databases, the folders, the log, and the way to tell the screens.
import type { Database } from 'better-sqlite3';
import type { EventName, Events, LogLine, Settings } from '../../shared/contract.ts';
import type { ImagePool } from './images/pool.ts';
import type { JobQueue } from './jobs/queue.ts';
import type { ModelStore } from './models/store.ts';

export type Log = (level: LogLine['level'], text: string) => void;

export type Dirs = {
  /** Everything the user would miss: lab.sqlite, the logs, added models. One engine at a time owns it. */
  data: string;
  /** cache.sqlite (features) and thumbnails/: safe to delete. */
  cache: string;
  /** Models the app added or downloaded. */
  models: string;
  /** Looked in first, in order: --models-dir, LAB_MODELS_DIR. */
  modelsDirs: string[];
  /** The models/ folder shipped with the program (catalog.json, bundled models, the demo's archive). */
  shipped: string;
};

export type Engine = {
  db: Database;
  /** Features by content and model; a cache in its own file. */
  cache: Database;
  dirs: Dirs;
  log: Log;
  push<E extends EventName>(event: E, payload: Events[E]): void;
  settings(): Settings;
  jobs: JobQueue;
  models: ModelStore;
  images: ImagePool;
};
