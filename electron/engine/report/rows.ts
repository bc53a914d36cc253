// The stored rows of a comparison: one fit with its metrics and every prediction, written and read in one place.
import type { Database } from 'better-sqlite3';
import { type CompareParams, LabError } from '../../../shared/contract.ts';
import type { MethodId, Report, ResultRow, Shots } from '../../../shared/report.ts';

/** A test item as the comparison saw it; the prediction blobs follow this order. */
export type TestItem = { itemId: number; path: string; hash: string; label: string };

export type StoredComparison = {
  id: number;
  jobId: number;
  datasetId: number;
  datasetName: string;
  params: CompareParams;
  /** In the order of the class indices; empty until the job has drawn its items. */
  classes: string[];
  test: TestItem[];
  expected: number;
  report: Report | null;
  createdAt: number;
};

/** One fit and what it said of each test item: the class index and the probability of that class. */
export type StoredRow = { row: ResultRow; predicted: Uint16Array; probability: Float32Array };

export type RowKey = { method: MethodId; model: string; shots: Shots; seed: number | null };

type ComparisonRecord = {
  id: number;
  job_id: number;
  dataset_id: number;
  dataset_name: string;
  params: string;
  classes: string | null;
  test: string | null;
  expected: number;
  report: string | null;
  created_at: number;
};
type RowRecord = { method: MethodId; model: string; shots: string; seed: number; metrics: string };
type PredictionRecord = RowRecord & { predicted: Buffer; probability: Buffer };

/** Zero-shot first, then by method, model, rising shots ('all' last) and seed. */
const ORDER = `ORDER BY shots <> '0', method, model, shots = 'all', CAST(shots AS INTEGER), seed`;

/** Throws `not-found`. */
export function loadComparison(db: Database, id: number): StoredComparison {
  const record = db.prepare('SELECT * FROM comparison WHERE id = ?').get(id) as ComparisonRecord | undefined;
  if (!record) throw new LabError('not-found', `There is no comparison ${id}. It may have been deleted.`);
  return {
    id: record.id,
    jobId: record.job_id,
    datasetId: record.dataset_id,
    datasetName: record.dataset_name,
    params: JSON.parse(record.params),
    classes: record.classes ? JSON.parse(record.classes) : [],
    test: record.test ? JSON.parse(record.test) : [],
    expected: record.expected,
    report: record.report ? JSON.parse(record.report) : null,
    createdAt: record.created_at,
  };
}

/** Adds a row, or replaces the one with the same key (a resumed job may fit a row again). */
export function storeRow(
  db: Database,
  comparisonId: number,
  row: ResultRow,
  predicted: Uint16Array,
  probability: Float32Array,
): void {
  const { method, model, shots, seed, ...metrics } = row;
  db.prepare(
    `INSERT OR REPLACE INTO comparison_row (comparison_id, method, model, shots, seed, metrics, predicted, probability)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    comparisonId,
    method,
    model,
    String(shots),
    seed ?? -1,
    JSON.stringify(metrics),
    bytesOf(predicted),
    bytesOf(probability),
  );
}

/** All rows without their predictions. */
export function resultRows(db: Database, comparisonId: number): ResultRow[] {
  const records = db
    .prepare(`SELECT method, model, shots, seed, metrics FROM comparison_row WHERE comparison_id = ? ${ORDER}`)
    .all(comparisonId) as RowRecord[];
  return records.map(rowOf);
}

/** All rows with their predictions, one at a time: a big run does not fit in memory at once. */
export function* storedRows(db: Database, comparisonId: number): Generator<StoredRow> {
  for (const row of resultRows(db, comparisonId)) yield storedRow(db, comparisonId, row)!;
}

export function storedRow(db: Database, comparisonId: number, key: RowKey): StoredRow | null {
  const record = db
    .prepare(
      'SELECT * FROM comparison_row WHERE comparison_id = ? AND method = ? AND model = ? AND shots = ? AND seed = ?',
    )
    .get(comparisonId, key.method, key.model, String(key.shots), key.seed ?? -1) as PredictionRecord | undefined;
  if (!record) return null;
  return {
    row: rowOf(record),
    predicted: new Uint16Array(ownBuffer(record.predicted)),
    probability: new Float32Array(ownBuffer(record.probability)),
  };
}

function rowOf(record: RowRecord): ResultRow {
  return {
    method: record.method,
    model: record.model,
    shots: record.shots === 'all' ? 'all' : Number(record.shots),
    seed: record.seed < 0 ? null : record.seed,
    ...(JSON.parse(record.metrics) as Omit<ResultRow, keyof RowKey>),
  };
}

const bytesOf = (values: Uint16Array | Float32Array) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/** SQLite's buffers may begin at an odd address, which a typed array refuses. */
const ownBuffer = (bytes: Buffer) => new Uint8Array(bytes).buffer;
