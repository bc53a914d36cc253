// An embedder on an ONNX model: images into the vision tower (models/embed-images.ts), captions through the tokenizer into
// the text tower. A single file with both towers is given a dummy for the side that is not asked for.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { LabError, type ModelInfo } from '../../../shared/contract.ts';
import type { ImagePool } from '../images/pool.ts';
import { type Batch, inLanes, inTurn, type Tower } from './embed-images.ts';
import type { Embedder } from './embedder.ts';
import { channelsLast, type FeatureOutput, fixedBatch, type ModelFolder, type OnnxFile } from './folder.ts';
import type { OnnxValue } from './onnx-header.ts';
import { type PixelInput, pixelTensor } from './pixels.ts';
import { poolRows } from './pooling.ts';
import type { OnnxOutput, OnnxTensor, Sessions } from './sessions.ts';
import type { Tokens } from './tokenizer.ts';

/** Part of the cache key: raise it when pixels of the same settings change. */
const PREPROCESSING_VERSION = 1;
/** Captions a run. */
const TEXT_BATCH = 64;
/** Copies of a model's weights in memory that running its batches side by side may cost. */
const MOST_COPIES_BYTES = 400 * 1024 * 1024;
/** Images a run where runs go side by side: few, as they share the cache (measured); more where a run costs less than asking for it. */
const laneBatch = (vision: Vision): number => (bytesOf(vision) < LIGHT_BYTES ? 4 : 2);
const LIGHT_BYTES = 4 * 1024 * 1024;
/** Images a run otherwise; an accelerator wants more at once. */
const CPU_BATCH = 16;
const ACCELERATOR_BATCH = 64;

export type OnnxEmbedderOptions = {
  info: Pick<ModelInfo, 'id' | 'name' | 'licence'>;
  folder: ModelFolder;
  sessions: Sessions;
  images: () => ImagePool;
  /** SHA-256 of the vision file. */
  hash: string;
  output?: string;
  device: string;
  threads: number;
};

type Vision = NonNullable<ModelFolder['vision']>;
type Run = (
  onnx: OnnxFile,
  feeds: Record<string, OnnxTensor>,
  output: string,
) => Promise<{ data: Float32Array; dims: number[] }>;

function pixelInput({ pixels, preprocessing }: Vision): PixelInput {
  const { bgr, ...spec } = preprocessing;
  return {
    name: pixels.name,
    type: pixels.type,
    channelsLast: channelsLast(pixels),
    bgr,
    fixed: fixedBatch(pixels),
    preprocessing: spec,
  };
}

/** Loads the model. Throws `unsupported` for a model without images, `bad-request` for an output it does not have. */
export async function onnxEmbedder(options: OnnxEmbedderOptions): Promise<Embedder> {
  const { info, folder, sessions, threads } = options;
  const vision = folder.vision;
  if (!vision)
    throw new LabError(
      'unsupported',
      `${info.name} takes no images, so it gives no image features. Choose a vision model or one with both sides.`,
    );
  const output = chooseOutput(vision, options.output, info.name);
  const lanes = lanesFor(vision, options.device, threads);
  const only = canTrim(vision, folder, output);
  const source = (onnx: OnnxFile) => ({
    file: onnx.file,
    expose: onnx.file === vision.file && (output.inside || only) ? output.tensor : null,
    only: onnx.file === vision.file && only,
    device: options.device,
    threads,
    lanes: onnx.file === vision.file ? lanes : 1,
  });
  const device = await sessions.actualDevice(source(vision));
  const run: Run = async (onnx, feeds, name) => (await sessions.run(source(onnx), feeds, [name]))[name]!;
  const input = pixelInput(vision);
  const { fixed } = input;
  const others = (count: number) =>
    Object.fromEntries(
      vision.header.inputs
        .filter(({ name }) => name !== input.name)
        .map((other) => [other.name, dummy(other, vision.pixels, fixed ?? count)]),
    );
  /** Rows of the images asked for; a fixed batch has more. */
  const pooled = ({ data, dims }: OnnxOutput, count: number) => {
    const all = poolRows(data, dims, output.pool);
    return all.subarray(0, (all.length / (fixed ?? count)) * count);
  };
  const forward = async (pixels: Float32Array, count: number) =>
    pooled(
      await run(vision, { ...others(count), [input.name]: pixelTensor(pixels, count, input) }, output.tensor),
      count,
    );
  const { height, width } = vision.preprocessing;
  const dim = output.dim ?? (await forward(new Float32Array(3 * height * width), 1)).length;
  const batch = fixed ?? (device !== 'cpu' ? ACCELERATOR_BATCH : lanes > 1 ? laneBatch(vision) : CPU_BATCH);
  const tower: Tower = {
    dim,
    batch,
    decode: (files, asked) => options.images().preprocess(files, vision.preprocessing, asked),
    forward,
  };
  const runInLane = async (files: string[], hashes: string[] | undefined): Promise<Batch> => {
    const asked = { files, hashes, input, others: others(files.length), output: output.tensor };
    const { result, failures } = await sessions.images(source(vision), asked);
    return { rows: result ? pooled(result, files.length) : new Float32Array(0), failures };
  };

  return {
    id: info.id,
    name: info.name,
    key: [options.hash.slice(0, 32), output.id, preprocessingKey(vision)].join(':'),
    hash: options.hash,
    dim,
    output: output.id,
    device,
    pretrained: true,
    licence: info.licence,
    scale: folder.scale,
    batch,
    least: lanes > 1 && !fixed ? batch / 2 : batch,
    lanes: device === 'cpu' ? lanes : 1,
    images: lanes > 1 ? inLanes(tower, lanes, runInLane) : inTurn(tower),
    ...(folder.text && folder.text.shared === output.id
      ? textSide(folder.text, vision, sessions, run, dim)
      : { text: null, tokens: null }),
    labels: output.tensor === 'logits' && folder.labels?.length === dim ? folder.labels : null,
  };
}

