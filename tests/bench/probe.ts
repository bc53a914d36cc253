// Linear probes as the grid fits them: shots 1,2,4,8,16 x 10 seeds x seven strengths, each to the optimum. The seconds hold
// everything after reading: threads starting, Gram matrices, fits and scoring the test items. X is taken as it is.
// probe-reference.py fits the same ones with scikit-learn; --draws hands it the same training items.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { Tinypool } from 'tinypool';
import { readNpy } from '../../electron/engine/npy.ts';
import { normaliseRows } from '../../electron/engine/numeric/matrix.ts';
import { planDraw, TEST, TRAIN, UNUSED } from '../../shared/protocol.ts';
import { fitSeed, type SeedResult } from './probe-seed.ts';

export const usage =
  'probe --features X.npy --labels y.csv [--seeds 10] [--threads N] [--normalise] [--draws OUT.json] [--json]';

const SHOTS = [1, 2, 4, 8, 16];
/** Weak to strong, so that each fit starts from its neighbour. */
const STRENGTHS = [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6];

type Data = { x: Float32Array; dim: number; classes: string[]; labels: Int32Array; split: Uint8Array };

/** A copy that worker threads see too. */
function shared(data: ArrayLike<number>): Float32Array {
  const out = new Float32Array(new SharedArrayBuffer(data.length * 4));
  out.set(data);
  return out;
}

function read(featuresFile: string, labelsFile: string): Data {
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
  const classes = [...new Set(rows.map((r) => r.label!).filter(Boolean))].sort();
  return {
    x: shared(data),
    dim,
    classes,
    labels: Int32Array.from(rows, (r) => classes.indexOf(r.label!)),
    split: Uint8Array.from(rows, (r) =>
      !r.label ? UNUSED : r.split === 'test' ? TEST : r.split === 'val' ? UNUSED : TRAIN,
    ),
  };
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      features: { type: 'string' },
      labels: { type: 'string' },
      seeds: { type: 'string', default: '10' },
      threads: { type: 'string', default: String(availableParallelism()) },
      normalise: { type: 'boolean' },
      draws: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  if (!values.features || !values.labels) throw new Error(`Usage: npm run bench -- ${usage}`);
  const { x, dim, classes, labels, split } = read(values.features, values.labels);
  if (values.normalise) normaliseRows(x, dim);
  const plan = planDraw({ classes, labels, split, shots: SHOTS });
  for (const { reason } of plan.omitted) process.stderr.write(`left out: ${reason}\n`);
  const count = (name: 'seeds' | 'threads') => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`--${name} is a whole number from 1 on, not "${values[name]}".`);
    return value;
  };
  const seeds = Array.from({ length: count('seeds') }, (_, seed) => seed);
  const threads = Math.min(count('threads'), seeds.length);

  const started = performance.now();
  const task = { x, dim, classes: classes.length, labels, plan, strengths: STRENGTHS };
  const filename = new URL('./probe-seed.ts', import.meta.url).href;
  const pool = threads > 1 ? new Tinypool({ filename, minThreads: threads, maxThreads: threads }) : null;
  const results: SeedResult[] = await Promise.all(
    seeds.map((seed) => (pool ? pool.run({ ...task, seed }, { name: 'fitSeed' }) : fitSeed({ ...task, seed }))),
  );
  const seconds = (performance.now() - started) / 1000;
  await pool?.destroy();
  const draws = results.flatMap((r) => r.draws);
  const fits = draws.length * STRENGTHS.length;
  const products = results.reduce((total, r) => total + r.products, 0);
  const perStrength = STRENGTHS.map((_, c) => results.reduce((total, r) => total + r.accuracy[c]!, 0));
  const sum = perStrength.reduce((a, b) => a + b, 0);
  if (fits === 0) throw new Error('There is nothing to fit.');
  if (values.draws)
    writeFileSync(values.draws, JSON.stringify({ normalise: values.normalise === true, strengths: STRENGTHS, draws }));
  const byC = Object.fromEntries(
    STRENGTHS.map((C, c) => [C.toExponential(), (perStrength[c]! * STRENGTHS.length) / fits]),
  );
  if (!values.json) {
    process.stdout.write(
      `${classes.length} classes x ${dim} dimensions, ${plan.test.length} test items; ${fits} fits, ${products} Hessian products, ${threads} threads\n`,
    );
    for (const [C, accuracy] of Object.entries(byC))
      process.stdout.write(`  C ${C}: ${(100 * accuracy).toFixed(2)} %\n`);
  }
  process.stdout.write(`${JSON.stringify({ fits, seconds, meanAccuracy: sum / fits, byC, threads })}\n`);
}
