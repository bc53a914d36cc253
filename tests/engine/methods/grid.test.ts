// The whole grid in real worker threads: complete, the same for any number of threads, resumable, cancelled at once.
import { describe, expect, it } from 'vitest';
import { type GridInput, type GridRow, runGrid, testItems } from '../../../electron/engine/methods/grid.ts';
import { metricsOf } from '../../../shared/metrics.ts';
import { drawSeed, planDraw, randomOf, TEST, TRAIN, UNUSED } from '../../../shared/protocol.ts';
import { FEATURE_METHOD_IDS } from '../../../shared/report.ts';

const CLASSES = ['rose', 'tulip', 'lily', 'iris'];

/** Noisy clusters, not normalised, with text features near the centres. */
function clusters(perClass = 30, dim = 24, noise = 1.2): GridInput {
  const random = randomOf(11);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = Float32Array.from({ length: CLASSES.length * dim }, () => normal());
  const n = CLASSES.length * perClass;
  const labels = Int32Array.from({ length: n }, (_, i) => i % CLASSES.length);
  const features = Float32Array.from(
    { length: n * dim },
    (_, at) => 3 * (centres[labels[Math.floor(at / dim)]! * dim + (at % dim)]! + noise * normal()),
  );
  const text = centres.map((v) => 7 * (v + 0.8 * normal()));
  return {
    classes: CLASSES,
    labels,
    split: Uint8Array.from(labels, (_, i) => (i % 3 === 0 ? TEST : TRAIN)),
    models: [{ id: 'dual', features, dim, text }],
    methods: [],
    shots: [1, 4, 'all'],
    seeds: 2,
    knnVote: 'similarity',
    knnIndex: 'auto',
  };
}

async function collect(input: GridInput, hooks: Partial<Parameters<typeof runGrid>[1]> = {}) {
  const rows: GridRow[] = [];
  const result = await runGrid(input, { onRow: (row) => rows.push(row), ...hooks });
  const key = (r: GridRow) => `${r.model} ${r.method} ${r.shots} ${r.seed}`;
  rows.sort((a, b) => key(a).localeCompare(key(b)));
  return { ...result, rows };
}

const withoutTime = (rows: GridRow[]) => rows.map(({ fitMs: _, ...rest }) => rest);

