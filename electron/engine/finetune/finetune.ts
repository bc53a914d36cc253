// A run of fine-tuning from its params to its report: train, test once, measure generality, keep the weights.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type {
  ControlResult,
  FinetuneEpoch,
  FinetuneParams,
  FinetuneReport,
  ResolvedSettings,
  WisePoint,
} from '../../../shared/finetune.ts';
import { metricsOf } from '../../../shared/metrics.ts';
import type { DrawnRow } from '../../../shared/protocol.ts';
import type { Engine } from '../context.ts';
import { ensureOnline } from '../datasets/roots.ts';
import { getDataset } from '../datasets/store.ts';
import { clapPenalty } from '../methods/clap.ts';
import { predictProbe } from '../methods/linear-probe.ts';
import { trainTextHead } from '../methods/text-head.ts';
import { zeroShotProbabilities } from '../methods/zero-shot.ts';
import type { LogisticFit } from '../numeric/logistic.ts';
import { gatherRows, normaliseRows, softmaxRows } from '../numeric/matrix.ts';
import { HEAD_BIAS, HEAD_WEIGHT, type Head } from '../training/classifier.ts';
import { writeSafetensors } from '../training/safetensors.ts';
import { captionsOf, withoutCaptions } from './captions.ts';
import { type Control, openControl, ownClasses } from './generality.ts';
import type { Tested } from './judge.ts';
import { isTrained } from './recipes.ts';
import { type RunHooks, type Trained, train } from './run.ts';
import {
  drawRow,
  type Ground,
  initialHead,
  layGround,
  probeOf,
  runInput,
  sampleOf,
  settingsFor,
  testOf,
} from './setup.ts';
import { WISE_ALPHAS } from './wise.ts';

/** The weights after training in the layout of the model's file, and the head's, in a run's folder. */
export const TRAINED = 'trained.safetensors';

/** Sizes of the tensor behind the feature, for one image. */
export const SHAPE = 'feature-shape.json';
/** The head before training; its metadata hold the scale. */
export const HEAD_BEFORE = 'head-before.safetensors';

export type FinetuneHooks = Omit<RunHooks, 'reachable'> & { settled(settings: ResolvedSettings): void };

/** Runs to its end, or goes on from the checkpoint in `folder`. Closing its thread gives the memory back. */
export async function finetune(
  engine: Engine,
  id: number,
  params: FinetuneParams,
  folder: string,
  hooks: FinetuneHooks,
): Promise<FinetuneReport> {
  mkdirSync(folder, { recursive: true });
  const ground = await layGround(engine, params, { ...hooks, progress: hooks.progress });
  const row = drawRow(ground, params.shots, params.seed);
  const settings = settingsFor(ground, params, row.train.length);
  hooks.settled(settings);
  const excluded = [...ground.excluded];
  const probe = probeOf(ground, row);
  const { head, from } = initialHead(ground, params.method, () => probe);
  writeHead(path.join(folder, HEAD_BEFORE), head, ground.backbone.embedder.dim);
  const dataset = getDataset(engine.db, params.datasetId);
  const { embedder } = ground.backbone;
  let test = testOf(ground);
  const common = {
    version: 1 as const,
    id: String(id),
    createdAt: new Date().toISOString(),
    dataset: { name: dataset.name, path: dataset.path },
    model: {
      id: params.model.id,
      name: ground.backbone.name,
      hash: embedder.hash,
      output: embedder.output,
      licence: embedder.licence,
    },
    method: params.method,
    settings,
    shots: params.shots,
    seed: params.seed,
    classes: ground.classes,
    excluded,
    head: from,
  };
  if (!isTrained(params.method)) {
    const end = headOnly(ground, params, row, test, folder);
    return { ...common, ...end, before: baselines(ground, probe, test), counts: countsOf(row, test, excluded) };
  }
  const control = params.control && (await openControl(engine, ground, params.control, params.templates, hooks.signal));
  if (control && 'problem' in control) hooks.log('warn', control.problem);
  const words = control && 'words' in control ? control.words : null;
  const input = await runInput(engine, ground, row, params, {
    method: params.method,
    settings,
    head,
    captions: await captionsOf({ method: params.method, settings }, ground.backbone, ground, words),
    own: params.control ? ownClasses(ground.backbone) : null,
    seed: params.seed,
    folder,
  });
  const pathOf = new Map(ground.items.map((item) => [item.file, item.path]));
  const failure = (file: string, reason: string) => {
    excluded.push({ path: pathOf.get(file) ?? file, reason });
    hooks.failure(file, reason);
  };
  const reachable = () => ensureOnline(engine, params.datasetId);
  engine.models.rest(); // what embedded takes several times the model's size
  const trained = await train(input, engine.images, { ...hooks, failure, reachable });
  try {
    const { logits, failures } = await trained.predict(test, counted(hooks, test.length, 'testing'));
    if (failures.size > 0) await reachable();
    for (const [i, reason] of failures) failure(input.files[test[i]!]!, reason);
    const metrics = scored(logits, ground, test, failures);
    test = test.filter((_, i) => !failures.has(i));
    await trained.thread.ask({ kind: 'export', file: path.join(folder, TRAINED) });
    writeFileSync(path.join(folder, SHAPE), JSON.stringify(trained.plan.featureShape));
    const generality = await measureGenerality(control, ground, row, trained, hooks);
    return {
      ...common,
      trainedParameters: trained.plan.trained,
      parameters: trained.plan.parameters,
      device: input.device,
      epochs: trained.epochs,
      best: trained.best,
      ended: trained.ended,
      test: metrics,
      before: baselines(ground, probe, test),
      ...generality,
      seconds: trained.seconds,
      peakBytes: trained.peakBytes,
      counts: countsOf(row, test, excluded),
    };
  } finally {
    await trained.thread.close();
  }
}

