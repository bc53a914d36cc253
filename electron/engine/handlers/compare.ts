// Comparisons: start one, read it while it fills in, open one dot of the chart.
import { rmSync } from 'node:fs';
import { type Comparison, type ComparisonInfo, type Handlers, type Job, LabError } from '../../../shared/contract.ts';
import { confusionMatrix, reliabilityBins } from '../../../shared/metrics.ts';
import type { PointDetail } from '../../../shared/report.ts';
import { crossingsOf, summarise } from '../../../shared/statistics.ts';
import type { Engine } from '../context.ts';
import { getDataset } from '../datasets/store.ts';
import { modelKey } from '../jobs/compare.ts';
import { rowsFolder } from '../jobs/compare-trained.ts';
import { loadComparison, type RowKey, resultRows, type StoredComparison, storedRow } from '../report/rows.ts';

type CompareCalls = 'compare.start' | 'compare.list' | 'compare.get' | 'compare.point' | 'compare.delete';

export function compareHandlers(engine: Engine): Pick<Handlers, CompareCalls> {
  const { db, jobs } = engine;
  return {
    'compare.start': async (params) => {
      const dataset = getDataset(db, params.datasetId);
      for (const model of params.models) {
        const info = await engine.models.get(model.id); // an unknown or broken model is refused now, not in the queue
        // installed with a problem: only its text side is amiss, and the methods without captions apply
        if (!info.installed)
          throw new LabError(
            'bad-request',
            info.problem ?? `${info.name} is not on this machine yet. Download it under Models first.`,
          );
      }
      const job = jobs.start('compare', params);
      const { lastInsertRowid } = db
        .prepare('INSERT INTO comparison (job_id, dataset_id, dataset_name, params, created_at) VALUES (?, ?, ?, ?, ?)')
        .run(job.id, dataset.id, dataset.name, JSON.stringify(params), Date.now());
      const comparisonId = Number(lastInsertRowid);
      engine.push('compare.changed', { id: comparisonId, results: [], shots: params.shots });
      return { comparisonId, job };
    },
    'compare.list': () =>
      (db.prepare('SELECT id FROM comparison ORDER BY id DESC').all() as { id: number }[]).map(({ id }) =>
        info(engine, loadComparison(db, id)),
      ),
    'compare.get': ({ id }) => comparison(engine, id),
    'compare.point': (params) => point(engine, params),
    'compare.delete': ({ id }) => {
      const stored = loadComparison(db, id);
      if (jobs.active().some((job) => job.id === stored.jobId))
        throw new LabError('conflict', 'This comparison is running. Cancel it first.');
      db.prepare('DELETE FROM comparison WHERE id = ?').run(id);
      rmSync(rowsFolder(engine, id), { recursive: true, force: true });
      engine.push('compare.changed', { id, results: [], shots: [] });
      return null;
    },
  };
}

function info(engine: Engine, stored: StoredComparison): ComparisonInfo {
  const { rows } = engine.db
    .prepare('SELECT count(*) AS rows FROM comparison_row WHERE comparison_id = ?')
    .get(stored.id) as { rows: number };
  const methods = engine.db
    .prepare('SELECT DISTINCT method FROM comparison_row WHERE comparison_id = ? ORDER BY method')
    .all(stored.id) as { method: string }[];
  return {
    id: stored.id,
    jobId: stored.jobId,
    datasetId: stored.datasetId,
    datasetName: stored.datasetName,
    models: stored.params.models.map(modelKey),
    methods: methods.map(({ method }) => method),
    status: jobOf(engine, stored)?.status ?? (stored.report ? 'done' : 'cancelled'),
    rows,
    expectedRows: stored.expected,
    createdAt: new Date(stored.createdAt).toISOString(),
  };
}

/** The job's row may have been deleted from Runs; the comparison stays. */
function jobOf(engine: Engine, stored: StoredComparison): Job | null {
  try {
    return engine.jobs.get(stored.jobId);
  } catch {
    return null;
  }
}

function comparison(engine: Engine, id: number): Comparison {
  const stored = loadComparison(engine.db, id);
  const results = resultRows(engine.db, id);
  const summary = stored.report?.summary ?? summarise(results);
  return {
    ...info(engine, stored),
    results,
    summary,
    crossings: stored.report?.crossings ?? crossingsOf(summary),
    omitted: stored.report?.omitted ?? [],
    baselines: stored.report?.baselines ?? null,
    testItems: stored.test.length,
    report: stored.report,
  };
}

function point(engine: Engine, { id, ...key }: { id: number } & RowKey): PointDetail {
  const stored = loadComparison(engine.db, id);
  const found = storedRow(engine.db, id, key);
  if (!found)
    throw new LabError(
      'not-found',
      `Comparison ${id} has no row for ${key.method} on ${key.model} at ${key.shots} shots${key.seed === null ? '' : `, seed ${key.seed}`}.`,
    );
  const index = new Map(stored.classes.map((name, c) => [name, c]));
  const labels = Int32Array.from(stored.test, (item) => index.get(item.label)!);
  const right = Array.from(labels, (label, i) => found.predicted[i] === label);
  const wrong = stored.test
    .map((item, i) => ({ ...item, predicted: stored.classes[found.predicted[i]!]!, p: found.probability[i]! }))
    .filter((_, i) => !right[i])
    .sort((a, b) => b.p - a.p);
  return {
    row: found.row,
    classes: stored.classes,
    confusion: confusionMatrix(Int32Array.from(found.predicted), labels, stored.classes.length),
    reliability: reliabilityBins(found.probability, right),
    right: right.filter(Boolean).length,
    total: labels.length,
    wrong,
  };
}