describe('the grid', () => {
  it('has every row, with metrics that follow from its predictions', async () => {
    const input = clusters();
    const progress: [number, number][] = [];
    const { rows, expected, omitted } = await collect(input, {
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect([rows.length, expected, omitted]).toEqual([1 + 6 * 3 * 2, 37, []]);
    expect(progress).toEqual(Array.from({ length: 38 }, (_, i) => [i, 37]));
    const test = testItems(input);
    for (const row of rows) {
      expect(row.predicted.length).toBe(test.length);
      const right = row.predicted.filter((c, i) => c === input.labels[test[i]!]).length;
      expect(row.accuracy).toBeCloseTo(right / test.length, 12);
      expect(row.probability.every((p) => p > 0 && p <= 1)).toBe(true);
      expect(Object.keys(row.perClass)).toEqual(CLASSES);
      expect(row.fitMs).toBeGreaterThanOrEqual(0);
    }
    const zero = rows.find((r) => r.method === 'zero-shot')!;
    expect(zero).toMatchObject({ shots: 0, seed: null, validation: 0, choice: {} });
    expect(rows.find((r) => r.method === 'linear-probe' && r.shots === 'all')).toMatchObject({ validation: 4 });
    expect(rows.find((r) => r.method === 'knn' && r.shots === 1)).toMatchObject({ validation: 1 });
    expect(rows.find((r) => r.method === 'discriminant' && r.shots === 4)).toMatchObject({ validation: 0 });
    const accuracy = (method: string, shots: unknown) =>
      rows.filter((r) => r.method === method && r.shots === shots).reduce((sum, r) => sum + r.accuracy / 2, 0);
    for (const method of ['nearest-mean', 'linear-probe', 'knn', 'discriminant'])
      expect(accuracy(method, 'all')).toBeGreaterThan(accuracy(method, 1));
  });

  it('gives the protocol’s items to a method: nearest mean recomputed by hand', async () => {
    const input = { ...clusters(), methods: ['nearest-mean' as const], shots: [4] };
    const { rows } = await collect(input);
    const { features, dim } = input.models[0]!;
    const unit = (i: number) => {
      const row = [...features.subarray(i * dim, (i + 1) * dim)];
      const length = Math.hypot(...row);
      return row.map((v) => v / length);
    };
    for (const row of rows) {
      const { train } = drawSeed(planDraw(input), row.seed!)[0]!;
      const means = CLASSES.map((_, c) => {
        const items = [...train].filter((i) => input.labels[i] === c).map(unit);
        const sum = items[0]!.map((_v, j) => items.reduce((s, item) => s + item[j]!, 0));
        return sum.map((v) => v / Math.hypot(...sum));
      });
      const scores = [...testItems(input)].map((i) =>
        means.map((mean) => mean.reduce((s, m, j) => s + m * unit(i)[j]!, 0)),
      );
      const T = row.choice.T!;
      const probabilities = scores.flatMap((s) => {
        const e = s.map((v) => Math.exp(v / T));
        return e.map((v) => v / e.reduce((a, b) => a + b));
      });
      const again = metricsOf(
        Float64Array.from(probabilities),
        testItems(input).map((i) => input.labels[i]!),
        CLASSES,
      );
      expect([...row.predicted]).toEqual([...again.predicted]);
      expect(row.logLoss).toBeCloseTo(again.logLoss, 4);
      expect(row.ece).toBeCloseTo(again.ece, 4);
    }
  });

  it('gives the same numbers whatever the threads, and from one run to the next', async () => {
    const input = clusters();
    const one = await collect({ ...input, threads: 1 });
    const three = await collect({ ...input, threads: 3 });
    expect(withoutTime(three.rows)).toEqual(withoutTime(one.rows));
  });

  it('computes only what is not stored', async () => {
    const input = clusters();
    const all = await collect(input);
    const progress: number[] = [];
    const rest = await collect(input, {
      has: (key) => key.method !== 'knn',
      onProgress: (done) => progress.push(done),
    });
    expect(rest.expected).toBe(all.expected);
    expect(withoutTime(rest.rows)).toEqual(withoutTime(all.rows.filter((r) => r.method === 'knn')));
    expect(progress[0]).toBe(all.expected - 6);
    const none = await collect(input, { has: () => true });
    expect(none.rows).toEqual([]);
  });

  it('leaves out what does not apply, and says so only where it was asked for', async () => {
    const input = clusters();
    const { text: _, ...plain } = input.models[0]!;
    const models = [{ ...plain, id: 'plain' }];
    expect(await collect({ ...input, models, shots: [1] })).toMatchObject({ omitted: [], expected: 8 });
    const asked = await collect({ ...input, models, methods: ['zero-shot', 'knn'], shots: [1, 500] });
    expect(asked.expected).toBe(2);
    expect(asked.omitted).toEqual([
      {
        shots: 500,
        reason: 'Class "rose" has 20 training items; 500 shots need 500, and 3 more classes are too small.',
      },
      { method: 'zero-shot', model: 'plain', shots: 0, reason: 'plain has no text side, which Zero-shot needs.' },
    ]);
    const only = await collect({ ...input, methods: ['zero-shot'], shots: [500] });
    expect([only.rows.length, only.omitted]).toEqual([1, []]);
  });

  it('uses no item that one of the models lacks, in any of them', async () => {
    const input = clusters();
    const broken = testItems(input)[3]!;
    const valid = new Uint8Array(input.labels.length).fill(1);
    valid[broken] = 0;
    const features = input.models[0]!.features.slice();
    features.fill(Number.NaN, broken * 24, (broken + 1) * 24);
    const models = [
      { ...input.models[0]!, id: 'whole' },
      { id: 'lacking', features, dim: 24, valid },
    ];
    const { rows } = await collect({ ...input, models, methods: ['nearest-mean'], shots: [1], seeds: 1 });
    expect(testItems({ ...input, models })).toEqual(testItems(input).filter((i) => i !== broken));
    expect(rows.map((r) => r.predicted.length)).toEqual([39, 39]);
    expect([...rows[0]!.predicted]).toEqual([...rows[1]!.predicted]);
  });

  it('names a row whose fit fails and goes on with the others', async () => {
    const input = clusters();
    const huge = { ...input, knnVote: 'similarity' as const, models: [{ ...input.models[0]!, scale: Number.NaN }] };
    const { rows, omitted } = await collect({
      ...huge,
      methods: [...FEATURE_METHOD_IDS],
      shots: [1],
      seeds: 1,
      classes: [...CLASSES],
    });
    // A scale that is not a number spoils the probabilities of what rests on captions; it must not stop the rest.
    const onText = ['zero-shot', 'zs-probe', 'clap'];
    expect(rows.filter((r) => !onText.includes(r.method)).length).toBe(4);
    expect(rows.length + omitted.length).toBe(7);
  });
});

describe('cancelling', () => {
  it('ends at once in the middle of a long fit', async () => {
    const input = clusters(3000, 200, 3);
    const controller = new AbortController();
    const started = performance.now();
    const run = collect(
      { ...input, methods: ['linear-probe'], shots: ['all'], seeds: 8, threads: 2 },
      { signal: controller.signal },
    );
    setTimeout(() => controller.abort(new Error('enough')), 700);
    await expect(run).rejects.toThrow('enough');
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('before it began computes nothing', async () => {
    const rows: GridRow[] = [];
    await expect(
      runGrid(clusters(), { signal: AbortSignal.abort(new Error('never')), onRow: (r) => rows.push(r) }),
    ).rejects.toThrow('never');
    expect(rows).toEqual([]);
  });

  it('leaves the event loop free while it computes', async () => {
    // Processor time of this thread between two turns, so that a busy machine does not count.
    const used = () => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1000;
    };
    let worst = 0;
    let last = used();
    const timer = setInterval(() => {
      const now = used();
      worst = Math.max(worst, now - last);
      last = now;
    }, 1);
    await collect({
      ...clusters(600, 64, 2),
      methods: ['linear-probe', 'discriminant'],
      shots: [16, 'all'],
      seeds: 1,
    });
    clearInterval(timer);
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(100);
  });
});

describe('bad input', () => {
  const reject = (change: (input: GridInput) => GridInput) => expect(collect(change(clusters()))).rejects;
  it('is named', async () => {
    await reject((i) => ({ ...i, classes: ['rose'], labels: i.labels.fill(0) })).toThrow(
      'at least two classes; there is only "rose"',
    );
    await reject((i) => ({ ...i, models: [] })).toThrow('at least one model');
    await reject((i) => ({ ...i, split: i.split.fill(TRAIN) })).toThrow('No test item is left');
    await reject((i) => ({ ...i, split: i.split.fill(UNUSED) })).toThrow('No test item is left');
    await reject((i) => ({ ...i, models: [i.models[0]!, i.models[0]!] })).toThrow('dual is there twice');
    await reject((i) => ({ ...i, models: [{ ...i.models[0]!, features: new Float32Array(0), dim: 0 }] })).toThrow(
      'features of dual have no dimensions',
    );
    await reject((i) => ({ ...i, models: [{ ...i.models[0]!, dim: 23 }] })).toThrow(
      '120 items of 23 dimensions need 2760',
    );
    await reject((i) => ({
      ...i,
      models: [{ ...i.models[0]!, features: i.models[0]!.features.map((v, at) => (at === 50 ? Number.NaN : v)) }],
    })).toThrow('not a finite number (row 2)');
  });
});
