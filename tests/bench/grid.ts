// The whole few-shot grid of one backbone, as `lab compare` computes it from features: every method, shot count and seed.
// The seconds hold everything after reading: normalising, threads starting, sweeps, fits and the metrics on the test items.
// grid-reference.py does the same with scikit-learn and NumPy; --draws hands it the same items, --json the rows to compare.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type GridInput, type GridRow, runGrid, testItems } from '../../electron/engine/methods/grid.ts';
import { drawSeed, planDraw } from '../../shared/protocol.ts';
import type { SummaryRow } from '../../shared/report.ts';
import { summarise } from '../../shared/statistics.ts';
import { countOf, readFeatures } from './features.ts';

export const usage =
  'grid --features X.npy --labels y.csv [--shots 1,2,4,8,16] [--seeds 5] [--threads N] [--draws OUT.json] [--json]';

/** Item indices of every row, so that another program uses the very same ones. */
function drawsOf(input: GridInput) {
  const plan = planDraw(input);
  const draws = Array.from({ length: input.seeds }, (_, seed) =>
    drawSeed(plan, seed).map(({ shots, train, validation }) => ({
      seed,
      shots,
      train: [...train],
      validation: [...validation],
    })),
  ).flat();
  return { classes: input.classes, test: [...testItems(input)], draws };
}

/** One line per method: mean accuracy in percent ± the 95 % interval at each shot count, then the seconds of its fits. */
function table(summary: SummaryRow[]): string {
  const shots = [...new Set(summary.map((row) => row.shots))];
  const line = (first: string, cells: string[]) => `${first.padEnd(14)}${cells.map((c) => c.padStart(15)).join('')}\n`;
  const lines = [...new Set(summary.map((row) => row.method))].map((method) => {
    const rows = summary.filter((row) => row.method === method);
    const cells = shots.map((s) => {
      const row = rows.find((r) => r.shots === s);
      if (!row) return '';
      return (100 * row.mean).toFixed(2) + (row.ci95 === null ? '' : ` ± ${(100 * row.ci95).toFixed(2)}`);
    });
    const seconds = rows.reduce((sum, row) => sum + row.fitMs * row.seeds, 0) / 1000;
    return line(method, [...cells, seconds.toFixed(3)]);
  });
  return line('shots', [...shots.map(String), 'fit s']) + lines.join('');
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      features: { type: 'string' },
      labels: { type: 'string' },
      shots: { type: 'string', default: '1,2,4,8,16' },
      seeds: { type: 'string', default: '5' },
      threads: { type: 'string', default: String(availableParallelism()) },
      draws: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  if (!values.features || !values.labels) throw new Error(`Usage: npm run bench -- ${usage}`);
  const { x, dim, ...rest } = readFeatures(values.features, values.labels);
  const threads = countOf('threads', values.threads);
  const input: GridInput = {
    ...rest,
    models: [{ id: path.basename(values.features, '.npy'), features: x, dim }],
    methods: [],
    shots: values.shots.split(',').map((s) => (s === 'all' ? s : countOf('shots', s))),
    seeds: countOf('seeds', values.seeds),
    knnVote: 'similarity',
    knnIndex: 'exact',
    threads,
  };
  if (values.draws) writeFileSync(values.draws, JSON.stringify(drawsOf(input)));

  const rows: GridRow[] = [];
  const started = performance.now();
  const used = process.cpuUsage();
  const { omitted } = await runGrid(input, { onRow: (row) => rows.push(row) });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(used);
  const cpuSeconds = (user + system) / 1e6;
  for (const { reason } of omitted) process.stderr.write(`left out: ${reason}\n`);
  const results = rows.map(({ predicted: _, probability: __, ...row }) => row);
  if (values.json) process.stdout.write(`${JSON.stringify({ seconds, cpuSeconds, threads, results })}\n`);
  else
    process.stdout.write(
      `${input.classes.length} classes x ${dim} dimensions, ${testItems(input).length} test items, ${input.seeds} seeds\n` +
        `${table(summarise(results))}${rows.length} rows in ${seconds.toFixed(2)} s, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${cpuSeconds.toFixed(2)} s of CPU time\n`,
    );
}
