import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../../../electron/engine/db/open.ts';
import { exportHandler } from '../../../electron/engine/report/exports.ts';
import { buildReport } from '../../../electron/engine/report/report.ts';
import { loadComparison, resultRows, storedRow, storeRow } from '../../../electron/engine/report/rows.ts';
import { exportUrl } from '../../../shared/urls.ts';
import { CLASSES, sampleInput, sampleRow, sampleRows, TEST } from './sample.ts';

let dir: string;
let db: Database;

beforeEach(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'lab-rows-'));
  db = await openDatabase(path.join(dir, 'lab.sqlite'));
  db.prepare(
    `INSERT INTO job (id, kind, title, params, status, created_at) VALUES (1, 'compare', 't', '{}', 'done', 0)`,
  ).run();
  db.prepare(
    `INSERT INTO comparison (id, job_id, dataset_id, dataset_name, params, classes, test, expected, created_at) VALUES (7, 1, 1, 'Insects & co', ?, ?, ?, 19, 0)`,
  ).run(
    JSON.stringify({ shots: [1, 2, 4], seeds: 3, methods: [], templates: [], classNames: {}, models: [{ id: 'hog' }] }),
    JSON.stringify(CLASSES),
    JSON.stringify(TEST),
  );
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true });
});

const storeAll = () => {
  for (const { row, predicted, probability } of sampleRows()) storeRow(db, 7, row, predicted, probability);
};

test('a row comes back as it was stored', () => {
  const { row, predicted, probability } = sampleRow('knn', 'all', 2, 0.5);
  storeRow(db, 7, row, predicted, probability);
  expect(storedRow(db, 7, { method: 'knn', model: 'hog', shots: 'all', seed: 2 })).toEqual({
    row,
    predicted,
    probability,
  });
  expect(storedRow(db, 7, { method: 'knn', model: 'hog', shots: 1, seed: 2 })).toBeNull();
});

test('a zero-shot row keeps its missing seed', () => {
  const { row, predicted, probability } = sampleRow('zero-shot', 0, null, 0.5);
  storeRow(db, 7, row, predicted, probability);
  expect(resultRows(db, 7)).toEqual([row]);
});

test('storing a key again replaces it, and rows come zero-shot first, then by rising shots', () => {
  for (const shots of ['all', 16, 2, 4] as const) {
    const { row, predicted, probability } = sampleRow('knn', shots, 0, 0.5);
    storeRow(db, 7, row, predicted, probability);
    storeRow(db, 7, { ...row, fitMs: 9 }, predicted, probability);
  }
  const zero = sampleRow('zero-shot', 0, null, 0.5);
  storeRow(db, 7, zero.row, zero.predicted, zero.probability);
  expect(resultRows(db, 7).map((row) => row.shots)).toEqual([0, 2, 4, 16, 'all']);
  expect(resultRows(db, 7).at(-1)!.fitMs).toBe(9);
});

test('an unknown comparison is not found', () =>
  expect(() => loadComparison(db, 8)).toThrow('There is no comparison 8'));

const get = (name: Parameters<typeof exportUrl>[1], id = 7) =>
  exportHandler({ db })(new Request(`http://lab.invalid/${exportUrl(id, name)}`));

test('every export has its address', async () => {
  storeAll();
  const report = buildReport(sampleInput());
  db.prepare('UPDATE comparison SET report = ? WHERE id = 7').run(JSON.stringify(report));
  expect(await (await get('report.json'))!.json()).toEqual(JSON.parse(JSON.stringify(report)));
  const csv = await (await get('predictions.csv'))!.text();
  expect(csv.match(/,knn,hog,4,2\r\n/g)).toHaveLength(TEST.length);
  expect(await (await get('chart.svg'))!.text()).toMatch(/^<svg /);
  expect(new Uint8Array(await (await get('chart.png'))!.arrayBuffer()).subarray(1, 4)).toEqual(
    new Uint8Array([80, 78, 71]),
  );
  const html = (await get('report.html'))!;
  expect(html.headers.get('content-type')).toContain('text/html');
  expect(html.headers.get('content-disposition')).toBe('attachment; filename="Insects-co-7-report.html"');
});

test('a comparison that still runs is exported with the rows it has, and says so', async () => {
  storeAll();
  const report = (await (await get('report.json'))!.json()) as {
    results: unknown[];
    complete: boolean;
    omitted: { reason: string }[];
  };
  expect(report.results).toHaveLength(19);
  expect(report.complete).toBe(false);
  expect(report.omitted[0]!.reason).toContain('has not ended');
});

test('an unknown comparison answers 404 with a sentence; other addresses are left to others', async () => {
  const missing = (await get('report.json', 99))!;
  expect(missing.status).toBe(404);
  expect(await missing.text()).toContain('There is no comparison 99');
  expect(await exportHandler({ db })(new Request('http://lab.invalid/media/image/1'))).toBeNull();
  expect(await exportHandler({ db })(new Request('http://lab.invalid/export/compare/7/secret.txt'))).toBeNull();
});
