// What a run will cost, from its graph and a few measured steps; and where it would not fit, what would.
import { statfsSync } from 'node:fs';
import type { FinetuneForecast, FinetuneMethodId, FinetuneParams, FinetuneSettings } from '../../../shared/finetune.ts';
import { SPLIT_CODE, UNUSED } from '../../../shared/protocol.ts';
import type { Engine } from '../context.ts';
import { drawItems } from '../datasets/drawn.ts';
import { ensureOnline } from '../datasets/roots.ts';
import { getDataset } from '../datasets/store.ts';
import { type Batch, createBatches } from './batches.ts';
import { captionsOf } from './captions.ts';
import { MOST_ITEMS } from './generality.ts';
import { isTrained } from './recipes.ts';
import { classifierSpec, keepsPrefix, microBatches, type RunInput, trainerOptions } from './run.ts';
import { type Backbone, drawRow, openBackbone, runInput, settingsFor, wordsOf } from './setup.ts';
import { type PlanInfo, startTrainThread, type TrainThread } from './thread.ts';
import { WISE_ALPHAS } from './wise.ts';

/** The first step opens memory and is left out. */
const MEASURED_STEPS = 2;
/** Kept free for the rest of the machine. */
const HEADROOM = 512 * 2 ** 20;
/** The engine with its libraries and image threads, before a model is open. */
const BASE = 420 * 2 ** 20;
/** What embedding holds at once, on two lanes, in sizes of the largest value. */
const PASSING = 6;
/** The part of the values read backwards that is there at once: some share their memory with what they were made of. */
const HELD = 0.75;

type Sizes = Pick<PlanInfo, 'trained' | 'frozenBytes' | 'activationBytes' | 'widestBytes'>;

/** Copies of all weights at the highest point: the file, the tensors read from it, and what the model that embedded left behind. */
const COPIES = 4;

/**
 * Fitted to the highest memory of whole runs, batch 16, two threads: MobileNetV2 full 0.9 GiB, ViT-B/32 full 3.9, LoRA 2.1. What
 * is trained takes weights, gradients, two moments, and where it began, is kept and read again.
 */
export function memoryOf(plan: Sizes, settings: { ema: number; batch: number; microBatch: number }): number {
  const arrays = 7 + (settings.ema > 0 ? 1 : 0) + (settings.batch > settings.microBatch ? 1 : 0);
  const weights = plan.trained * 4 * arrays + COPIES * (plan.trained * 4 + plan.frozenBytes);
  return BASE + weights + Math.max(HELD * plan.activationBytes, PASSING * plan.widestBytes);
}

/** Why a run has too little memory, `free` bytes being there; null where it has enough. */
export function memoryProblem(plan: Sizes, settings: Parameters<typeof memoryOf>[1], free: number): string | null {
  const estimate = memoryOf(plan, settings);
  const room = Math.max(0, free - HEADROOM);
  return estimate > room ? `It needs about ${gigabytes(estimate)} of memory; ${gigabytes(room)} can be used.` : null;
}

/** A checkpoint and the one before it, which stays until the new one is whole; the best epoch; the model that is saved. */
export const diskOf = (trained: number, { ema }: { ema: number }, modelBytes: number): number =>
  trained * 4 * (2 * (ema > 0 ? 4 : 3) + 2) + modelBytes;

/** A forward pass costs this part of a step. */
const FORWARD = 0.4;

/** What is free now: bytes of memory, and on the disk of the data folder. */
export type Room = { memory: number; disk: number };

function roomNow({ dirs }: Pick<Engine, 'dirs'>): Room {
  const disk = statfsSync(dirs.data);
  return { memory: process.availableMemory(), disk: disk.bavail * disk.bsize };
}

