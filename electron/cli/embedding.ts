// Embeds a dataset for a command, with the rate and the time left on stderr.
import type { Dataset } from '../../shared/contract.ts';
import { classNames, type DatasetItem, datasetItems } from '../engine/datasets/store.ts';
import { createPace } from '../engine/jobs/progress.ts';
import { embedItems } from '../engine/models/embed-dataset.ts';
import type { Embedder } from '../engine/models/embedder.ts';
import type { Values } from './command.ts';
import { readDevice, readThreads, resolveModel } from './inputs.ts';
import { progressLine } from './progress.ts';
import type { Session } from './session.ts';

export type EmbeddedDataset = {
  embedder: Embedder;
  /** Those that have features, in the order of their paths. */
  items: DatasetItem[];
  classes: string[];
  /** [items.length, dim], not normalised. */
  features: Float32Array;
  excluded: { path: string; reason: string }[];
};

/** --model, --device, --threads. */
export async function openEmbedder(session: Session, model: string, values: Values): Promise<Embedder> {
  const { id, output } = await resolveModel(session, model);
  const [device, threads] = [readDevice(values), readThreads(values)];
  return session.running.engine.models.embedder(id, {
    ...(output === undefined ? {} : { output }),
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
  });
}

export async function embedDataset(session: Session, dataset: Dataset, embedder: Embedder): Promise<EmbeddedDataset> {
  const { running, progress, signal } = session;
  const { items, excluded } = datasetItems(running.engine.db, dataset.id, { keepLeaks: true });
  const pace = createPace();
  const note = `embedding ${dataset.name} with ${embedder.name}`;
  const embedded = await embedItems(running.engine, embedder, items, {
    signal,
    log: (_, line) => progress.say(line),
    progress: (done, total) =>
      progress.show(progressLine({ title: note, note, done, total, unit: 'images', ...pace(done, total) }), note),
  });
  progress.clear();
  signal.throwIfAborted();
  const reasons = new Map(embedded.failures.map(({ id, reason }) => [id, reason]));
  for (const item of items) if (reasons.has(item.id)) excluded.push({ path: item.path, reason: reasons.get(item.id)! });
  const kept = items.flatMap((_, i) => (embedded.valid[i] ? [i] : []));
  const { dim } = embedder;
  const features = new Float32Array(kept.length * dim);
  for (const [row, i] of kept.entries()) features.set(embedded.features.subarray(i * dim, (i + 1) * dim), row * dim);
  return {
    embedder,
    items: kept.map((i) => items[i]!),
    classes: classNames(running.engine.db, dataset.id),
    features,
    excluded,
  };
}

/** Rows brought to length 1, in place; a row of zeros stays as it is. */
export function normaliseRows(rows: Float32Array, dim: number): Float32Array {
  for (let at = 0; at < rows.length; at += dim) {
    const length = Math.hypot(...rows.subarray(at, at + dim));
    if (length > 0) for (let d = at; d < at + dim; d++) rows[d]! /= length;
  }
  return rows;
}
