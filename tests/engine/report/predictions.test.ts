import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { csvField, predictionsCsv } from '../../../electron/engine/report/predictions.ts';
import { CLASSES, sampleRows, TEST } from './sample.ts';

test('a CSV reader gets every prediction back', () => {
  const rows = sampleRows();
  const text = [...predictionsCsv({ test: TEST, classes: CLASSES, rows })].join('');
  const read = parse(text, { columns: true }) as Record<string, string>[];
  expect(read).toHaveLength(rows.length * TEST.length);
  expect(Object.keys(read[0]!)).toEqual(['path', 'label', 'predicted', 'p', 'method', 'model', 'shots', 'seed']);
  read.forEach((line, n) => {
    const { row, predicted, probability } = rows[Math.floor(n / TEST.length)]!;
    const i = n % TEST.length;
    expect(line).toMatchObject({
      path: TEST[i]!.path,
      label: TEST[i]!.label,
      predicted: CLASSES[predicted[i]!]!,
      method: row.method,
      shots: String(row.shots),
      seed: row.seed === null ? '' : String(row.seed),
    });
    expect(Math.fround(Number(line.p))).toBe(probability[i]!);
  });
});

test('is made one fit at a time', () => {
  let taken = 0;
  const rows = (function* () {
    for (const row of sampleRows()) {
      taken++;
      yield row;
    }
  })();
  const pieces = predictionsCsv({ test: TEST, classes: CLASSES, rows });
  pieces.next();
  expect(taken).toBe(0);
  pieces.next();
  expect(taken).toBe(1);
});

test.each([
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ['two\nlines', '"two\nlines"'],
  ['cr\r', '"cr\r"'],
  ['', ''],
])('quotes %j as RFC 4180 says', (value, field) => expect(csvField(value)).toBe(field));
