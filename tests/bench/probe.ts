// Linear probes as the grid fits them: shots 1,2,4,8,16 x 10 seeds x seven strengths, each to the optimum.
// probe-reference.py fits the same ones with scikit-learn; --draws hands it the same training items.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { readNpy } from '../../electron/engine/npy.ts';
import { createLogistic, type LogisticFit } from '../../electron/engine/numeric/logistic.ts';
import { dotAll, gatherRows, normaliseRows } from '../../electron/engine/numeric/matrix.ts';
import { drawSeed, planDraw, TEST, TRAIN, UNUSED } from '../../shared/protocol.ts';

export const usage = 'probe --features X.npy --labels y.csv [--seeds 10] [--normalise] [--draws OUT.json] [--json]';

const SHOTS = [1, 2, 4, 8, 16];
/** Weak to strong, so that each fit starts from its neighbour. */
const STRENGTHS = [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6];

type Data = { x: Float32Array; dim: number; classes: string[]; labels: Int32Array; split: Uint8Array };

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
    x: Float32Array.from(data),
    dim,
    classes,
    labels: Int32Array.from(rows, (r) => classes.indexOf(r.label!)),
    split: Uint8Array.from(rows, (r) =>
      !r.label ? UNUSED : r.split === 'test' ? TEST : r.split === 'val' ? UNUSED : TRAIN,
    ),
  };
}

/** Test accuracy of several heads at once: their weights are stacked into one matrix product. */
function accuracies(x: Float32Array, labels: Int32Array, dim: number, k: number, fits: LogisticFit[]): number[] {
  const stacked = new Float32Array(fits.length * k * dim);
  for (const [f, fit] of fits.entries()) stacked.set(fit.weights, f * k * dim);
  const scores = dotAll(x, labels.length, stacked, fits.length * k, dim);
  return fits.map((fit, f) => {
    let right = 0;
    labels.forEach((label, i) => {
      const at = (c: number) => scores[(i * fits.length + f) * k + c]! + fit.bias[c]!;
      let best = 0;
      for (let c = 1; c < k; c++) if (at(c) > at(best)) best = c;
      if (best === label) right++;
    });
    return right / labels.length;
  });
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      features: { type: 'string' },
      labels: { type: 'string' },
      seeds: { type: 'string', default: '10' },
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
  const testX = gatherRows(x, dim, plan.test);
  const testY = plan.test.map((i) => labels[i]!);
  const draws: { seed: number; shots: number | 'all'; train: number[] }[] = [];
  const perStrength = STRENGTHS.map(() => 0);
  let [fits, sum, products] = [0, 0, 0];

  const started = performance.now();
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    for (const row of drawSeed(plan, seed)) {
      const problem = createLogistic(
        gatherRows(x, dim, row.train),
        row.train.map((i) => labels[i]!),
        dim,
        classes.length,
      );
      const solved = STRENGTHS.map((C) => problem.solve(C));
      accuracies(testX, testY, dim, classes.length, solved).forEach((accuracy, c) => {
        perStrength[c]! += accuracy;
        sum += accuracy;
      });
      fits += solved.length;
      products += solved.reduce((total, fit) => total + fit.products, 0);
      draws.push({ seed, shots: row.shots, train: [...row.train] });
    }
  }
  const seconds = (performance.now() - started) / 1000;
  if (fits === 0) throw new Error('There is nothing to fit.');
  if (values.draws)
    writeFileSync(values.draws, JSON.stringify({ normalise: values.normalise === true, strengths: STRENGTHS, draws }));
  const byC = Object.fromEntries(STRENGTHS.map((C, c) => [C, (perStrength[c]! * STRENGTHS.length) / fits]));
  if (!values.json) {
    process.stdout.write(
      `${classes.length} classes x ${dim} dimensions, ${testY.length} test items; ${fits} fits, ${products} Hessian products, one thread\n`,
    );
    for (const [C, accuracy] of Object.entries(byC))
      process.stdout.write(`  C ${C}: ${(100 * accuracy).toFixed(2)} %\n`);
  }
  process.stdout.write(`${JSON.stringify({ fits, seconds, meanAccuracy: sum / fits, byC, threads: 1 })}\n`);
}