/**
 * Small models gain little from many threads in one run: their layers are short and the threads wait for each other. Whole
 * batches side by side cost a copy of the weights each (measured on 2 cores, MobileNetV2: 12 % more images a second).
 * Inside Electron it stays at one: several threads in the runtime have crashed there (onnxruntime #20084).
 */
function lanesFor(vision: Vision, device: string, threads: number): number {
  if (device !== 'cpu' || process.versions.electron) return 1;
  const cores = threads > 0 ? threads : availableParallelism();
  return Math.max(1, Math.min(cores, 8, Math.floor(MOST_COPIES_BYTES / bytesOf(vision))));
}

/** Of the model's file and what lies beside it. */
function bytesOf(vision: Vision): number {
  const files = [vision.file, ...vision.header.externalFiles.map((name) => path.join(path.dirname(vision.file), name))];
  return files.reduce((sum, file) => sum + statSync(file).size, 0);
}

/** Whether the file gives more than this output, serves nobody else, and can be opened from memory. */
function canTrim(vision: Vision, folder: ModelFolder, output: FeatureOutput): boolean {
  const { outputs, externalFiles } = vision.header;
  return (
    (output.inside || outputs.length > 1) &&
    folder.text?.file !== vision.file &&
    externalFiles.length === 0 &&
    statSync(vision.file).size <= MOST_COPIES_BYTES
  );
}

function chooseOutput(vision: Vision, asked: string | undefined, name: string): FeatureOutput {
  if (!asked) return vision.outputs[0]!;
  const found = vision.outputs.find((output) => output.id === asked);
  if (!found)
    throw new LabError(
      'bad-request',
      `${name} has no output ${asked}. It has ${vision.outputs.map((output) => output.id).join(', ')}.`,
    );
  return found;
}

function preprocessingKey(vision: Vision): string {
  const settings = JSON.stringify([PREPROCESSING_VERSION, vision.preprocessing, vision.pixels.type]);
  return createHash('sha256').update(settings).digest('hex').slice(0, 12);
}

/** What the other tower of a single file is fed: zeros, one row, or as many as the images when their batch axis is the same. */
function dummy(input: OnnxValue, pixels: OnnxValue, count: number): OnnxTensor {
  const sameAxis = typeof input.shape[0] === 'string' && input.shape[0] !== '?' && input.shape[0] === pixels.shape[0];
  const rows = sameAxis ? count : typeof input.shape[0] === 'number' ? input.shape[0] : 1;
  const rest = input.shape.slice(1).map((size) => (typeof size === 'number' ? size : 8));
  const dims = [rows, ...rest];
  const size = dims.reduce((a, b) => a * b, 1);
  if (input.type === 'int64')
    return { type: 'int64', data: new BigInt64Array(size).fill(input.name === 'attention_mask' ? 1n : 0n), dims };
  if (input.type === 'int32')
    return { type: 'int32', data: new Int32Array(size).fill(input.name === 'attention_mask' ? 1 : 0), dims };
  return { type: input.type, data: new Float32Array(size), dims };
}

// ---------------------------------------------------------------- captions

