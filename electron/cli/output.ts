// What a comparison leaves behind: the files of --out, and the table on stdout.
import { closeSync, mkdirSync, mkdtempSync, openSync, rmdirSync, writeSync } from 'node:fs';
import path from 'node:path';
import { crossingSentences, startOrders } from '../../shared/chart/crossings.ts';
import { seriesName, seriesOf, shotsOf } from '../../shared/chart/series.ts';
import { capital, count, percentWithInterval } from '../../shared/chart/words.ts';
import { LabError } from '../../shared/contract.ts';
import type { Report, Shots } from '../../shared/report.ts';
import { EXPORTS } from '../../shared/urls.ts';
import { exportAs, type Outcome } from '../engine/report/outcome.ts';

/** Writes report.json, predictions.csv, chart.svg, chart.png and report.html; returns the folder. */
export async function writeOutputs(outcome: Outcome, out: string): Promise<string> {
  const folder = path.resolve(out);
  makeFolder(folder);
  for (const name of EXPORTS) await writeFile(path.join(folder, name), await exportAs(outcome, name));
  return folder;
}

/** Refused before hours of work, not after. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    rmdirSync(mkdtempSync(path.join(folder, '.lab-'))); // a full disk and a read-only one say so too
  } catch (error) {
    throw new LabError(
      'bad-request',
      `The folder ${folder} cannot be made or written to: ${(error as Error).message}. Choose another with --out.`,
    );
  }
}

export async function writeFile(file: string, content: string | Uint8Array | Iterable<string>): Promise<void> {
  try {
    const handle = openSync(file, 'w');
    try {
      for (const piece of typeof content === 'string' || content instanceof Uint8Array ? [content] : content) {
        const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
        for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
      }
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new LabError(code === 'ENOSPC' ? 'no-space' : 'internal', `${file} could not be written: ${message}.`);
  }
}

/** The few-shot table, the crossings, and what is missing. */
export function resultTable(report: Report): string {
  const series = seriesOf(
    report.summary,
    report.models.map((model) => model.id),
  );
  const shots = shotsOf(series);
  const many = report.models.length > 1;
  const head = ['accuracy, %', ...shots.map(String)];
  const rows = series.map((one) =>
    one.flat
      ? [seriesName(one, many), `${percentWithInterval(one.points[0]!.mean, null)} without labels`]
      : [seriesName(one, many), ...shots.map((s) => pointText(one.points.find((point) => point.shots === s)))],
  );
  const lines = [
    `${report.dataset.name}: ${count(report.classes.length, 'class', 'classes')}, ${count(report.counts.test, 'test image')}, ${count(report.protocol.seeds, 'seed')}, ${report.models.map((model) => `${model.id}${model.pretrained ? '' : ' (no pretraining)'}`).join(', ')}`,
    '',
    ...align(shots.length > 0 ? [head, ...rows] : rows),
    '',
    ...crossingSentences(report.crossings, series, report.paired).map((one) => `${capital(one.sentence)}.`),
    ...startOrders(report.crossings, series).map((sentence) => `${capital(sentence)}.`),
  ];
  if (report.excluded.length > 0)
    lines.push(`${count(report.excluded.length, 'file')} left out, listed in the report.`);
  return `${lines.join('\n').trimEnd()}\n`;
}

const pointText = (point: { mean: number; ci95: number | null } | undefined) =>
  point ? percentWithInterval(point.mean, point.ci95) : '–';

/** Columns as wide as their widest cell, the first on the left; a row with fewer cells may run on. */
export function align(rows: string[][], rest: 'left' | 'right' = 'right'): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const full = (row: string[]) => row.length === columns;
  const widths = Array.from({ length: columns }, (_, c) =>
    Math.max(...rows.filter((row) => c === 0 || full(row)).map((row) => row[c]?.length ?? 0)),
  );
  const cell = (row: string[]) => (text: string, c: number) => {
    if (c === 0 || (rest === 'left' && full(row))) return text.padEnd(widths[c]!);
    return full(row) ? text.padStart(widths[c]!) : text;
  };
  return rows.map((row) => row.map(cell(row)).join('  ').trimEnd());
}

const shotsText = (shots: Shots): string =>
  shots === 'all' ? 'all labels' : `${shots} ${shots === 1 ? 'shot' : 'shots'}`;

/** What was asked for and is not there, a line each. */
export const missing = (report: Report): string[] =>
  report.omitted.map((one) => {
    const where = [
      one.method,
      one.model,
      one.shots !== undefined && one.shots !== 0 && shotsText(one.shots),
      one.seed !== undefined && `seed ${one.seed}`,
    ];
    return `Missing: ${where.filter(Boolean).join(', ') || 'rows'}: ${one.reason}`;
  });
