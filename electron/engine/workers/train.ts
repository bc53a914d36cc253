// The thread of one training run: it holds the graph, the weights and the optimizer, and answers one request after the other.
import { renameSync, rmSync } from 'node:fs';
import type { TrainAnswer, TrainRequest } from '../finetune/thread.ts';
import {
  buildCaptionClassifier,
  type CaptionSetName,
  captionFeeds,
  classFeatures,
  LOG_SCALE,
  zeroShotLogits,
} from '../training/caption-classifier.ts';
import { buildClassifier, type Classifier } from '../training/classifier.ts';
import { mergeLora, noiseFeeds } from '../training/lora.ts';
import { giveBack } from '../training/plan.ts';
import { createPrefixCache, type PrefixCache, type RowKeys } from '../training/prefix-cache.ts';
import { readSafetensors, type Tensors, writeSafetensors } from '../training/safetensors.ts';
import { createTrainer, type Feeds, type Trainer } from '../training/trainer.ts';
import { withoutZeros } from '../training/widen.ts';
import { answerInOrder } from './answers.ts';
import { workerFile } from './pool.ts';
import './priority.ts';

let classifier: Classifier | null = null;
let build: (() => Promise<Classifier>) | null = null;
/** The tensors as they were before training, once they have been asked for. */
let before: ReadonlyMap<string, Float32Array> | null = null;
let trainer: Trainer | null = null;
let cache: PrefixCache | null = null;
let noiseSeed = 0;
/** Memory of dropout's numbers, for each micro-batch of a step. */
const noiseMemory: Map<string, Float32Array>[] = [];

/** Class features by set and weights, until the weights change. */
const remembered = new Map<string, Float32Array>();

function opened(): { classifier: Classifier; trainer: Trainer } {
  if (!classifier || !trainer) throw new Error('the run is not open');
  return { classifier, trainer };
}

const shapes = () => new Map(opened().classifier.plan.tensors.map((t) => [t.name, t.shape]));
const named = (values: ReadonlyMap<string, Float32Array>, prefix = ''): Tensors =>
  new Map([...values].map(([name, data]) => [prefix + name, { shape: shapes().get(name)!, data }]));

/** Written beside and renamed, so that a killed process leaves the one before. */
function write(file: string, tensors: Tensors, metadata: Record<string, string> = {}): null {
  const beside = `${file}.tmp`;
  try {
    writeSafetensors(beside, tensors, metadata);
    renameSync(beside, file);
  } catch (error) {
    rmSync(beside, { force: true }); // half a file would keep a full disk full
    throw error;
  }
  return null;
}

function noiseFeed(step: number | null, part = 0): Feeds {
  noiseMemory[part] ??= new Map();
  return noiseFeeds(opened().classifier.noises, { seed: noiseSeed, step, into: noiseMemory[part] });
}

async function imagesOf(pixels: Float32Array, keys: RowKeys | undefined): Promise<{ feeds: Feeds; kept: boolean }> {
  const feeds = { [opened().classifier.pixels]: pixels };
  return keys && cache ? cache.feeds(feeds, keys) : { feeds, kept: false };
}

async function classesOf(set: CaptionSetName, weights: 'weights' | 'average'): Promise<Float32Array> {
  const key = `${set} ${weights}`;
  const { classifier: c, trainer: t } = opened();
  const known = remembered.get(key) ?? (await classFeatures(c, t, set, weights));
  remembered.set(key, known);
  return known;
}

/** Zero-shot with the captions' features as they are now. */
async function logitsOf(features: Float32Array, weights: 'weights' | 'average'): Promise<Float32Array> {
  const { classifier: c, trainer: t } = opened();
  const scale = c.captions?.scale ?? Math.exp((await t.tensors(weights, [LOG_SCALE])).get(LOG_SCALE)![0]!);
  return zeroShotLogits(features, await classesOf('own', weights), c.dim, scale);
}

