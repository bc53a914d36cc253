// Linear probes as the grid fits them: shots 1,2,4,8,16 x 10 seeds x seven strengths, each to the optimum. The seconds hold
// everything after reading: threads starting, Gram matrices, fits and scoring the test items. X is taken as it is.
// probe-reference.py fits the same ones with scikit-learn; --draws hands it the same training items.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Tinypool } from 'tinypool';
import { normaliseRows } from '../../electron/engine/numeric/matrix.ts';
import { planDraw } from '../../shared/protocol.ts';
import { countOf, readFeatures } from './features.ts';
import { fitSeed, type SeedResult } from './probe-seed.ts';

export const usage =
  'probe --features X.npy --labels y.csv [--seeds 10] [--threads N] [--normalise] [--draws OUT.json] [--json]';

const SHOTS = [1, 2, 4, 8, 16];
/** Weak to strong, so that each fit starts from its neighbour. */
const STRENGTHS = [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6];

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
  const { x, dim, classes, labels, split } = readFeatures(values.features, values.labels);
  if (values.normalise) normaliseRows(x, dim);
  const plan = planDraw({ classes, labels, split, shots: SHOTS });
  for (const { reason } of plan.omitted) process.stderr.write(`left out: ${reason}\n`);
  const seeds = Array.from({ length: countOf('seeds', values.seeds) }, (_, seed) => seed);
  const threads = Math.min(countOf('threads', values.threads), seeds.length);

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
