// Reads a CSV or JSON list of path,label[,split]: which files a dataset has and what they are called.
import path from 'node:path';
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { LabError, type Split } from '../../../shared/contract.ts';
import { fsReason } from './fs-reason.ts';
import { className, splitNamed } from './layout.ts';
import { delimiterIn, type Encoding, encodingOf, LENIENT_CSV, textOf } from './list-text.ts';

/** One file as the list names it. `fault` says why the row itself cannot be used; the file is then not read. */
export type ListEntry = { path: string; label: string | null; split: Split | null; fault: string | null };

export type FileList = {
  entries: ListEntry[];
  /** In words: rows that were passed over, as a file named twice is; an encoding that was guessed. */
  notes: string[];
};

type Columns = { path: number; label: number; split: number };
type RawRow = { at: string; path: string; label: string; split: string };

const PATH_WORDS = ['path', 'file', 'filename', 'file_name', 'filepath', 'file_path', 'image', 'image_path', 'img'];
const LABEL_WORDS = ['label', 'class', 'class_name', 'category', 'target'];
const SPLIT_WORDS = ['split', 'set', 'subset', 'partition'];

export const isListName = (file: string): boolean => /\.(csv|tsv|json)$/i.test(file);

/**
 * Paths are relative to the list's folder `root`, or absolute inside it. Throws `bad-request` naming what is wrong with the
 * list as a whole; a single bad row is an entry with its fault.
 */
export async function readList(file: string, root: string): Promise<FileList> {
  const encoding = await encodingOf(file).catch((error: unknown) => {
    throw new LabError('bad-request', `${file} cannot be read: ${fsReason(error)}.`, { cause: error });
  });
  const rows = /\.json$/i.test(file) ? await jsonRows(file, encoding) : await csvRows(file, encoding);
  if (rows.length === 0)
    throw new LabError('bad-request', `${file} lists no files. It needs rows of path,label or path,label,split.`);
  const seen = new Map<string, { entry: ListEntry; at: string }>();
  const notes: string[] = [];
  if (encoding === 'windows-1252')
    notes.push(`${file} is not UTF-8 and was read as Windows-1252. If names look wrong, save it as UTF-8.`);
  for (const row of rows) {
    const entry = toEntry(row, root);
    const first = seen.get(entry.path);
    if (!first) seen.set(entry.path, { entry, at: row.at });
    else if (first.entry.label !== entry.label)
      notes.push(
        `${row.at}: ${entry.path} is listed again as ${entry.label ?? 'unlabelled'}; ${first.at} (${first.entry.label ?? 'unlabelled'}) counts.`,
      );
    else notes.push(`${row.at}: ${entry.path} is listed again.`);
  }
  return { entries: [...seen.values()].map(({ entry }) => entry), notes };
}

function toEntry(row: RawRow, root: string): ListEntry {
  const given = row.path.trim();
  const label = row.label.trim() === '' ? null : className(row.label.trim());
  const split = row.split.trim() === '' ? null : splitNamed(row.split);
  const inside = insideRoot(given, root);
  let fault: string | null = null;
  if (given === '') fault = `${row.at} of the list has no path`;
  else if (inside === null) fault = 'it lies outside the folder of the list';
  else if (row.split.trim() !== '' && split === null)
    fault = `the list says split "${row.split.trim()}"; use train, val or test`;
  return { path: inside ?? (given === '' ? `(${row.at})` : given), label, split, fault };
}

/** The path relative to `root` with '/' between names, or null when it leads out. */
function insideRoot(given: string, root: string): string | null {
  const slashed = path.sep === '\\' ? given : given.replaceAll('\\', '/');
  const relative = path.relative(root, path.resolve(root, slashed));
  if (relative === '' || relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative))
    return null;
  return path.sep === '\\' ? relative.replaceAll('\\', '/') : relative;
}

async function csvRows(file: string, encoding: Encoding): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  let columns: Columns | null = null;
  const parser = Readable.from(textOf(file, encoding))
    .on('error', (error) => parser.destroy(error))
    .pipe(
      parse({
        delimiter: await delimiterOf(file, encoding),
        ...LENIENT_CSV,
        skip_empty_lines: true,
        info: true,
      }),
    );
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (!columns) {
        columns = headerColumns(record, file);
        if (columns) continue;
        columns = { path: 0, label: 1, split: 2 };
      }
      const cell = (index: number) => (index < 0 ? '' : (record[index] ?? ''));
      rows.push({
        at: `line ${info.lines}`,
        path: cell(columns.path),
        label: cell(columns.label),
        split: cell(columns.split),
      });
    }
  } catch (error) {
    if (error instanceof LabError) throw error;
    const why = error instanceof CsvError ? error.message : fsReason(error);
    throw new LabError('bad-request', `${file} cannot be read as CSV: ${why}.`, { cause: error });
  }
  return rows;
}

async function delimiterOf(file: string, encoding: Encoding): Promise<string> {
  let head = '';
  for await (const text of textOf(file, encoding)) {
    head += text;
    if (/[\r\n]/.test(head) || head.length > 4096) break;
  }
  return delimiterIn(head);
}

/** Null when the first row is no header; then the columns are path, label, split in this order. */
function headerColumns(record: string[], file: string): Columns | null {
  const names = record.map((cell) => cell.trim().toLowerCase().replaceAll(' ', '_'));
  const find = (words: string[]) => names.findIndex((name) => words.includes(name));
  const columns = { path: find(PATH_WORDS), label: find(LABEL_WORDS), split: find(SPLIT_WORDS) };
  if (columns.path >= 0) return columns;
  if (columns.label >= 0)
    throw new LabError(
      'bad-request',
      `${file} has no column "path" (its columns are ${record.join(', ')}). Name the column with the file names "path".`,
    );
  return null;
}

/** [{path, label, split}], {"images": [...]} or {path: label}. */
async function jsonRows(file: string, encoding: Encoding): Promise<RawRow[]> {
  let value: unknown;
  try {
    let text = '';
    for await (const piece of textOf(file, encoding)) text += piece;
    value = JSON.parse(text);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ? fsReason(error) : (error as Error).message;
    throw new LabError('bad-request', `${file} cannot be read as JSON: ${why}.`, { cause: error });
  }
  if (isRecord(value) && Array.isArray(value.images)) value = value.images;
  if (isRecord(value))
    value = Object.entries(value).map(([name, label]) =>
      isRecord(label) ? { path: name, ...label } : { path: name, label },
    );
  if (!Array.isArray(value))
    throw new LabError(
      'bad-request',
      `${file} is not a list. It needs [{"path": ..., "label": ..., "split": ...}, ...].`,
    );
  return value.map((row: unknown, index) => {
    const cells = isRecord(row) ? row : typeof row === 'string' ? { path: row } : {};
    const pick = (words: string[]) => {
      const found = Object.entries(cells).find(([name]) => words.includes(name.toLowerCase()))?.[1];
      return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean' ? String(found) : '';
    };
    return { at: `entry ${index + 1}`, path: pick(PATH_WORDS), label: pick(LABEL_WORDS), split: pick(SPLIT_WORDS) };
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
