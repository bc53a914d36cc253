// A real model store with real image threads in a scratch folder, and folders of models made from the fixtures.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createImagePool, type ImagePool } from '../../../electron/engine/images/pool.ts';
import { createModelStore, type ModelStore } from '../../../electron/engine/models/store.ts';
import { readNpy } from '../../../electron/engine/npy.ts';
import { type Settings, settingsShape } from '../../../shared/contract.ts';
import { fixturePath } from '../../helpers/shared.ts';

export type TestStore = {
  store: ModelStore;
  images: ImagePool;
  dir: string;
  dirs: { data: string; cache: string; models: string; modelsDirs: string[]; shipped: string };
  notices: string[];
  settings: Settings;
  close(): Promise<void>;
};

export function openStore(options: { modelsDirs?: string[]; settings?: Partial<Settings> } = {}): TestStore {
  const dir = mkdtempSync(path.join(tmpdir(), 'lab-models-'));
  const dirs = {
    data: dir,
    cache: path.join(dir, 'cache'),
    models: path.join(dir, 'models'),
    modelsDirs: options.modelsDirs ?? [fixturePath('')],
    shipped: path.join(dir, 'shipped'),
  };
  for (const folder of [dirs.cache, dirs.models, dirs.shipped]) mkdirSync(folder, { recursive: true });
  cpSync(new URL('../../../models/catalog.json', import.meta.url), path.join(dirs.shipped, 'catalog.json'));
  const notices: string[] = [];
  const settings = settingsShape.parse({ device: 'cpu', threads: 1, ...options.settings });
  const images = createImagePool(2, path.join(dirs.cache, 'thumbnails'));
  const store = createModelStore({
    dirs,
    settings: () => settings,
    images: () => images,
    log: () => {},
    notice: (text) => void notices.push(text),
  });
  return {
    store,
    images,
    dir,
    dirs,
    notices,
    settings,
    async close() {
      await store.close();
      await images.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A copy of a fixture model to break: `change` edits its files; returns its path. */
export function copyModel(from: string, to: string, change: (folder: string) => void = () => {}): string {
  cpSync(from, to, { recursive: true });
  change(to);
  return to;
}

export const editJson = (file: string, edit: (json: Record<string, unknown>) => void): void => {
  const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  edit(json);
  writeFileSync(file, JSON.stringify(json));
};

/** A golden matrix of a fixture model, as float32. */
export function golden(relative: string): { data: Float32Array; shape: number[] } {
  const { data, shape } = readNpy(readFileSync(fixturePath(relative)), relative);
  return { data: data as Float32Array, shape };
}

/** Cosine of row i of `a` with row i of `b`. */
export function rowCosines(a: Float32Array, b: Float32Array, dim: number): number[] {
  return Array.from({ length: a.length / dim }, (_, row) =>
    cosine(a.subarray(row * dim, (row + 1) * dim), b.subarray(row * dim, (row + 1) * dim)),
  );
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}
