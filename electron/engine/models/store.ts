// Every model the lab knows: built in, found in a folder, added, downloaded, or only listed in the catalog.
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import {
  LabError,
  type ModelInfo,
  type ModelSource,
  type ProviderReport,
  type Settings,
} from '../../../shared/contract.ts';
import type { Dirs, Log } from '../context.ts';
import type { ImagePool } from '../images/pool.ts';
import { addModel } from './add.ts';
import { type CatalogEntry, catalogInfo, readCatalog } from './catalog.ts';
import type { Embedder } from './embedder.ts';
import { entriesOf, filesOfParts } from './files.ts';
import { type ModelFolder, readModelFolder } from './folder.ts';
import { modelHash } from './hash.ts';
import { HOG_INFO, hogEmbedder } from './hog-embedder.ts';
import { onnxEmbedder } from './onnx-embedder.ts';
import { createSessions } from './sessions.ts';

export type EmbedderOptions = { output?: string; device?: string; threads?: number };

export type ModelStore = {
  list(): Promise<ModelInfo[]>;
  /** By id, or by the path of a folder, as the shell gives it. Throws `not-found` with the ids there are. */
  get(idOrPath: string): Promise<ModelInfo>;
  /** Device and threads default to the settings. */
  embedder(idOrPath: string, options?: EmbedderOptions): Promise<Embedder>;
  /** An embedder of files that are no model of the lab's, such as one being written. On the CPU. */
  embedderOf(folder: ModelFolder, output: string): Promise<Embedder>;
  /** What a model's folder holds, for those who need its files. Throws as `embedder` does, and for hog. */
  folder(idOrPath: string): Promise<{ info: ModelInfo; folder: ModelFolder }>;
  /** The execution provider that a choice such as 'auto' (or the settings') comes to. */
  device(choice?: string): Promise<string>;
  /** Closes the model files that nothing runs now; they open again when they are asked for. */
  rest(): void;
  providers(): Promise<ProviderReport[]>;
  /** What the device 'auto' came to; null while that is unknown. `find`: find out, which takes a second of computing. */
  autoDevice(find: boolean): string | null;
  /** Copies a folder, or unpacks a zip, into the app's models folder. */
  add(path: string): Promise<ModelInfo>;
  /** Deletes a model that was added or downloaded; the others are not the lab's to delete. */
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
};

/** Downloads under way live here, inside the app's models folder. */
export const DOWNLOADS = '.downloads';

export function createModelStore(options: ModelStoreOptions): ModelStore {
  const { dirs, notice, log } = options;
  const sessions = createSessions({ cacheDir: dirs.cache, log, notice });
  const catalog = readCatalog(dirs.shipped);
  /** Folders given by path; they stay known by their id while the engine runs. */
  const given = new Map<string, string>();
  const read = createFolderReader();

  function places(): { folder: string; source: ModelSource }[] {
    const roots: { folder: string; source: ModelSource }[] = [
      { folder: dirs.shipped, source: 'bundled' },
      ...dirs.modelsDirs.map((folder) => ({ folder, source: 'models-dir' as const })),
      { folder: dirs.models, source: 'app' },
    ];
    return roots.flatMap(({ folder, source }) => modelFolders(folder).map((found) => ({ folder: found, source })));
  }

  /** The first folder of a name is the model of that id, as the sources are in order. */
  function installed(): Map<string, { folder: string; source: ModelSource }> {
    const found = new Map<string, { folder: string; source: ModelSource }>();
    for (const place of places())
      if (!found.has(path.basename(place.folder))) found.set(path.basename(place.folder), place);
    for (const [id, folder] of given) if (!found.has(id)) found.set(id, { folder, source: 'models-dir' });
    return found;
  }

  function infoOf(id: string, folder: string, source: ModelSource): ModelInfo {
    const known = catalog.find((entry) => entry.id === id);
    const { model, problem } = preferred(read(folder), known);
    return folderInfo({ id, folder, source, known, model, problem });
  }

  async function list(): Promise<ModelInfo[]> {
    const here = installed();
    const infos = [...here].map(([id, { folder, source }]) => infoOf(id, folder, source));
    return [HOG_INFO, ...infos, ...catalog.filter((entry) => !here.has(entry.id)).map(catalogInfo)];
  }

  async function get(idOrPath: string): Promise<ModelInfo> {
    if (idOrPath === HOG_INFO.id) return HOG_INFO;
    const here = installed();
    const entry = catalog.find((known) => known.id === idOrPath || known.repo === idOrPath);
    const id = here.has(idOrPath) ? idOrPath : (entry?.id ?? idOrPath);
    const place = here.get(id);
    if (place) return infoOf(id, place.folder, place.source);
    if (entry) return catalogInfo(entry);
    const folder = path.resolve(idOrPath);
    if (existsSync(folder) && statSync(folder).isDirectory())
      return infoOf(remember(folder, here), folder, 'models-dir');
    const ids = ['hog', ...here.keys(), ...catalog.map((known) => known.id).filter((known) => !here.has(known))];
    throw new LabError('not-found', `There is no model ${idOrPath}. Give a folder, or one of ${ids.join(', ')}.`);
  }

  /** The folder's name is its id, with a number where another model has that name already. */
  function remember(folder: string, here: Map<string, { folder: string }>): string {
    const name = path.basename(folder);
    for (let n = 1; ; n++) {
      const id = n === 1 ? name : `${name}-${n}`;
      const place = here.get(id);
      if (place && path.resolve(place.folder) !== folder) continue;
      if (!place) given.set(id, folder);
      return id;
    }
  }

  async function open(idOrPath: string): Promise<{ info: ModelInfo; folder: ModelFolder }> {
    const info = await get(idOrPath);
    if (info.family === 'hog')
      throw new LabError('unsupported', 'hog is computed, not learnt: it has no weights to train. Choose a model.');
    if (!info.path)
      throw new LabError('not-found', `${info.name} is not on this machine yet. Download it under Models first.`);
    const known = catalog.find((entry) => entry.id === info.id);
    const { model, problem } = preferred(read(info.path), known);
    if (!model) throw new LabError('bad-request', problem ?? `${info.path} cannot be read.`);
    return { info, folder: { ...model, scale: model.scale ?? known?.scale ?? null } };
  }

  return {
    list,
    get,
    folder: open,
    device: (choice) => sessions.device(choice ?? options.settings().device),
    async embedder(idOrPath, { output, device, threads } = {}) {
      if ((await get(idOrPath)).family === 'hog') return hogEmbedder(options.images);
      const { info, folder: model } = await open(idOrPath);
      if (!model.vision)
        throw new LabError(
          'unsupported',
          `${info.name} takes no images, so it gives no image features. Choose a vision model or one with both sides.`,
        );
      const settings = options.settings();
      return onnxEmbedder({
        info,
        folder: model,
        sessions,
        images: options.images,
        hash: await modelHash(model.vision, dirs.cache),
        output,
        device: await sessions.device(device ?? settings.device),
        threads: threads ?? settings.threads,
      });
    },
    embedderOf: (folder, output) =>
      onnxEmbedder({
        info: { id: folder.path, name: path.basename(folder.path), licence: folder.licence },
        folder,
        sessions,
        images: options.images,
        hash: folder.path,
        output,
        device: 'cpu',
        threads: options.settings().threads,
      }),
    rest: () => sessions.rest(),
    providers: () => sessions.providers(),
    autoDevice: (find) => sessions.autoDevice(find),
    async add(source) {
      mkdirSync(dirs.models, { recursive: true });
      const id = await addModel(source, dirs.models, new Set(['hog', ...installed().keys()]));
      log('info', `Added the model ${id} from ${source}.`);
      return get(id);
    },
    async remove(id) {
      const info = await get(id);
      if (info.source !== 'app' || !info.path)
        throw new LabError(
          'bad-request',
          `${info.name} was not added or downloaded by the lab (${info.path ?? info.source}), so the lab does not delete it.`,
        );
      rmSync(info.path, { recursive: true, force: true });
      log('info', `Removed the model ${info.id}.`);
    },
    close: () => sessions.close(),
  };
}