const work: { [K in TrainRequest['kind']]: (request: Extract<TrainRequest, { kind: K }>) => Promise<TrainAnswer[K]> } =
  {
    async plan({ spec }) {
      build = () => (spec.captions ? buildCaptionClassifier(spec) : buildClassifier(spec));
      classifier = await build();
      noiseSeed = spec.seed;
      const { plan: _plan, adapters: _adapters, noises: _noises, captions: _captions, blocks, ...about } = classifier;
      return { ...about, blocks: blocks.count };
    },
    async start({ options }) {
      if (!classifier) throw new Error('the run is not planned');
      const { pixels } = classifier;
      trainer = await createTrainer(classifier.plan, { ...options, threadFile: new URL(workerFile('optimizer')) });
      cache = createPrefixCache(trainer, pixels);
      giveBack(
        classifier.plan,
        classifier.adapters.map((adapter) => adapter.of),
      );
      return null;
    },
    async step({ batches, lr, clip }) {
      const { classifier: c, trainer: t } = opened();
      const step = t.steps();
      remembered.clear();
      let kept = true;
      const parts: Feeds[] = [];
      for (const [i, { pixels, targets, captions, keys }] of batches.entries()) {
        const images = await imagesOf(pixels, keys);
        kept &&= images.kept;
        parts.push({
          ...images.feeds,
          [c.targets]: targets,
          ...(c.captions && captions ? captionFeeds(c.captions, captions) : {}),
          ...noiseFeed(step * batches.length + i, i),
        });
      }
      const result = await t.step(parts, { lr, clip });
      return { ...result, kept };
    },
    async forward({ pixels, weights, keys }) {
      const { classifier: c, trainer: t } = opened();
      const { feeds, kept } = await imagesOf(pixels, keys);
      const out = await t.forward({ ...feeds, ...noiseFeed(null) }, weights);
      return {
        kept,
        logits: c.logits ? out[c.logits]!.slice() : await logitsOf(out[c.feature]!, weights),
        features: out[c.feature]!.slice(),
        own: c.own ? out[c.own]!.slice() : null,
      };
    },
    classes: async ({ set }) => (await classesOf(set, 'weights')).slice(),
    async checkpoint({ file, metadata }) {
      const { step, arrays } = await opened().trainer.state();
      const tensors: Tensors = new Map();
      for (const [array, values] of Object.entries(arrays))
        for (const [name, tensor] of named(values, `${array}/`)) tensors.set(name, tensor);
      return write(file, tensors, { ...metadata, step: String(step) });
    },
    async resume({ file, key }) {
      const { tensors, metadata } = readSafetensors(file);
      if (metadata.key !== key) return metadata;
      remembered.clear();
      const arrays: Record<string, Map<string, Float32Array>> = {};
      for (const [key, { data }] of tensors) {
        const at = key.indexOf('/');
        arrays[key.slice(0, at)] ??= new Map();
        arrays[key.slice(0, at)]!.set(key.slice(at + 1), data as Float32Array);
      }
      await opened().trainer.restore({ step: Number(metadata.step), arrays });
      return metadata;
    },
    keep: async ({ file, weights }) => write(file, named(await opened().trainer.tensors(weights))),
    async blend({ file, alpha }) {
      remembered.clear();
      const { tensors } = readSafetensors(file);
      if (alpha !== 1) before ??= new Map((await build!()).plan.tensors.map(({ name, data }) => [name, data]));
      const { trainer: t } = opened();
      const now = await t.tensors();
      for (const [name, into] of now) {
        const after = tensors.get(name)!.data as Float32Array;
        const from = before?.get(name);
        // the change of an adapted matrix is A·B: with A as trained and B in part, it is that part of the change
        if (alpha === 1 || !from || name.endsWith('.lora_A')) into.set(after);
        else for (let i = 0; i < into.length; i++) into[i] = from[i]! + alpha * (after[i]! - from[i]!);
      }
      await t.replace(now);
      return null;
    },
    async export({ file }) {
      const { classifier: c, trainer: t } = opened();
      const now = await t.tensors();
      const known = shapes();
      const tensors: Tensors = new Map();
      for (const [name, data] of now) {
        if (/\.lora_[AB]$/.test(name)) continue;
        const wide = known.get(name)!;
        const shape = c.plan.narrow.get(name) ?? wide;
        tensors.set(name, { shape, data: withoutZeros(data, wide, shape) });
      }
      const merged = mergeLora(c.adapters, now);
      for (const { of, shape } of c.adapters) tensors.set(of, { shape, data: merged.get(of)! });
      return write(file, tensors);
    },
    async memory() {
      return process.memoryUsage.rss();
    },
  };

answerInOrder((request: TrainRequest) => work[request.kind](request as never));
