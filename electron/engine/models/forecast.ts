// What embedding will cost, measured rather than guessed: a few of the items are embedded (and kept) against the clock.
import type { EmbedForecast } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { countCached, type EmbedItem, embedItems } from './embed-dataset.ts';
import type { Embedder } from './embedder.ts';

/** Enough for a steady pace, few enough to answer within seconds on a laptop. */
const SAMPLE_BATCHES = 2;
/** A row in the cache beside its vector: key, hash, and SQLite's own. */
const ROW_BYTES = 160;

/** `items` once per content. Seconds are for what is not cached yet; bytes are of the features on disk then. */
export async function forecast(
  engine: Pick<Engine, 'db' | 'cache' | 'push' | 'log'>,
  embedder: Embedder,
  items: EmbedItem[],
): Promise<EmbedForecast> {
  const contents = [...new Map(items.map((item) => [item.hash, item])).values()];
  const before = countCached(engine, embedder, contents);
  const has = engine.cache.prepare('SELECT 1 FROM feature WHERE model = ? AND hash = ?').pluck();
  // spread over the dataset, for the first folder may hold the small images
  const missing = contents.filter((item) => has.get(embedder.key, item.hash) === undefined);
  const hooks = { progress: () => {}, log: engine.log };
  const size = Math.min(missing.length, SAMPLE_BATCHES * Math.min(embedder.batch, 16) + 1);
  const sample = Array.from({ length: size }, (_, i) => missing[Math.floor((i * missing.length) / size)]!);
  // the first one opens the model and fills the file cache
  if (sample.length > 0) await embedItems(engine, embedder, sample.slice(0, 1), hooks);
  const timed = sample.slice(1);
  const { embedMs } = timed.length > 0 ? await embedItems(engine, embedder, timed, hooks) : { embedMs: 0 };
  const imagesPerSecond = embedMs > 0 ? (timed.length / embedMs) * 1000 : 0;
  const left = missing.length - sample.length;
  return {
    items: contents.length,
    cached: before + sample.length,
    seconds: imagesPerSecond > 0 ? left / imagesPerSecond : 0,
    bytes: contents.length * (embedder.dim * 4 + ROW_BYTES),
    imagesPerSecond,
  };
}
