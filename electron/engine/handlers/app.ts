// The lab itself: what it runs on, its settings, its caches, and what is wrong with it.
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import type { AppInfo, CacheInfo, Handlers, Results } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { LAB_VERSION, packageVersion } from '../program.ts';
import { writeSettings } from '../settings.ts';

type AppCalls = 'app.info' | 'app.doctor' | 'settings.get' | 'settings.set' | 'cache.list' | 'cache.clear';

export function appHandlers(engine: Engine, host: AppInfo['host']): Pick<Handlers, AppCalls> {
  return {
    'app.info': () => appInfo(engine, host),
    'app.doctor': () => doctor(engine),
    'settings.get': () => engine.settings(),
    'settings.set': (changes) => {
      const settings = writeSettings(engine.db, changes);
      engine.push('settings.changed', settings);
      return settings;
    },
    'cache.list': () => caches(engine),
    'cache.clear': async ({ id }) => {
      if (id === 'thumbnails') await rm(path.join(engine.dirs.cache, 'thumbnails'), { recursive: true, force: true });
      else {
        engine.cache.exec('DELETE FROM feature');
        engine.cache.exec('VACUUM');
      }
      return null;
    },
  };
}

function appInfo(engine: Engine, host: AppInfo['host']): AppInfo {
  return {
    version: LAB_VERSION,
    host,
    dataDir: engine.dirs.data,
    modelsDirs: [...engine.dirs.modelsDirs, engine.dirs.models],
    logFile: path.join(engine.dirs.data, 'lab.log'),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    onnxruntime: packageVersion('onnxruntime-node'),
    cpus: availableParallelism(),
    // devices are tried while nothing else computes
    autoDevice: engine.models.autoDevice(engine.jobs.active().length === 0),
    memory: process.memoryUsage.rss(),
  };
}

async function caches(engine: Engine): Promise<CacheInfo[]> {
  const thumbnails: CacheInfo = { id: 'thumbnails', bytes: 0, entries: 0 };
  const dir = path.join(engine.dirs.cache, 'thumbnails');
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    thumbnails.entries++;
    thumbnails.bytes += (await stat(path.join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0;
  }
  const { entries, bytes } = engine.cache
    .prepare('SELECT count(*) AS entries, coalesce(sum(length(vector)), 0) AS bytes FROM feature')
    .get() as { entries: number; bytes: number };
  return [thumbnails, { id: 'features', entries, bytes }];
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

/** One line per thing the lab stands on, each with what to do when it does not hold. */
async function doctor(engine: Engine): Promise<Results['app.doctor']> {
  const checks: Results['app.doctor']['checks'] = [];
  const check = (name: string, ok: boolean, detail: string) => checks.push({ name, ok, detail });

  check(
    'lab',
    true,
    `${LAB_VERSION}, node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, ${gigabytes(totalmem())} memory`,
  );
  check(
    'database',
    true,
    `SQLite ${(engine.db.prepare('SELECT sqlite_version() AS v').get() as { v: string }).v}, schema ${engine.db.pragma('user_version', { simple: true })}, ${path.join(engine.dirs.data, 'lab.sqlite')}`,
  );
  for (const name of ['sharp', 'usearch', '@huggingface/tokenizers']) {
    const version = packageVersion(name);
    check(name, version !== null, version ?? 'not installed: run npm install again');
  }
  const runtime = packageVersion('onnxruntime-node');
  check('onnxruntime', runtime !== null, runtime ?? 'not installed: run npm install again');
  for (const provider of await engine.models.providers())
    check(
      `device ${provider.id}`,
      provider.available || provider.id !== 'cpu',
      provider.available ? 'available' : `not available: ${provider.reason}`,
    );
  try {
    accessSync(engine.dirs.data, constants.W_OK);
    const { bavail, bsize } = statfsSync(engine.dirs.data);
    const free = bavail * bsize;
    check(
      'data folder',
      free > 1e9,
      `${engine.dirs.data}, ${gigabytes(free)} free${free > 1e9 ? '' : ': make room, features and thumbnails need it'}`,
    );
  } catch (error) {
    check(
      'data folder',
      false,
      `${engine.dirs.data} cannot be written: ${(error as Error).message}. Choose another with --data-dir.`,
    );
  }
  for (const dir of engine.dirs.modelsDirs)
    check(
      'models folder',
      existsSync(dir),
      existsSync(dir) ? dir : `${dir} does not exist: correct --models-dir or LAB_MODELS_DIR`,
    );
  const models = (await engine.models.list()).filter((model) => model.installed || model.problem);
  for (const model of models)
    check(`model ${model.id}`, model.problem === null, model.problem ?? `${model.family}, ${model.path ?? 'built in'}`);
  return { checks };
}