/** Runs three steps on real images where it fits. Throws what the run itself would throw. */
export async function forecastRun(
  engine: Engine,
  params: FinetuneParams,
  free: Room = roomNow(engine),
): Promise<FinetuneForecast> {
  const drawn = drawItems(engine, params);
  const backbone = await openBackbone(engine, params.model, params);
  const labels = Int32Array.from(drawn.items, (item) => item.label);
  const split = Uint8Array.from(drawn.items, (item) => (item.split ? SPLIT_CODE[item.split] : UNUSED));
  const ground = { ...drawn, backbone, labels, split };
  const row = drawRow(ground, params.shots, params.seed);
  const settings = settingsFor(ground, params, row.train.length);
  const input = await runInput(engine, ground, row, params, {
    method: params.method,
    settings,
    head: headOf(backbone, drawn.classes.length),
    captions: await captionsOf({ method: params.method, settings }, backbone, wordsOf(params, drawn.classes)),
    own: null,
    seed: params.seed,
    folder: '',
  });
  const steps = settings.epochs * Math.ceil(row.train.length / settings.batch);
  // images that are only looked at
  const tests = drawn.items.filter(({ split, label }) => split === 'test' && label >= 0).length;
  const controls = params.control ? Math.min(MOST_ITEMS, getDataset(engine.db, params.control.datasetId).items) : 0;
  const common = {
    settings,
    trainItems: row.train.length,
    freeMemoryBytes: free.memory,
    freeDiskBytes: free.disk,
  };
  if (!isTrained(params.method))
    return {
      ...common,
      steps: 0,
      secondsPerStep: 0,
      seconds: 0,
      memoryBytes: BASE,
      diskBytes: backbone.folder.bytes,
      trainedParameters: drawn.classes.length * backbone.embedder.dim,
      problem: null,
      offers: [],
    };
  engine.models.rest(); // as the run does
  const thread = startTrainThread();
  try {
    const planned = await thread.ask({ kind: 'plan', spec: classifierSpec(input) });
    const estimate = memoryOf(planned, settings);
    const diskBytes = diskOf(planned.trained, settings, backbone.folder.bytes);
    const room = common.freeMemoryBytes - HEADROOM;
    const problem =
      memoryProblem(planned, settings, free.memory) ??
      (diskBytes > free.disk
        ? `It needs about ${gigabytes(diskBytes)} on the disk of ${engine.dirs.data}; ${gigabytes(free.disk)} are free.`
        : null);
    const keeps = keepsPrefix(planned, input) && settings.augment === 'none';
    const measured = problem
      ? null
      : await measure(thread, input, engine, keeps).catch(async (error: unknown) => {
          await ensureOnline(engine, params.datasetId); // a drive that was unplugged leaves no image to measure with
          throw error;
        });
    const memoryBytes = Math.max(measured?.bytes ?? 0, estimate);
    const looked =
      settings.epochs * row.validation.length + WISE_ALPHAS.length * (row.validation.length + controls) + tests;
    const seconds = measured?.seconds ?? 0;
    const again = steps - steps / settings.epochs;
    return {
      ...common,
      steps,
      secondsPerStep: seconds,
      seconds: seconds * (steps - again + (FORWARD * looked) / settings.batch) + (measured?.again ?? 0) * again,
      memoryBytes,
      diskBytes,
      trainedParameters: planned.trained,
      problem,
      offers: problem ? await offersFor(params.method, input, { memory: room, disk: free.disk }) : [],
    };
  } finally {
    await thread.close();
  }
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

const headOf = ({ embedder }: Backbone, classes: number): RunInput['head'] => ({
  weight: new Float32Array(classes * embedder.dim).fill(0.01),
  bias: new Float32Array(classes),
  classes,
  scale: 1,
});

/** Seconds of a step, and of one on images that are kept as the frozen blocks see them. */
async function measure(
  thread: TrainThread,
  input: RunInput,
  engine: Engine,
  keeps: boolean,
): Promise<{ seconds: number; again: number; bytes: number }> {
  const before = process.memoryUsage.rss();
  await thread.ask({ kind: 'start', options: trainerOptions(input) });
  const { settings, labels, files, hashes, train } = input;
  const batches = createBatches({
    images: engine.images,
    files: Array.from(train, (i) => files[i]!),
    labels: train.map((i) => labels[i]!),
    spec: input.model.folder.vision!.preprocessing,
    augment: settings.augment,
    seed: input.seed,
    batch: settings.batch,
    ...(keeps ? { hashes: Array.from(train, (i) => hashes[i]!), known: new Set<string>() } : {}),
  });
  const step = (batch: Batch) =>
    thread.ask({ kind: 'step', batches: microBatches(input, batch, taken), lr: 0, clip: settings.clip });
  let seconds = 0;
  let again = 0;
  let taken = 0;
  let started = 0;
  for (let epoch = 0; taken <= MEASURED_STEPS; epoch++)
    for await (const batch of batches.epoch(epoch)) {
      await step(batch);
      if (taken++ === 0) started = performance.now();
      if (taken <= MEASURED_STEPS) continue;
      const end = performance.now();
      seconds = (end - started) / 1000 / MEASURED_STEPS;
      if (keeps) await step(batch);
      again = keeps ? (performance.now() - end) / 1000 : seconds;
      break;
    }
  return {
    seconds,
    again,
    bytes: process.memoryUsage.rss() - before + BASE,
  };
}

/**
 * What fits instead: the most images at once of the same method, then methods that train less, with as many at once. Each was
 * planned as the run itself would be.
 */
async function offersFor(method: FinetuneMethodId, input: RunInput, room: Room): Promise<FinetuneForecast['offers']> {
  const { batch, microBatch } = input.settings;
  const { folder } = input.model;
  /** Bytes of memory it takes; null where it does not fit. */
  const fitting = async (other: FinetuneMethodId, asked: FinetuneSettings): Promise<number | null> => {
    const { encoders } = input.settings;
    const settings = settingsFor(
      { backbone: input.model, classes: input.classes },
      { method: other, settings: { batch, encoders, ...asked } },
      input.train.length,
    );
    const thread = startTrainThread();
    try {
      const planned = await thread.ask({
        kind: 'plan',
        spec: classifierSpec({ ...input, method: other, settings }),
      });
      const memoryBytes = memoryOf(planned, settings);
      const fits = memoryBytes <= room.memory && diskOf(planned.trained, settings, folder.bytes) <= room.disk;
      return fits ? memoryBytes : null;
    } finally {
      await thread.close();
    }
  };
  const offers: FinetuneForecast['offers'] = [];
  const { recompute, microBatch: atFirst } = input.settings;
  if (!recompute) {
    const settings = { microBatch: atFirst, recompute: true };
    const memoryBytes = await fitting(method, settings);
    if (memoryBytes !== null)
      offers.push({ label: 'activations worked out again, a third slower', settings, memoryBytes });
  }
  for (const n of [64, 32, 16, 8, 4, 2, 1]) {
    if (n >= microBatch || batch % n !== 0 || (method === 'flyp' && n < 2)) continue;
    // a contrastive loss is of whole batches
    const settings = method === 'flyp' ? { batch: n } : { microBatch: n };
    const memoryBytes = await fitting(method, settings);
    if (memoryBytes === null) continue;
    const once = n === 1 ? 'one image at once, gradients added up' : `${n} images at once, gradients added up`;
    offers.push({ label: method === 'flyp' ? `batches of ${n}` : once, settings, memoryBytes });
    break;
  }
  if (offers.length === 0 && input.settings.encoders === 'both') {
    const settings = { encoders: 'vision' as const };
    const memoryBytes = await fitting(method, settings);
    if (memoryBytes !== null) offers.push({ label: 'LoRA on the vision encoder alone', settings, memoryBytes });
  }
  const lighter: { label: string; method: FinetuneMethodId; settings: FinetuneSettings }[] = [
    { label: 'LoRA', method: 'lora', settings: { encoders: 'vision' } },
    { label: 'the last block alone', method: 'last-blocks', settings: { blocks: 1 } },
  ];
  const atOnce = [offers.at(-1)?.settings.microBatch ?? microBatch, 1];
  for (const one of lighter.filter((other) => other.method !== method))
    for (const n of new Set(atOnce)) {
      const settings = { ...one.settings, microBatch: n };
      const memoryBytes = await fitting(one.method, settings);
      if (memoryBytes === null) continue;
      offers.push({ ...one, settings, memoryBytes });
      break;
    }
  return offers;
}
