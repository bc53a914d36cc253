// `lab compare --features`: the grid on vectors made elsewhere. No images, no data folder, the same report.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { LabError } from '../../shared/contract.ts';
import { SPLIT_CODE, stratifiedSplit, UNUSED } from '../../shared/protocol.ts';
import { FEATURE_METHOD_IDS, METHOD_IDS, type ReportModel } from '../../shared/report.ts';
import { className, splitNamed } from '../engine/datasets/layout.ts';
import { decodeText, delimiterIn, LENIENT_CSV } from '../engine/datasets/list-text.ts';
import { type GridInput, type GridRow, runGrid, testItems } from '../engine/methods/grid.ts';
import { readNpy } from '../engine/npy.ts';
import { LAB_VERSION } from '../engine/program.ts';
import { environmentOf } from '../engine/report/environment.ts';
import type { Outcome } from '../engine/report/outcome.ts';
import { buildReport } from '../engine/report/report.ts';
import type { StoredRow } from '../engine/report/rows.ts';
import { text, UsageError, type Values } from './command.ts';
import type { Plan } from './commands/compare.ts';
import { preview, readClassNames } from './inputs.ts';
import { createProgress } from './progress.ts';
import { interruptible } from './session.ts';

type Matrix = { rows: number; dim: number; data: Float32Array };
/** One row of the CSV: what row `i` of the features is. */
type LabelRow = { label: string; split: string | null; path: string };
type Excluded = { path: string; reason: string };
type Labelled = {
  classes: string[];
  labels: Int32Array;
  split: Uint8Array;
  paths: string[];
  excluded: Excluded[];
  splitSource: string;
};

const DEFAULT_FRACTION = 0.2;

/** There are no images to train an encoder on. */
function onFeatures(methods: Plan['methods']): GridInput['methods'] {
  const trained = methods.find((id) => !FEATURE_METHOD_IDS.some((known) => known === id));
  if (trained)
    throw new UsageError(
      `--methods ${trained} trains the encoder on images; with --features there are none. Leave it out.`,
    );
  return FEATURE_METHOD_IDS.filter((id) => methods.includes(id));
}

export async function compareFeatures(plan: Plan, values: Values): Promise<Outcome> {
  const file = text(values, 'features')!;
  const labelsFile = text(values, 'labels');
  if (labelsFile === undefined)
    throw new UsageError('--features needs --labels Y.csv, whose row i labels row i of the features.');
  const features = readMatrix(file);
  const rows = readLabels(labelsFile, features.rows);
  if (rows.length !== features.rows)
    throw new LabError(
      'bad-request',
      `${file} has ${features.rows} rows, ${labelsFile} has ${rows.length}. Row i of the one must label row i of the other.`,
    );
  const textFile = text(values, 'text-features');
  const namesFile = text(values, 'class-names');
  const names = namesFile === undefined ? null : namesOf(namesFile);
  const data = labelled(rows, features, { names, namesFile: namesFile ?? '', labelsFile, fraction: plan.testFraction });
  const texts = textFile === undefined ? null : readMatrix(textFile);
  if (texts && texts.rows !== data.classes.length)
    throw new LabError(
      'bad-request',
      `${textFile} has ${texts.rows} rows for ${data.classes.length} classes (${preview(data.classes)}). One row a class is needed, in the order of ${namesFile ?? 'the sorted labels'}.`,
    );
  if (texts && texts.dim !== features.dim)
    throw new LabError(
      'bad-request',
      `${textFile} has ${texts.dim} dimensions, ${file} has ${features.dim}. Both must come from the same model.`,
    );

  const model = path.basename(file, '.npy');
  const input: GridInput = {
    classes: data.classes,
    labels: data.labels,
    split: data.split,
    models: [{ id: model, features: features.data, dim: features.dim, ...(texts ? { text: texts.data } : {}) }],
    methods: onFeatures(plan.methods),
    shots: plan.shots,
    seeds: plan.seeds,
    knnVote: 'similarity',
    knnIndex: 'auto',
    ...(plan.threads ? { threads: plan.threads } : {}),
  };
  return outcomeOf(input, await runAll(input), data, { model, file, plan });
}

