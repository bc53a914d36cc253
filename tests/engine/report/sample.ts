// A small comparison made by hand, with awkward names, for the tests of everything that writes it out.

import type { Outcome } from '../../../electron/engine/report/outcome.ts';
import { buildReport, type ReportInput } from '../../../electron/engine/report/report.ts';
import type { RowKey, StoredRow } from '../../../electron/engine/report/rows.ts';
import { metricsOf } from '../../../shared/metrics.ts';
import type { MethodId, Shots } from '../../../shared/report.ts';

export const CLASSES = ['ant', 'bee, queen', 'cat & <b>"dog"</b>'];
export const TEST = Array.from({ length: 30 }, (_, i) => ({
  itemId: i + 1,
  hash: `h${i}`,
  path: i === 0 ? 'test/a, "quoted"\nname.png' : `test/Größe/${i}.png`,
  label: CLASSES[i % 3]!,
}));

const keyOf = (key: RowKey) => `${key.method}|${key.model}|${key.shots}|${key.seed}`;

/** A row that is right on about `share` of the test items. */
export function sampleRow(method: MethodId, shots: Shots, seed: number | null, share: number): StoredRow {
  const labels = Int32Array.from(TEST, (_, i) => i % 3);
  const probabilities = new Float64Array(TEST.length * 3).fill(0.1);
  labels.forEach((label, i) => {
    const right = ((i * 7 + (seed ?? 0) * 3) % 30) / 30 < share;
    probabilities[i * 3 + (right ? label : (label + 1) % 3)] = 0.8;
  });
  const { predicted, confidence, ...metrics } = metricsOf(probabilities, labels, CLASSES);
  const validation = shots === 'all' ? 4 : Math.min(4, shots);
  return {
    row: {
      method,
      model: 'hog',
      shots,
      seed,
      ...metrics,
      fitMs: 3.25,
      choice: shots === 0 ? {} : { C: 1 },
      validation,
    },
    predicted: Uint16Array.from(predicted),
    probability: Float32Array.from(confidence),
  };
}

export function sampleRows(): StoredRow[] {
  const rows = [sampleRow('zero-shot', 0, null, 0.6)];
  for (const [method, start] of [
    ['linear-probe', 0.4],
    ['knn', 0.3],
  ] as const)
    for (const shots of [1, 2, 4])
      for (const seed of [0, 1, 2])
        rows.push(sampleRow(method, shots, seed, start + 0.15 * Math.log2(shots) + 0.04 * seed));
  return rows;
}

export function sampleInput(rows: StoredRow[] = sampleRows()): ReportInput {
  const train = Array.from({ length: 12 }, (_, i) => ({ label: CLASSES[i < 6 ? 1 : i % 3]!, split: 'train' as const }));
  return {
    id: '7',
    createdAt: '2026-01-02T03:04:05.000Z',
    dataset: { name: 'Insects & co', path: '/data/insects', items: 44 },
    classes: CLASSES,
    items: [...TEST.map(({ label }) => ({ label, split: 'test' as const })), ...train, { label: null, split: null }],
    excluded: [{ path: 'train/<script>alert(1)</script>.png', reason: 'premature end of data' }],
    models: [
      {
        id: 'hog',
        name: 'HOG',
        dim: 8,
        output: 'hog',
        pretrained: false,
        licence: null,
        hash: 'x',
        device: 'cpu',
        embedMs: 12,
        embedded: 44,
      },
    ],
    environment: { lab: '0.1.0', node: '24', platform: 'linux', cpu: 'a cpu x 2', onnxruntime: '1.30.0', threads: 2 },
    protocol: {
      shots: [1, 2, 4],
      seeds: 3,
      methods: ['zero-shot', 'linear-probe', 'knn'],
      templates: ['a photo of a {}.'],
      classNames: {},
      splitSource: 'folders',
    },
    results: rows.map(({ row }) => row),
    omitted: [],
  };
}

export function sampleOutcome(): Outcome {
  const rows = sampleRows();
  const stored = new Map(rows.map((one) => [keyOf(one.row), one]));
  return { report: buildReport(sampleInput(rows)), test: TEST, row: (key) => stored.get(keyOf(key)) ?? null };
}