function textSide(
  text: NonNullable<ModelFolder['text']>,
  vision: Vision,
  sessions: Sessions,
  run: Run,
  dim: number,
): Pick<Embedder, 'text' | 'tokens'> {
  const fixed = fixedBatch(text.header.inputs.find(({ name }) => name === 'input_ids'));
  /** A graph of a fixed batch gets that many, empty ones at the end. */
  const rows = async (captions: string[], pad: 'context' | 'longest') => {
    const made: Float32Array[] = [];
    const step = fixed ?? Math.max(1, captions.length);
    for (let start = 0; start < captions.length; start += step) {
      const batch = captions.slice(start, start + step);
      const full = [...batch, ...new Array<string>(step - batch.length).fill('')];
      const tokens = await sessions.tokenize(text.tokenizer, full, pad);
      const result = await run(text, textFeeds(text, tokens, vision), text.output);
      const all = poolRows(result.data, result.dims, 'row');
      made.push(all.subarray(0, (all.length / step) * batch.length));
    }
    return joined(made);
  };
  let padding: Promise<'context' | 'longest'> | null = null;
  const choosePadding = () => {
    padding ??= text.tokenizer.dynamic ? tryShortRows(rows) : Promise.resolve('context');
    return padding;
  };
  const tokens = async (captions: string[]) => sessions.tokenize(text.tokenizer, captions, await choosePadding());
  const features: Embedder['text'] = async (captions, signal) => {
    const features = new Float32Array(captions.length * dim);
    if (captions.length === 0) return features;
    const pad = await choosePadding();
    for (let start = 0; start < captions.length; start += TEXT_BATCH) {
      signal?.throwIfAborted();
      const batch = captions.slice(start, start + TEXT_BATCH);
      const made = await rows(batch, pad);
      if (made.length !== batch.length * dim)
        throw new LabError(
          'unsupported',
          `${text.file} gives captions ${made.length / batch.length} numbers, the image features have ${dim}: they are not in one space.`,
        );
      features.set(made, start * dim);
    }
    return features;
  };
  return { text: features, tokens };
}

function joined(parts: Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** CLIP attends backwards only, so padding cannot matter and rows may be as short as the captions; others need it. Tried, not guessed. */
async function tryShortRows(
  rows: (captions: string[], pad: 'context' | 'longest') => Promise<Float32Array>,
): Promise<'context' | 'longest'> {
  const captions = ['a', 'a photo of a small dog on a chair.'];
  try {
    const [short, full] = [await rows(captions, 'longest'), await rows(captions, 'context')];
    const largest = full.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return short.length === full.length && short.every((value, i) => Math.abs(value - full[i]!) <= 1e-4 * largest)
      ? 'longest'
      : 'context';
  } catch {
    return 'context';
  }
}

function textFeeds(text: NonNullable<ModelFolder['text']>, tokens: Tokens, vision: Vision): Record<string, OnnxTensor> {
  const dims = [tokens.rows, tokens.length];
  const feeds: Record<string, OnnxTensor> = {};
  for (const input of text.header.inputs) {
    const whole = (data: BigInt64Array): OnnxTensor =>
      input.type === 'int32'
        ? { type: 'int32', data: Int32Array.from(data, Number), dims }
        : { type: 'int64', data: data.slice(), dims };
    if (input.name === 'input_ids') feeds[input.name] = whole(tokens.ids);
    else if (input.name === 'attention_mask') feeds[input.name] = whole(tokens.mask);
    else if (input.name === 'token_type_ids') feeds[input.name] = whole(new BigInt64Array(tokens.ids.length));
    else if (input.name === 'position_ids')
      feeds[input.name] = whole(tokens.ids.map((_, i) => BigInt(i % tokens.length)));
    else if (input.shape.length === 4) feeds[input.name] = blank(input, vision, tokens.rows);
    else throw new LabError('unsupported', `${text.file} wants an input that the lab does not know: ${input.name}.`);
  }
  return feeds;
}

/** A black image for the vision tower of a single file. */
function blank(input: OnnxValue, vision: Vision, rows: number): OnnxTensor {
  const { height, width } = vision.preprocessing;
  const sized: OnnxValue = {
    ...input,
    shape: channelsLast(input) ? [input.shape[0]!, height, width, 3] : [input.shape[0]!, 3, height, width],
  };
  const ids = vision.header.inputs.find((other) => other.name === 'input_ids');
  const tensor = dummy(sized, ids ?? sized, rows);
  return input.type === 'uint8' ? { ...tensor, data: new Uint8Array(tensor.data.length) } : tensor;
}
