// Every model the lab knows: built in, found in a folder, added, downloaded, or only listed in the catalog.
import type { EventName, Events, ModelInfo, ProviderReport, Settings } from '../../../shared/contract.ts';
import type { Dirs, Log } from '../context.ts';
import type { ImagePool } from '../images/pool.ts';
import type { Embedder } from './embedder.ts';

export type EmbedderOptions = { output?: string; device?: string; threads?: number };

export type ModelStore = {
  list(): Promise<ModelInfo[]>;
  /** By id, or by the path of a folder, as the shell gives it. Throws `not-found` with the ids there are. */
  get(idOrPath: string): Promise<ModelInfo>;
  embedder(idOrPath: string, options?: EmbedderOptions): Promise<Embedder>;
  providers(): Promise<ProviderReport[]>;
  /** Copies a folder, or unpacks a zip, into the app's models folder. */
  add(path: string): Promise<ModelInfo>;
  remove(id: string): Promise<void>;
  close(): Promise<void>;
};

export type ModelStoreOptions = {
  dirs: Dirs;
  settings(): Settings;
  images: () => ImagePool;
  log: Log;
  /** Says something to the user that no call was waiting for. */
  notice(text: string): void;
  push?<E extends EventName>(event: E, payload: Events[E]): void;
};
