// The main job: embed a dataset with each backbone, then fit every method at every shot count and seed (DESIGN.md 5).
// Rows are stored as they come, so that a resumed job fits only what is missing.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { z } from 'zod';
import { type CompareParams, compareParams, LabError } from '../../../shared/contract.ts';
import { SPLIT_CODE, UNUSED } from '../../../shared/protocol.ts';
import {
  FEATURE_METHOD_IDS,
  METHOD_IDS,
  type Omission,
  type ReportModel,
  type ResultRow,
} from '../../../shared/report.ts';
import { wordsFor } from '../../../shared/templates.ts';
import { type Drawn, drawItems, withoutUnreadable } from '../datasets/drawn.ts';
import { ensureOnline } from '../datasets/roots.ts';
import { type DatasetItem, getDataset } from '../datasets/store.ts';
import { wordsOf } from '../finetune/setup.ts';
import { type GridModel, type GridRow, runGrid } from '../methods/grid.ts';
import { embedItems } from '../models/embed-dataset.ts';
import type { Embedder } from '../models/embedder.ts';
import { classTextFeatures } from '../models/text-features.ts';
import { gatherRows } from '../numeric/matrix.ts';
import { LAB_VERSION } from '../program.ts';
import { environmentOf } from '../report/environment.ts';
import { buildReport } from '../report/report.ts';
import { type RowKey, resultRows, storeRow, type TestItem } from '../report/rows.ts';
import { planTrained, rowsFolder, runTrained } from './compare-trained.ts';
import { defineJob, type JobContext } from './kind.ts';

const PUSH_EVERY_MS = 200;

export const compareJob = defineJob<CompareParams>({
  params: compareParams as z.ZodType<CompareParams>,
  title: ({ datasetId, models }, engine) =>
    `${getDataset(engine.db, datasetId).name} with ${models.map(modelKey).join(', ')}`,
  unit: 'fits',
  lane: 'work',
  async run(params, job) {
    const { engine } = job;
    const comparison = engine.db.prepare('SELECT id FROM comparison WHERE job_id = ?').get(job.jobId) as
      | { id: number }
      | undefined;
    if (!comparison) throw new LabError('not-found', 'The comparison of this job was deleted. Start a new one.');
    await ensureOnline(engine, params.datasetId); // a drive that is back brings its items with it
    const dataset = getDataset(engine.db, params.datasetId);
    const chosen = drawItems(engine, params);
    const { names, templates } = wordsOf(params, chosen.classes);

    const models: (GridModel & { about: ReportModel })[] = [];
    const failed = new Map<number, string>();
    for (const choice of params.models)
      models.push(await embedWith(choice, chosen.items, { params, names, templates, failed, job }));
    const drawn = readable(chosen, failed, models);
    const used = drawn.items.filter((item) => !failed.has(item.id));

    const test: TestItem[] = used
      .filter((item) => item.split === 'test' && item.label >= 0)
      .map((item) => ({ itemId: item.id, path: item.path, hash: item.hash, label: drawn.classes[item.label]! }));
    dropStaleRows(job, comparison.id, { classes: drawn.classes, items: used });
    engine.db
      .prepare('UPDATE comparison SET classes = ?, test = ? WHERE id = ?')
      .run(JSON.stringify(drawn.classes), JSON.stringify(test), comparison.id);
    const omitted = await fitAll(comparison.id, params, drawn, models, failed, job);

    const results = resultRows(engine.db, comparison.id);
    const report = buildReport({
      id: String(comparison.id),
      createdAt: new Date().toISOString(),
      dataset: { name: dataset.name, path: dataset.path, items: dataset.items },
      classes: drawn.classes,
      items: used.map((item) => ({ label: item.label < 0 ? null : drawn.classes[item.label]!, split: item.split })),
      excluded: drawn.excluded,
      models: models.map((model) => model.about),
      environment: environmentOf(LAB_VERSION, params.threads ?? engine.settings().threads),
      protocol: {
        shots: params.shots,
        seeds: params.seeds,
        methods: METHOD_IDS.filter((id) => results.some((row) => row.method === id)),
        templates,
        classNames: Object.fromEntries(drawn.classes.map((name) => [name, wordsFor(params.classNames, name)])),
        splitSource:
          dataset.splitSource === 'stratified'
            ? `stratified, seed ${dataset.splitSeed}, test fraction ${dataset.testFraction}`
            : dataset.splitSource,
      },
      results,
      omitted,
    });
    engine.db.prepare('UPDATE comparison SET report = ? WHERE id = ?').run(JSON.stringify(report), comparison.id);
    engine.push('compare.changed', { id: comparison.id, results: [], shots: params.shots });
    return { comparisonId: comparison.id, rows: results.length, omitted: omitted.length };
  },
  cancelled(jobId, engine) {
    const id = engine.db.prepare('SELECT id FROM comparison WHERE job_id = ?').pluck().get(jobId) as number | undefined;
    if (id !== undefined) rmSync(rowsFolder(engine, id), { recursive: true, force: true });
  },
});

/** What is left without the files that could not be embedded; the captions of a class that goes with them go too. */
function readable(drawn: Drawn, failed: Map<number, string>, models: GridModel[]): Drawn {
  const { held, ...rest } = withoutUnreadable(drawn, failed);
  for (const model of models) if (model.text) model.text = gatherRows(model.text, model.dim, Int32Array.from(held));
  return rest;
}

/**
 * Rows of a job that is resumed after labels, the split or files changed belong to other items: they would be read against the
 * wrong test, beside rows of another draw. They go, and all are fitted anew.
 */
