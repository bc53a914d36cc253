// Reads what `lab embed` writes: a feature matrix (X.npy) and the CSV that names each row's label and split.
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { readNpy } from '../../electron/engine/npy.ts';
import { TEST, TRAIN, UNUSED, VAL } from '../../shared/protocol.ts';

/** `x` is [n, dim] in memory that worker threads see too; `labels` -1 and `split` UNUSED where the label is empty. */
export type LabelledFeatures = {
  x: Float32Array;
  dim: number;
  classes: string[];
  labels: Int32Array;
  split: Uint8Array;
};

/** Rows with a label and neither `test` nor `val` as their split are training items. */
function splitOf(row: Record<string, string>): number {
  if (!row.label) return UNUSED;
  return row.split === 'test' ? TEST : row.split === 'val' ? VAL : TRAIN;
}

export function readFeatures(featuresFile: string, labelsFile: string): LabelledFeatures {
  const { shape, data } = readNpy(readFileSync(featuresFile), featuresFile);
  const [n, dim] = shape;
  if (shape.length !== 2 || n === undefined || dim === undefined || data instanceof BigInt64Array)
    throw new Error(`${featuresFile} is not a matrix of numbers.`);
  const rows = parse(readFileSync(labelsFile), { columns: true, bom: true, skip_empty_lines: true }) as Record<
    string,
    string
  >[];
  if (rows.length !== n) throw new Error(`${labelsFile} has ${rows.length} rows, ${featuresFile} has ${n}.`);
  if (rows[0]?.label === undefined || rows[0].split === undefined)
    throw new Error(`${labelsFile} needs the columns label and split.`);
  const x = new Float32Array(new SharedArrayBuffer(data.length * 4));
  x.set(data);
  const classes = [...new Set(rows.map((r) => r.label!).filter(Boolean))].sort();
  return {
    x,
    dim,
    classes,
    labels: Int32Array.from(rows, (r) => classes.indexOf(r.label!)),
    split: Uint8Array.from(rows, splitOf),
  };
}

/** The whole number from 1 on that an option gives. */
export function countOf(name: string, value: string): number {
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${name} is a whole number from 1 on, not "${value}".`);
  return count;
}
