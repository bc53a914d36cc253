// What the screens and the shell ask of models: the list, trying one on an image, embedding, searching.
import { setImmediate as breath } from 'node:timers/promises';
import { type Handlers, LabError, type Parsed, type Results } from '../../../shared/contract.ts';
import { className, DEFAULT_TEMPLATES } from '../../../shared/templates.ts';
import type { Engine } from '../context.ts';
import { catalogEntry } from '../jobs/download.ts';
import { embedItems } from '../models/embed-dataset.ts';
import type { Embedder } from '../models/embedder.ts';
import { forecast } from '../models/forecast.ts';
import { classTextFeatures } from '../models/text-features.ts';

import { fileOfItem, usableItems } from '../models/usable-items.ts';

type ModelCalls =
  | 'model.list'
  | 'model.providers'
  | 'model.add'
  | 'model.download'
  | 'model.remove'
  | 'model.try'
  | 'embed.forecast'
  | 'embed.start'
  | 'search';

export function modelHandlers(engine: Engine): Pick<Handlers, ModelCalls> {
  const { models, jobs } = engine;
  return {
    'model.list': () => models.list(),
    'model.providers': () => models.providers(),
    'model.add': async ({ path }) => {
      const info = await models.add(path);
      engine.push('model.changed', { id: info.id });
      return info;
    },
    'model.download': async ({ id }) => {
      const entry = catalogEntry(engine, id);
      if ((await models.get(entry.id)).installed)
        throw new LabError('conflict', `${entry.name} is on this machine already.`);
      const under = jobs
        .active()
        .find((job) => job.kind === 'download' && (job.params as { id: string }).id === entry.id);
      return under ?? jobs.start('download', { id: entry.id });
    },
    'model.remove': async ({ id }) => {
      await models.remove(id);
      engine.push('model.changed', { id });
      return null;
    },
    'model.try': (params) => tryModel(engine, params),
    'embed.forecast': async ({ datasetId, model, output }) => {
      const items = usableItems(engine.db, datasetId);
      return forecast(engine, await models.embedder(model, output ? { output } : {}), items);
    },
    'embed.start': async (params) => {
      // what cannot run is said now, not by a job that fails a moment later
      const info = await models.get(params.model);
      if (!info.installed)
        throw new LabError(
          'not-found',
          info.problem ?? `${info.name} is not on this machine yet. Download it under Models first.`,
        );
      usableItems(engine.db, params.datasetId);
      return jobs.start('embed', params);
    },
    search: (params) => search(engine, params),
  };
}

// ---------------------------------------------------------------- trying a model

async function tryModel(
  engine: Engine,
  { id, itemId, path, labels }: Parsed<'model.try'>,
): Promise<Results['model.try']> {
  const file = itemId !== undefined ? fileOfItem(engine.db, itemId) : path;
  if (!file) throw new LabError('bad-request', 'Choose an image: an item of a dataset, or a path.');
  const info = await engine.models.get(id);
  if (labels.length > 0) {
    const embedder = await engine.models.embedder(id);
    if (!embedder.text)
      throw new LabError(
        'unsupported',
        `${info.name} has no text side, so it cannot judge an image by words. ${info.problem ?? 'Choose a model with both sides, such as CLIP.'}`,
      );
    const captions = await classTextFeatures(embedder, labels.map(className), DEFAULT_TEMPLATES);
    const { row, milliseconds } = await embedOne(embedder, file);
    const scale = embedder.scale ?? 100;
    return { labels, probabilities: softmax(cosines(captions, row).map((cosine) => cosine * scale)), milliseconds };
  }
  if (!info.outputs.includes('logits'))
    throw new LabError(
      'unsupported',
      info.hasText
        ? `${info.name} judges an image by words: give some labels.`
        : `${info.name} gives features only, it has no classes of its own. Compare methods on it instead.`,
    );
  const embedder = await engine.models.embedder(id, { output: 'logits' });
  const { row, milliseconds } = await embedOne(embedder, file);
  const names = embedder.labels ?? Array.from(row, (_, index) => `class ${index}`);
  return { labels: names, probabilities: softmax([...row]), milliseconds };
}

/** The first run opens the model, so it is not the one that is timed. */
async function embedOne(embedder: Embedder, file: string): Promise<{ row: Float32Array; milliseconds: number }> {
  const first = await embedder.images([file]);
  const failure = first.failures[0];
  if (failure) throw new LabError('bad-request', `${file}: ${failure.reason}.`);
  const start = performance.now();
  const { features } = await embedder.images([file]);
  return { row: features, milliseconds: performance.now() - start };
}

function softmax(logits: number[]): number[] {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

const lengthOf = (row: Float32Array): number => Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;

/** Cosine of `row` with each row of a matrix of unit rows. */
function cosines(matrix: Float32Array, row: Float32Array): number[] {
  const length = lengthOf(row);
  return Array.from({ length: matrix.length / row.length }, (_, at) => {
    let sum = 0;
    for (let i = 0; i < row.length; i++) sum += matrix[at * row.length + i]! * row[i]!;
    return sum / length;
  });
}

// ---------------------------------------------------------------- search

async function search(
  engine: Engine,
  { datasetId, model, text, imagePath, k, ...options }: Parsed<'search'>,
): Promise<Results['search']> {
  if ((text === undefined) === (imagePath === undefined))
    throw new LabError('bad-request', 'Search by a text or by an image: give one of them.');
  const embedder = await engine.models.embedder(model, options);
  const query = text === undefined ? (await embedOne(embedder, imagePath!)).row : await embedText(embedder, text);
  const items = usableItems(engine.db, datasetId);
  const { features, valid } = await embedItems(engine, embedder, items, { progress: () => {}, log: engine.log });
  const similarity = new Float32Array(items.length).fill(Number.NEGATIVE_INFINITY);
  const length = lengthOf(query);
  for (let at = 0; at < items.length; at++) {
    if (at % 10_000 === 9_999) await breath();
    if (!valid[at]) continue;
    const row = features.subarray(at * embedder.dim, (at + 1) * embedder.dim);
    let sum = 0;
    for (let i = 0; i < row.length; i++) sum += row[i]! * query[i]!;
    similarity[at] = sum / (length * lengthOf(row));
  }
  const order = items
    .map((_, at) => at)
    .filter((at) => valid[at])
    .sort((a, b) => similarity[b]! - similarity[a]! || a - b);
  return order.slice(0, k).map((at) => {
    const { id, path, hash, label } = items[at]!;
    return { itemId: id, path, hash, label, similarity: similarity[at]! };
  });
}

async function embedText(embedder: Embedder, text: string): Promise<Float32Array> {
  if (!embedder.text)
    throw new LabError(
      'unsupported',
      `${embedder.name} has no text side, so it cannot search by words. Search by an image, or choose a model with both sides, such as CLIP.`,
    );
  return embedder.text([text]);
}