/**
 * Sub-folders that look like models (a config.json or any .onnx), or the folder itself where it is one. A sub-folder that is none may
 * be an owner's, as on the Hub: what is a model by both signs in it counts too.
 */
function modelFolders(root: string): string[] {
  const signs = (folder: string) => {
    const names = entriesOf(folder).map(({ name }) => name);
    return (
      Number(names.includes('config.json')) + Number(names.some((name) => name === 'onnx' || name.endsWith('.onnx')))
    );
  };
  if (signs(root) > 0) return [path.resolve(root)];
  return foldersIn(root).flatMap((folder) =>
    signs(folder) > 0 ? [folder] : foldersIn(folder).filter((inner) => signs(inner) === 2),
  );
}

const foldersIn = (folder: string): string[] =>
  entriesOf(folder)
    .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isSymbolicLink()))
    .map((entry) => path.join(folder, entry.name))
    .sort();

/** The catalog knows better than the general order which output of a known model is its feature. */
function preferred(reading: Reading, known: CatalogEntry | undefined): Reading {
  const vision = reading.model?.vision;
  const best = vision?.outputs.find((output) => output.id === known?.outputs[0]);
  if (!reading.model || !vision || !best) return reading;
  const outputs = [best, ...vision.outputs.filter((output) => output !== best)];
  return { ...reading, model: { ...reading.model, vision: { ...vision, outputs } } };
}

type Reading = { model: ModelFolder | null; problem: string | null };

/** Folders are read again only when one of their files changed. */
function createFolderReader(): (folder: string) => Reading {
  const seen = new Map<string, { stamp: string; reading: Reading }>();
  return (folder) => {
    const stamp = folderStamp(folder);
    const before = seen.get(folder);
    if (before?.stamp === stamp) return before.reading;
    let reading: Reading;
    try {
      reading = { model: readModelFolder(folder), problem: null };
    } catch (error) {
      reading = {
        model: null,
        problem: error instanceof LabError ? error.message : `${folder} cannot be read: ${(error as Error).message}`,
      };
    }
    seen.set(folder, { stamp, reading });
    return reading;
  };
}

const folderStamp = (folder: string): string =>
  filesOfParts(folder)
    .map(({ at, size, mtimeMs }) => `${at}:${size}:${mtimeMs}`)
    .join('\n');

type Described = {
  id: string;
  folder: string;
  source: ModelSource;
  known: CatalogEntry | undefined;
  model: ModelFolder | null;
  problem: string | null;
};

function folderInfo({ id, folder, source, known, model, problem }: Described): ModelInfo {
  const outputs = model?.vision?.outputs ?? [];
  return {
    id,
    name: known?.name ?? id,
    family: model?.family ?? known?.family ?? 'vision',
    source,
    path: folder,
    installed: model !== null,
    pretrained: true,
    hasText: model?.text != null,
    outputs: outputs.map((output) => output.id),
    dim: outputs[0]?.dim ?? known?.dim ?? null,
    imageSize: model?.vision?.preprocessing.height ?? null,
    bytes: model?.bytes ?? 0,
    licence: model?.licence ?? known?.licence ?? null,
    repo: model?.repo ?? known?.repo ?? null,
    goodFor: known?.goodFor ?? null,
    problem: problem ?? model?.textProblem ?? null,
  };
}