type Fitted = { rows: GridRow[]; omitted: Awaited<ReturnType<typeof runGrid>>['omitted'] };

async function runAll(input: GridInput): Promise<Fitted> {
  const progress = createProgress();
  const rows: GridRow[] = [];
  const { omitted } = await interruptible((signal) =>
    runGrid(input, {
      signal,
      onRow: (row) => void rows.push(row),
      onProgress: (done, total) => progress.show(`fitting: ${done} of ${total} fits`, 'fitting'),
    }),
  ).finally(progress.clear);
  return { rows, omitted };
}

function outcomeOf(
  input: GridInput,
  fitted: Fitted,
  data: Labelled,
  about: { model: string; file: string; plan: Plan },
): Outcome {
  const { plan, model, file } = about;
  const test = Array.from(testItems(input), (i) => ({ path: data.paths[i]!, label: data.classes[input.labels[i]!]! }));
  const stored = new Map<string, StoredRow>();
  for (const { predicted, probability, ...row } of inOrder(fitted.rows))
    stored.set(keyOf(row), { row, predicted: Uint16Array.from(predicted), probability });
  const given: ReportModel = {
    id: model,
    name: model,
    dim: input.models[0]!.dim,
    output: 'given features',
    pretrained: true,
    licence: null,
    hash: '',
    device: 'none',
    embedMs: 0,
    embedded: 0,
  };
  const results = [...stored.values()].map(({ row }) => row);
  const splitNames = ['train', 'val', 'test'] as const;
  const report = buildReport({
    id: model,
    createdAt: new Date().toISOString(),
    dataset: { name: model, path: path.resolve(file), items: data.labels.length },
    classes: data.classes,
    items: Array.from(data.labels, (label, i) => ({
      label: data.classes[label] ?? null,
      split: splitNames[data.split[i]!] ?? null,
    })).filter((item) => item.label !== null && item.split !== null),
    excluded: data.excluded,
    models: [given],
    environment: environmentOf(LAB_VERSION, plan.threads ?? 0),
    protocol: {
      shots: plan.shots,
      seeds: plan.seeds,
      methods: METHOD_IDS.filter((id) => results.some((row) => row.method === id)),
      templates: [],
      classNames: {},
      splitSource: data.splitSource,
    },
    results,
    omitted: fitted.omitted,
  });
  return { report, test, row: (key) => stored.get(keyOf(key)) ?? null };
}

const keyOf = (row: { method: string; model: string; shots: number | 'all'; seed: number | null }) =>
  `${row.method}|${row.model}|${row.shots}|${row.seed}`;

/** Rows arrive as threads finish them; a report lists them by method, shots and seed. */
function inOrder(rows: GridRow[]): GridRow[] {
  const shots = (row: GridRow) => (row.shots === 'all' ? Number.MAX_VALUE : row.shots);
  const method = (row: GridRow) => METHOD_IDS.indexOf(row.method);
  return [...rows].sort((a, b) => method(a) - method(b) || shots(a) - shots(b) || (a.seed ?? -1) - (b.seed ?? -1));
}

// ---------------------------------------------------------------- reading

