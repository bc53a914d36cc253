// predictions.csv: every prediction of every fit, as text (RFC 4180, CRLF) made one fit at a time.
import type { ResultRow } from '../../../shared/report.ts';

export type Predictions = {
  /** The test items in the order of the predictions below. */
  test: readonly { path: string; label: string }[];
  classes: readonly string[];
  /** `predicted`: class indices; `probability`: that of the predicted class. */
  rows: Iterable<{ row: ResultRow; predicted: Uint16Array; probability: Float32Array }>;
};

export const PREDICTIONS_HEADER = 'path,label,predicted,p,method,model,shots,seed\r\n';

/** The header, then one chunk per fit. */
export function* predictionsCsv({ test, classes, rows }: Predictions): Generator<string> {
  yield PREDICTIONS_HEADER;
  const items = test.map((item) => `${csvField(item.path)},${csvField(item.label)},`);
  const names = classes.map(csvField);
  for (const { row, predicted, probability } of rows) {
    const tail = `,${row.method},${csvField(row.model)},${row.shots},${row.seed ?? ''}\r\n`;
    let chunk = '';
    for (let i = 0; i < items.length; i++)
      chunk += `${items[i]}${names[predicted[i]!]},${shortest(probability[i]!)}${tail}`;
    yield chunk;
  }
}

/** Quoted when it holds a comma, a quote or a line break. */
export const csvField = (value: string): string =>
  /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

/** The fewest digits that float32 distinguishes. */
const shortest = (p: number) => String(Number(p.toPrecision(7)));
