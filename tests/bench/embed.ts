// How fast a folder becomes features, walk to matrix: decoding, the lab's resize, the model. Its last line is JSON.
// The same in Python: tests/bench/embed-reference.py, or --python PATH to run both in turn.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Engine } from '../../electron/engine/context.ts';
import { openCache, openDatabase } from '../../electron/engine/db/open.ts';
import { createImagePool } from '../../electron/engine/images/pool.ts';
import { type EmbedItem, embedItems } from '../../electron/engine/models/embed-dataset.ts';
import { createModelStore } from '../../electron/engine/models/store.ts';
import { settingsShape } from '../../shared/contract.ts';

export const usage = 'embed --images DIR --model DIR [--device cpu] [--threads 2] [--limit N] [--python PATH] [--json]';

type Speed = {
  imagesPerSecond: number;
  images: number;
  seconds: number;
  /** Of all cores: what counts on a machine that does other work. */
  cpuMsPerImage: number;
};

const IMAGE = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp)$/i;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      images: { type: 'string' },
      model: { type: 'string' },
      device: { type: 'string', default: 'cpu' },
      threads: { type: 'string', default: '2' },
      limit: { type: 'string', default: '100000' },
      python: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  if (!values.images || !values.model) throw new Error(`Usage: npm run bench -- ${usage}`);
  const threads = Number(values.threads);
  const files = readdirSync(values.images, { recursive: true, encoding: 'utf8' })
    .filter((name) => IMAGE.test(name))
    .sort()
    .slice(0, Number(values.limit))
    .map((name) => path.join(values.images!, name));
  const lab = await embedAll(files, path.resolve(values.model), values.device, threads);
  const python = values.python ? reference(values.python, values.images, values.model, threads, files.length) : null;
  if (python)
    process.stderr.write(
      `lab ${lab.imagesPerSecond.toFixed(1)} images/s, Python ${python.imagesPerSecond.toFixed(1)}: ${(lab.imagesPerSecond / python.imagesPerSecond).toFixed(2)} x\n`,
    );
  console.log(JSON.stringify(python ? { ...lab, python, ratio: lab.imagesPerSecond / python.imagesPerSecond } : lab));
}

/** Every session of the model is opened and run once before the clock starts, as the reference's is. */
async function embedAll(files: string[], model: string, device: string, threads: number): Promise<Speed> {
  const dir = mkdtempSync(path.join(tmpdir(), 'lab-bench-'));
  const images = createImagePool(threads, path.join(dir, 'thumbnails'));
  const store = createModelStore({
    dirs: { data: dir, cache: dir, models: path.join(dir, 'models'), modelsDirs: [], shipped: path.join(dir, 'none') },
    settings: () => settingsShape.parse({ device, threads }),
    images: () => images,
    log: () => {},
    notice: (text) => void process.stderr.write(`${text}\n`),
  });
  const engine = {
    db: await openDatabase(path.join(dir, 'lab.sqlite')),
    cache: await openCache(path.join(dir, 'cache.sqlite')),
    push: () => {},
  };
  try {
    const embedder = await store.embedder(model);
    await Promise.all(
      Array.from({ length: embedder.lanes + 1 }, () => embedder.images(files.slice(0, embedder.batch))),
    );
    const start = performance.now();
    const cpu = process.cpuUsage();
    // an import has the hashes already; here they are part of the work, as nothing else may be assumed
    const items: EmbedItem[] = files.map((file, id) => ({
      id,
      file,
      hash: createHash('sha256').update(readFileSync(file)).digest('hex'),
    }));
    const { embedded, failures } = await embedItems(engine as Pick<Engine, 'db' | 'cache' | 'push'>, embedder, items, {
      progress: () => {},
      log: () => {},
    });
    const seconds = (performance.now() - start) / 1000;
    if (failures.length > 0) process.stderr.write(`${failures.length} failed: ${failures[0]!.reason}\n`);
    // equal contents go through the model once, so copies must not count
    if (embedded + failures.length < files.length)
      process.stderr.write(`${files.length - embedded - failures.length} copies left out\n`);
    const { user, system } = process.cpuUsage(cpu);
    return {
      imagesPerSecond: embedded / seconds,
      images: embedded,
      seconds,
      cpuMsPerImage: (user + system) / 1000 / embedded,
    };
  } finally {
    await store.close();
    await images.close();
    engine.db.close();
    engine.cache.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function reference(python: string, images: string, model: string, threads: number, limit: number): Speed {
  const script = fileURLToPath(new URL('embed-reference.py', import.meta.url));
  const out = execFileSync(python, [script, images, model, String(threads), String(limit)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(out.trim().split('\n').at(-1)!) as Speed;
}
