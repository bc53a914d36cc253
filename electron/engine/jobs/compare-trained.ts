// The rows of a comparison whose methods train the encoder: one run each, after the rows on frozen features.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { type CompareParams, LabError } from '../../../shared/contract.ts';
import { TRAINED_METHOD_IDS, type TrainedMethodId } from '../../../shared/finetune.ts';
import { metricsOf } from '../../../shared/metrics.ts';
import { type DrawnRow, drawSeed, planDraw } from '../../../shared/protocol.ts';
import type { Omission, Shots } from '../../../shared/report.ts';
import type { Engine } from '../context.ts';
import type { Drawn } from '../datasets/drawn.ts';
import { ensureOnline } from '../datasets/roots.ts';
import { captionsOf } from '../finetune/captions.ts';
import { memoryProblem } from '../finetune/forecast.ts';
import { againstOf } from '../finetune/recipes.ts';
import { train } from '../finetune/run.ts';
import {
  type Ground,
  initialHead,
  openBackbone,
  probeOf,
  runInput,
  settingsFor,
  testOf,
  wordsOf,
} from '../finetune/setup.ts';
import type { GridModel, GridRow } from '../methods/grid.ts';
import { DEFAULT_SCALE } from '../methods/zero-shot.ts';
import { normaliseRows, softmaxRows } from '../numeric/matrix.ts';
import type { RowKey } from '../report/rows.ts';
import type { JobContext } from './kind.ts';

type Row = { method: TrainedMethodId; model: string; shots: Shots; seed: number; draw: DrawnRow };
export type TrainedPlan = { rows: Row[]; omitted: Omission[] };

type Data = { params: CompareParams; drawn: Drawn; models: GridModel[]; labels: Int32Array; split: Uint8Array };

/** Which rows there will be. Only methods that were asked for by name: training takes minutes a row. */
export function planTrained({ params, drawn, models, labels, split }: Data): TrainedPlan {
  const asked = TRAINED_METHOD_IDS.filter((id) => params.methods.includes(id));
  const omitted: Omission[] = [];
  const rows: Row[] = [];
  if (asked.length === 0) return { rows, omitted };
  const plan = planDraw({ classes: drawn.classes, labels, split, shots: params.shots });
  omitted.push(...plan.omitted);
  const whyNot = (method: TrainedMethodId, model: GridModel): string | null => {
    if (model.id === 'hog') return 'hog is computed, not learnt: it has no weights to train.';
    const against = model.text ? null : againstOf(method, params.training);
    if (against === 'batch') return `${model.id} has no text side, which FLYP trains with.`;
    if (against === 'classes')
      return `${model.id} has no text side, so LoRA cannot go on both encoders. Leave the encoders to the method.`;
    return null;
  };
  const applies = (method: TrainedMethodId, model: GridModel): boolean => {
    const reason = whyNot(method, model);
    if (reason) omitted.push({ method, model: model.id, reason });
    return reason === null;
  };
  const pairs = models.flatMap((model) =>
    asked.filter((id) => applies(id, model)).map((method) => ({ model, method })),
  );
  for (let seed = 0; seed < params.seeds; seed++)
    for (const draw of drawSeed(plan, seed))
      for (const { model, method } of pairs) rows.push({ method, model: model.id, shots: draw.shots, seed, draw });
  // few shots before many, so that a chart grows to the right
  const place = (row: Row) => plan.shots.indexOf(row.shots);
  return { rows: rows.sort((a, b) => place(a) - place(b) || a.seed - b.seed), omitted };
}

type Context = Data & {
  comparisonId: number;
  job: JobContext;
  has(key: RowKey): boolean;
  onRow(row: GridRow): void;
};

/** Where the row that is being trained keeps its checkpoint. */
export const rowsFolder = ({ dirs }: Pick<Engine, 'dirs'>, comparisonId: number): string =>
  path.join(dirs.data, 'finetunes', `comparison-${comparisonId}`);

