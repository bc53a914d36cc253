// Features of every usable item of a dataset with one model, into the cache. Resuming goes on where it stopped.
import { z } from 'zod';
import { ensureOnline } from '../datasets/roots.ts';
import { datasetRow } from '../datasets/store.ts';
import { embedItems } from '../models/embed-dataset.ts';
import { usableItems } from '../models/usable-items.ts';
import { defineJob } from './kind.ts';

const params = z.object({ datasetId: z.number().int(), model: z.string(), output: z.string().optional() });

export const embedJob = defineJob<z.infer<typeof params>>({
  params,
  title: ({ datasetId, model, output }, engine) =>
    `${datasetRow(engine.db, datasetId).name} with ${output ? `${model}:${output}` : model}`,
  unit: 'images',
  lane: 'work',
  async run({ datasetId, model, output }, { engine, signal, progress, log }) {
    await ensureOnline(engine, datasetId);
    const items = usableItems(engine.db, datasetId);
    progress(0, items.length, `loading ${model}`);
    const embedder = await engine.models.embedder(model, output ? { output } : {});
    const { valid, failures, embedded, embedMs } = await embedItems(engine, embedder, items, {
      signal,
      log,
      progress: (done, total) => progress(done, total, `on ${embedder.device}`),
    });
    for (const { id, reason } of failures.slice(0, 1000))
      log('warn', `${items.find((item) => item.id === id)?.path ?? id}: ${reason}`);
    return {
      model: embedder.id,
      output: embedder.output,
      dim: embedder.dim,
      device: embedder.device,
      items: items.length,
      ready: valid.reduce((sum, one) => sum + one, 0),
      failed: failures.length,
      embedded,
      imagesPerSecond: embedMs > 0 ? (embedded / embedMs) * 1000 : null,
    };
  },
});
