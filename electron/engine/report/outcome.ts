// A comparison as the files it is handed out as: the window's exports and the shell's --out folder are the same ones.
import type { Database } from 'better-sqlite3';
import { fewShotSvg } from '../../../shared/chart/few-shot-svg.ts';
import type { Report, ReportModel, ResultRow } from '../../../shared/report.ts';
import type { ExportName } from '../../../shared/urls.ts';
import { LAB_VERSION } from '../program.ts';
import { bestDetails } from './details.ts';
import { environmentOf } from './environment.ts';
import { reportHtml } from './html.ts';
import { chartPng } from './png.ts';
import { predictionsCsv } from './predictions.ts';
import { buildReport } from './report.ts';
import { loadComparison, type RowKey, resultRows, type StoredComparison, type StoredRow, storedRow } from './rows.ts';

/** A report and the predictions behind it, wherever they are kept. */
export type Outcome = {
  report: Report;
  test: readonly { path: string; label: string }[];
  row(key: RowKey): StoredRow | null;
};

const CHART = { width: 900, height: 560 };

/** Throws `not-found`. A comparison that has not ended is reported with the rows it has. */
export function storedOutcome(db: Database, id: number): Outcome {
  const stored = loadComparison(db, id);
  return {
    report: stored.report ?? unfinished(stored, resultRows(db, id)),
    test: stored.test,
    row: (key) => storedRow(db, id, key),
  };
}

/** Text, bytes, or text in pieces. */
export async function exportAs(outcome: Outcome, name: ExportName): Promise<string | Uint8Array | Iterable<string>> {
  const { report } = outcome;
  const chart = (theme: 'light' | 'dark') => fewShotSvg(report, { ...CHART, theme });
  switch (name) {
    case 'report.json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'predictions.csv':
      return predictionsCsv({ test: outcome.test, classes: report.classes, rows: rowsOf(outcome) });
    case 'chart.svg':
      return chart('light');
    case 'chart.png':
      return chartPng(chart('light'), 2);
    case 'report.html':
      return reportHtml(report, { light: chart('light'), dark: chart('dark') }, bestDetails(outcome));
  }
}

function* rowsOf(outcome: Outcome): Generator<StoredRow> {
  for (const key of outcome.report.results) {
    const row = outcome.row(key);
    if (row) yield row;
  }
}

function unfinished(stored: StoredComparison, results: ResultRow[]): Report {
  const { params } = stored;
  return buildReport({
    id: String(stored.id),
    createdAt: new Date(stored.createdAt).toISOString(),
    dataset: { name: stored.datasetName, path: '', items: stored.test.length },
    classes: stored.classes,
    items: stored.test.map(({ label }) => ({ label, split: 'test' as const })),
    excluded: [],
    models: [...new Set(results.map((row) => row.model))].map(unknownModel),
    environment: environmentOf(LAB_VERSION, params.threads ?? 0),
    protocol: {
      shots: params.shots,
      seeds: params.seeds,
      methods: [...new Set(results.map((row) => row.method))],
      templates: params.templates,
      classNames: params.classNames,
      splitSource: '',
    },
    results,
    omitted: [{ reason: `The comparison has not ended: ${results.length} of ${stored.expected} rows are there.` }],
  });
}

/** Until the job has ended only the name of a backbone is known. */
const unknownModel = (id: string): ReportModel => ({
  id,
  name: id,
  dim: 0,
  output: '',
  pretrained: !id.startsWith('hog'),
  licence: null,
  hash: '',
  device: '',
  embedMs: 0,
  embedded: 0,
});