function readMatrix(file: string): Matrix {
  const { shape, data, dtype } = readNpy(readBytes(file), file);
  if (shape.length !== 2)
    throw new LabError('bad-request', `${file} has the shape (${shape.join(', ')}); [rows, dimensions] is needed.`);
  if (data instanceof BigInt64Array || dtype === '|u1' || dtype === '<i4')
    throw new LabError('bad-request', `${file} holds ${dtype}; features are float16, float32 or float64.`);
  return { rows: shape[0]!, dim: shape[1]!, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new LabError(
      'not-found',
      code === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read: ${message}.`,
    );
  }
}

/** `count`: how many rows there should be. */
function readLabels(file: string, count: number): LabelRow[] {
  let cells: string[][];
  try {
    // Empty lines are kept: they are rows without a label, and row i must stay row i.
    const text = decodeText(readBytes(file));
    cells = parse(text, { ...LENIENT_CSV, delimiter: delimiterIn(text) });
  } catch (error) {
    if (error instanceof LabError) throw error;
    throw new LabError('bad-request', `${file} cannot be read as CSV: ${(error as Error).message}.`);
  }
  const head = (cells.shift() ?? []).map((name) => name.toLowerCase());
  const [label, split, at] = ['label', 'split', 'path'].map((name) => head.indexOf(name)) as [number, number, number];
  if (label < 0)
    throw new LabError(
      'bad-request',
      `${file} has no column "label" in its first line (it has ${head.join(', ') || 'nothing'}). Columns: label[,split,path].`,
    );
  while (cells.length > count && cells.at(-1)!.every((cell) => cell === '')) cells.pop(); // empty lines at the end
  return cells.map((row, i) => ({
    label: className(row[label] ?? ''),
    split: split < 0 ? null : (row[split] ?? ''),
    path: row[at] || `row ${i}`,
  }));
}

/** The class names in the order of the text features: a list, or the classes of a CSV or an object. */
function namesOf(file: string): string[] {
  const words = readClassNames(file);
  const names = Array.isArray(words) ? words : Object.keys(words);
  // JavaScript hands out keys that are numbers first, in their own order: the file's is lost.
  if (!Array.isArray(words) && names.some((name) => /^\d+$/.test(name)))
    throw new LabError(
      'bad-request',
      `${file}: numbers as classes have no order of their own. Write a list of the names.`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new LabError('bad-request', `${file} names "${twice}" twice.`);
  return names;
}

type Naming = { names: string[] | null; namesFile: string; labelsFile: string; fraction: number | undefined };

/** Classes, label indices and splits of the rows; what cannot be used is excluded with its reason. */
function labelled(rows: LabelRow[], features: Matrix, naming: Naming): Labelled {
  const { names, namesFile, labelsFile } = naming;
  const present = new Set(rows.map((row) => row.label).filter((label) => label !== ''));
  const classes = names ?? [...present].sort();
  const index = new Map(classes.map((name, c) => [name, c]));
  const drawn = naming.fraction !== undefined || rows.every((row) => row.split === null);
  const excluded: Excluded[] = [];
  const labels = new Int32Array(rows.length).fill(-1);
  const split = new Uint8Array(rows.length).fill(UNUSED);
  for (const [i, row] of rows.entries()) {
    const leave = (reason: string) => void excluded.push({ path: row.path, reason });
    const label = index.get(row.label);
    if (row.label === '') leave('no label');
    else if (label === undefined)
      throw new LabError(
        'bad-request',
        `${labelsFile}, row ${i}: the label "${row.label}" is not in ${namesFile} (${preview(classes)}).`,
      );
    else if (!finite(features, i)) leave('its features are not finite');
    else if (row.split === '' && !drawn) leave('no split');
    else if (row.split && !splitNamed(row.split))
      throw new LabError(
        'bad-request',
        `${labelsFile}, row ${i}: the split "${row.split}" is none of train, val, test.`,
      );
    else {
      labels[i] = label;
      if (row.split) split[i] = SPLIT_CODE[splitNamed(row.split)!];
    }
  }
  if (new Set(labels.filter((label) => label >= 0)).size < 2)
    throw new LabError('bad-request', `${labelsFile} has fewer than two classes among its usable rows.`);
  const paths = rows.map((row) => row.path);
  if (!drawn) return { classes, labels, split, paths, excluded, splitSource: 'the list' };
  const share = naming.fraction ?? DEFAULT_FRACTION;
  // val stays, as it does where a folder is split
  const open = labels.map((label, i) => (split[i] === SPLIT_CODE.val ? -1 : label));
  const isTest = share === 1 ? split.map(() => 1) : stratifiedSplit(open, share, 0);
  for (const [i, label] of open.entries()) if (label >= 0) split[i] = isTest[i] ? SPLIT_CODE.test : SPLIT_CODE.train;
  return { classes, labels, split, paths, excluded, splitSource: `stratified, seed 0, test fraction ${share}` };
}

function finite({ data, dim }: Matrix, row: number): boolean {
  for (let d = row * dim; d < (row + 1) * dim; d++) if (!Number.isFinite(data[d])) return false;
  return true;
}