function dropStaleRows(
  { engine, log }: JobContext,
  id: number,
  { classes, items }: Pick<Drawn, 'classes' | 'items'>,
): void {
  const hash = createHash('sha256').update(JSON.stringify(classes));
  for (const item of items) hash.update(`${item.hash} ${item.label} ${item.split}\n`);
  const now = hash.digest('hex');
  const before = engine.db.prepare('SELECT items FROM comparison WHERE id = ?').pluck().get(id) as string | null;
  if (before === now) return;
  const { changes } = engine.db.prepare('DELETE FROM comparison_row WHERE comparison_id = ?').run(id);
  rmSync(rowsFolder(engine, id), { recursive: true, force: true });
  if (changes > 0)
    log(
      'warn',
      `The labels, the split or the files have changed since this comparison began: its ${changes} rows are fitted anew.`,
    );
  engine.db.prepare('UPDATE comparison SET items = ? WHERE id = ?').run(now, id);
}

/** Methods that look at no caption even where there is a text side. */
const TEXTLESS = new Set<string>(['nearest-mean', 'knn', 'linear-probe', 'discriminant', 'lp-ft']);

/** One name per backbone and chosen output, as rows carry it. */
export const modelKey = (choice: { id: string; output?: string | undefined }): string =>
  choice.output ? `${choice.id}:${choice.output}` : choice.id;

type Embedding = {
  params: CompareParams;
  names: string[];
  templates: string[];
  failed: Map<number, string>;
  job: JobContext;
};

async function embedWith(
  choice: CompareParams['models'][number],
  items: DatasetItem[],
  { params, names, templates, failed, job }: Embedding,
): Promise<GridModel & { about: ReportModel }> {
  const { engine, signal } = job;
  const key = modelKey(choice);
  job.progress(0, items.length, `loading ${key}`, 'images');
  const embedder: Embedder = await engine.models.embedder(choice.id, {
    ...(choice.output ? { output: choice.output } : {}),
    ...(params.device ? { device: params.device } : {}),
    ...(params.threads ? { threads: params.threads } : {}),
  });
  const embedded = await embedItems(engine, embedder, items, {
    signal,
    log: job.log,
    progress: (done, total) => job.progress(done, total, `embedding with ${key}`, 'images'),
  });
  for (const { id, reason } of embedded.failures) failed.set(id, reason);
  const wantsText = params.methods.length === 0 || params.methods.some((method) => !TEXTLESS.has(method));
  const text = embedder.text && wantsText ? await classTextFeatures(embedder, names, templates, signal) : undefined;
  return {
    id: key,
    features: embedded.features,
    dim: embedder.dim,
    ...(text ? { text } : {}),
    ...(embedder.scale === null ? {} : { scale: embedder.scale }),
    about: {
      id: key,
      name: embedder.name,
      dim: embedder.dim,
      output: embedder.output,
      pretrained: embedder.pretrained,
      licence: embedder.licence,
      hash: embedder.hash,
      device: embedder.device,
      embedMs: embedded.embedMs,
      embedded: embedded.embedded,
    },
  };
}

async function fitAll(
  comparisonId: number,
  params: CompareParams,
  drawn: Drawn,
  models: GridModel[],
  failed: Map<number, string>,
  job: JobContext,
): Promise<Omission[]> {
  const { engine, signal } = job;
  const have = new Set(resultRows(engine.db, comparisonId).map(rowKey));
  const setExpected = engine.db.prepare('UPDATE comparison SET expected = ? WHERE id = ?');
  let fresh: ResultRow[] = [];
  let last = 0;
  const announce = () => {
    if (fresh.length === 0) return;
    engine.push('compare.changed', { id: comparisonId, results: fresh, shots: params.shots });
    fresh = [];
    last = Date.now();
  };

  const labels = Int32Array.from(drawn.items, (item) => (failed.has(item.id) ? -1 : item.label));
  const split = Uint8Array.from(drawn.items, (item) => (item.split ? SPLIT_CODE[item.split] : UNUSED));
  const onFeatures = FEATURE_METHOD_IDS.filter((id) => params.methods.includes(id));
  const trained = planTrained({ params, drawn, models, labels, split });
  const onRow = ({ predicted, probability, ...row }: GridRow) => {
    storeRow(engine.db, comparisonId, row, Uint16Array.from(predicted), probability);
    fresh.push(row);
    if (Date.now() - last >= PUSH_EVERY_MS) announce();
  };
  const has = (key: RowKey) => have.has(rowKey(key));
  const grid =
    params.methods.length > 0 && onFeatures.length === 0
      ? { omitted: [], expected: 0 }
      : await runGrid(
          {
            classes: drawn.classes,
            labels,
            split,
            models,
            methods: onFeatures,
            shots: params.shots,
            seeds: params.seeds,
            knnVote: params.knnVote,
            knnIndex: params.knnIndex,
            ...(params.threads ? { threads: params.threads } : {}),
          },
          {
            signal,
            has,
            onProgress: (done, total) => {
              setExpected.run(total + trained.rows.length, comparisonId);
              job.progress(done, total, 'fitting', 'fits');
            },
            onRow,
          },
        );
  setExpected.run(grid.expected + trained.rows.length, comparisonId);
  const left = await runTrained(trained, { comparisonId, params, drawn, models, labels, split, job, has, onRow });
  announce();
  return [...grid.omitted, ...trained.omitted.filter((one) => !isListed(one, grid.omitted)), ...left];
}

const isListed = (one: Omission, list: Omission[]) =>
  list.some(({ method, shots, reason }) => method === undefined && shots === one.shots && reason === one.reason);

const rowKey = (row: { method: string; model: string; shots: number | 'all'; seed: number | null }): string =>
  `${row.method}|${row.model}|${row.shots}|${row.seed}`;