/** Trains the rows that are not stored yet. A row that fails is left out with its reason; the others go on. */
export async function runTrained(plan: TrainedPlan, context: Context): Promise<Omission[]> {
  const { job, comparisonId } = context;
  const left: Omission[] = [];
  const grounds = new Map<string, Ground>();
  for (const [i, row] of plan.rows.entries()) {
    const { draw, ...key } = row;
    if (context.has(key)) continue;
    job.signal.throwIfAborted();
    try {
      const ground = grounds.get(row.model) ?? (await groundOf(row.model, context));
      grounds.set(row.model, ground);
      const name = `${row.method}-${row.model}-${row.shots}-${row.seed}`.replace(/[^\w.-]+/g, '_');
      const folder = path.join(rowsFolder(job.engine, comparisonId), name);
      context.onRow(await trainRow(row, ground, folder, `${i + 1} of ${plan.rows.length}`, context));
      rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      job.signal.throwIfAborted();
      const code = (error as { code?: string }).code;
      if (code === 'no-space' || code === 'offline') throw error; // the job pauses
      left.push({ ...key, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  rmSync(rowsFolder(job.engine, comparisonId), { recursive: true, force: true });
  return left;
}

async function groundOf(id: string, { params, drawn, models, labels, split, job }: Context): Promise<Ground> {
  const model = models.find((one) => one.id === id)!;
  const choice = params.models.find((one) => (one.output ? `${one.id}:${one.output}` : one.id) === id)!;
  const backbone = await openBackbone(
    job.engine,
    { id: choice.id, ...(choice.output ? { output: choice.output } : {}) },
    { device: params.device, threads: params.threads },
  );
  const features = model.features.slice();
  normaliseRows(features, model.dim);
  return {
    ...drawn,
    backbone,
    labels,
    split,
    features,
    text: model.text ?? null,
    scale: model.scale ?? DEFAULT_SCALE,
    ...wordsOf(params, drawn.classes),
  };
}

async function trainRow(
  row: Row,
  ground: Ground,
  folder: string,
  place: string,
  { params, job }: Context,
): Promise<GridRow> {
  const { draw, ...key } = row;
  const { head } = initialHead(ground, row.method, () => probeOf(ground, draw));
  const settings = settingsFor(ground, { method: row.method, settings: params.training }, draw.train.length);
  const words = `${row.method}, ${row.shots} shots, seed ${row.seed} (${place})`;
  job.engine.models.rest();
  const trained = await train(
    await runInput(job.engine, ground, draw, params, {
      method: row.method,
      settings,
      head,
      captions: await captionsOf({ method: row.method, settings }, ground.backbone, ground),
      own: null,
      seed: row.seed,
      folder,
    }),
    job.engine.images,
    {
      signal: job.signal,
      stopping: () => false,
      log: () => {},
      planned(plan) {
        const problem = memoryProblem(plan, settings, process.availableMemory());
        if (problem)
          throw new LabError('bad-request', `${problem} lab finetune, and the screen Fine-tune, say what fits.`);
      },
      progress: (done, total, note) => job.progress(done, total, `${words}: ${note}`, 'steps'),
      metric: () => {},
      epoch: () => {},
      failure: (file, reason) => job.log('warn', `${file}: ${reason}`),
      reachable: () => ensureOnline(job.engine, params.datasetId),
    },
  );
  try {
    const test = testOf(ground);
    const { logits, failures } = await trained.predict(test);
    const [first] = failures;
    if (first) {
      await ensureOnline(job.engine, params.datasetId);
      // every row of a comparison is of the same test images
      const file = ground.items[test[first[0]]!]!.path;
      throw new LabError('bad-request', `${file} cannot be tested on any more: ${first[1]}. Scan the dataset again.`);
    }
    const { predicted, confidence, ...metrics } = metricsOf(
      softmaxRows(Float64Array.from(logits), ground.classes.length),
      test.map((i) => ground.labels[i]!),
      ground.classes,
    );
    return {
      ...metrics,
      ...key,
      fitMs: trained.seconds * 1000,
      choice: draw.validation.length > 0 ? { epoch: trained.best } : {},
      validation: draw.perClass,
      predicted,
      probability: Float32Array.from(confidence),
    };
  } finally {
    await trained.thread.close();
  }
}
