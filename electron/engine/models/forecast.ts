// What embedding will cost, measured rather than guessed: a few of the items are embedded (and kept) against the clock.
import type { EmbedForecast } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { type EmbedItem, embedItems, notCached } from './embed-dataset.ts';
import type { Embedder } from './embedder.ts';

/** Enough for a steady pace; fewer when the model is slow, to answer within seconds. */
const MOST_TIMED = 48;
const SLICE = 16;
const ENOUGH_MS = 2000;
/** A row in the cache beside its vector: key, hash, and SQLite's own. */
const ROW_BYTES = 160;

/** `items` once per content. Seconds are for what is not cached yet; bytes are of the features on disk then. */
export async function forecast(
  engine: Pick<Engine, 'db' | 'cache' | 'push' | 'log'>,
  embedder: Embedder,
  items: EmbedItem[],
): Promise<EmbedForecast> {
  const contents = [...new Map(items.map((item) => [item.hash, item])).values()];
  const missing = await notCached(engine, embedder, contents);
  const hooks = { progress: () => {}, log: engine.log };
  // spread over the dataset, for the first folder may hold the small images
  const size = Math.min(missing.length, MOST_TIMED + 1);
  const sample = Array.from({ length: size }, (_, i) => missing[Math.floor((i * missing.length) / size)]!);
  // the first one opens the model and fills the file cache
  if (size > 0) await embedItems(engine, embedder, sample.slice(0, 1), hooks);
  let [tried, embedded, embedMs] = [Math.min(1, size), 0, 0];
  while (tried < size && embedMs < ENOUGH_MS) {
    const slice = await embedItems(engine, embedder, sample.slice(tried, tried + SLICE), hooks);
    tried = Math.min(size, tried + SLICE);
    embedded += slice.embedded;
    embedMs += slice.embedMs;
  }
  const imagesPerSecond = embedMs > 0 ? (embedded / embedMs) * 1000 : 0;
  const left = missing.length - tried;
  const failed = await notCached(engine, embedder, sample.slice(0, tried));
  return {
    items: contents.length,
    cached: contents.length - left - failed.length,
    seconds: imagesPerSecond > 0 ? left / imagesPerSecond : 0,
    bytes: contents.length * (embedder.dim * 4 + ROW_BYTES),
    imagesPerSecond,
  };
}