function writeHead(file: string, { weight, bias, classes, scale }: Head, dim: number): void {
  const tensors = new Map([
    [HEAD_WEIGHT, { shape: [classes, dim], data: weight }],
    [HEAD_BIAS, { shape: [classes], data: bias }],
  ]);
  writeSafetensors(file, tensors, { scale: String(scale) });
}

const countsOf = (row: DrawnRow, test: Int32Array, excluded: unknown[]) => ({
  train: row.train.length,
  validation: row.validation.length,
  test: test.length,
  excluded: excluded.length,
});

/** Of the items whose image could be read. */
function scored(
  logits: Float32Array,
  ground: Ground,
  items: Int32Array,
  failures: ReadonlyMap<number, string>,
): FinetuneReport['test'] {
  const good = Int32Array.from(items.keys()).filter((i) => !failures.has(i));
  const truth = good.map((i) => ground.labels[items[i]!]!);
  const classes = ground.classes.length;
  const probabilities = softmaxRows(Float64Array.from(gatherRows(logits, classes, good)), classes);
  const { predicted: _said, confidence: _sure, ...metrics } = metricsOf(probabilities, truth, ground.classes);
  return metrics;
}

/** Test accuracy without training: the captions, and the probe on the same items. */
function baselines(ground: Ground, probe: LogisticFit, test: Int32Array): FinetuneReport['before'] {
  const { classes, text, scale, backbone } = ground;
  const { dim } = backbone.embedder;
  const { x, labels } = sampleOf(ground, test);
  const accuracy = (p: Float64Array) => metricsOf(p, labels, classes).accuracy;
  return {
    zeroShot: text ? accuracy(zeroShotProbabilities(x, labels.length, dim, text, classes.length, scale)) : null,
    probe: accuracy(predictProbe(probe, x, labels.length, dim, classes.length)),
  };
}

/** The head alone on frozen features: the encoder, and so its generality, stays as it was. */
function headOnly(ground: Ground, params: FinetuneParams, row: DrawnRow, test: Int32Array, folder: string) {
  if (!ground.text)
    throw withoutCaptions(ground.backbone, `${params.method === 'clap' ? 'CLAP' : 'ZS-LP'} begins from captions`);
  const started = performance.now();
  const { dim } = ground.backbone.embedder;
  const data = { train: sampleOf(ground, row.train), classes: ground.classes.length, dim, scale: ground.scale };
  const penalty = params.method === 'clap' ? clapPenalty(data, ground.text) : null;
  const { weights, predict } = trainTextHead(data, ground.text, penalty);
  const seconds = (performance.now() - started) / 1000;
  const { x, labels } = sampleOf(ground, test);
  const {
    predicted: _said,
    confidence: _sure,
    ...metrics
  } = metricsOf(predict(x, labels.length).probabilities, labels, ground.classes);
  const unit = weights.slice();
  normaliseRows(unit, dim);
  const head = { weight: unit, bias: new Float32Array(data.classes), classes: data.classes, scale: ground.scale };
  writeHead(path.join(folder, TRAINED), head, dim);
  return {
    head: 'zero-shot' as const,
    trainedParameters: weights.length,
    parameters: weights.length,
    device: 'cpu',
    epochs: [] as FinetuneEpoch[],
    best: 0,
    ended: 'all epochs' as const,
    test: metrics,
    control: null,
    controlProblem: params.control ? 'The encoder is not changed, so its generality is not either.' : null,
    wise: [] as WisePoint[],
    seconds,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

/** Tells the progress of looking at `total` images. */
function counted(hooks: FinetuneHooks, total: number, note: string): Tested {
  let done = 0;
  hooks.progress(0, total, note);
  return (images) => {
    done += images;
    hooks.progress(done, total, note);
  };
}

/** The control set before and after, and both curves of WiSE-FT. Leaves the trained weights in the thread. */
async function measureGenerality(
  opened: Control | { problem: string } | null,
  ground: Ground,
  row: DrawnRow,
  trained: Trained,
  hooks: FinetuneHooks,
): Promise<Pick<FinetuneReport, 'control' | 'controlProblem' | 'wise'>> {
  const control = opened && 'measure' in opened ? opened : null;
  const wise: WisePoint[] = [];
  const images = WISE_ALPHAS.length * (row.validation.length + (control?.about.items ?? 0));
  const tested = counted(hooks, images, 'between before and after');
  for (const alpha of WISE_ALPHAS) {
    hooks.signal.throwIfAborted();
    await trained.thread.ask({ kind: 'blend', file: trained.bestFile, alpha });
    const { logits, failures } = await trained.predict(row.validation, tested);
    const validation =
      row.validation.length > failures.size ? scored(logits, ground, row.validation, failures).accuracy : null;
    wise.push({ alpha, validation, control: control ? await control.measure(trained, tested) : null });
  }
  const result: ControlResult | null = control
    ? { ...control.about, before: wise[0]!.control!, after: wise.at(-1)!.control! }
    : null;
  return { control: result, controlProblem: opened && 'problem' in opened ? opened.problem : null, wise };
}
