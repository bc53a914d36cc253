// Reads a folder in the Hugging Face ONNX layout: which towers it has, which outputs can be features, how images and
// texts become inputs. Nothing is loaded; every missing or unfit file is named with the way out.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { LabError, type ModelInfo } from '../../../shared/contract.ts';
import { fsReason } from '../datasets/fs-reason.ts';
import { modelFiles } from './files.ts';
import { type OnnxHeader, type OnnxValue, readOnnxHeader } from './onnx-header.ts';
import { type Json, type ModelInput, readPreprocessing } from './preprocessing.ts';
import { readTokenizerSettings, type TokenizerSettings } from './tokenizer.ts';

export type OnnxFile = { file: string; header: OnnxHeader };
/** A feature that can be asked for: the graph's output and how its rows are pooled. */
export type FeatureOutput = {
  id: string;
  tensor: string;
  pool: 'row' | 'tokens' | 'mean';
  dim: number | null;
  /** The graph does not give it by itself: it is taken from inside. */
  inside?: true;
};

export type ModelFolder = {
  path: string;
  family: ModelInfo['family'];
  vision: (OnnxFile & { pixels: OnnxValue; preprocessing: ModelInput; outputs: FeatureOutput[] }) | null;
  /** `shared`: the image output that lives in one space with the captions. */
  text: (OnnxFile & { output: string; shared: string; tokenizer: TokenizerSettings }) | null;
  /** Why a model that should have a text side has none. */
  textProblem: string | null;
  /** Multiplies the cosine, where the model states it. */
  scale: number | null;
  /** The model's own classes, in the order of its logits. */
  labels: string[] | null;
  licence: string | null;
  /** Where a download came from. */
  repo: string | null;
  bytes: number;
};

/** Written by a download into the model's folder. */
export const PROVENANCE = 'fewshot-lab.json';

const VARIANTS = ['', '_fp16', '_quantized', '_int8', '_uint8', '_q8', '_q4f16', '_q4', '_bnb4'];
const VISION_NAMES = ['vision_model', 'visual', 'image_encoder', 'vision_encoder'];
const TEXT_NAMES = ['text_model', 'textual', 'text_encoder'];
const PIXEL_NAMES = ['pixel_values', 'images', 'image', 'input', 'pixels', 'x'];
/** CLIP's initial ln(1/0.07): configs that carry it state where training began, not the scale it ended with. */
const INITIAL_SCALES = [2.6592, Math.log(1 / 0.07), Math.log(10)];

/** Throws `not-found`, `bad-request` or `unsupported` naming what is wrong with the folder. */
export function readModelFolder(folder: string): ModelFolder {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new LabError('not-found', `There is no folder ${folder}.`);
  const config = readJson(path.join(folder, 'config.json'));
  const files = onnxFiles(folder);
  const find = (names: string[]) => pick(files, names);
  const only = files.length === 1 ? files[0] : undefined;
  const whole = find(['model']);
  const visionFile = find(VISION_NAMES) ?? whole ?? only;
  const textFile = find(TEXT_NAMES) ?? (visionFile === whole ? whole : undefined);
  if (!visionFile && !textFile)
    throw new LabError(
      'bad-request',
      `${folder} has no model: onnx/model.onnx (or onnx/vision_model.onnx) is missing. Export it with \`optimum-cli export onnx\`, or download the ONNX form of the model.`,
    );
  if (!config)
    throw new LabError('bad-request', `${folder} has no config.json. Copy it from the model's page into the folder.`);

  const provenance = readJson(path.join(folder, PROVENANCE));
  const open = (file: string): OnnxFile => checkExternal({ file, header: readOnnxHeader(file) });
  const vision = visionFile ? readVision(folder, open(visionFile), config) : null;
  const { text, textProblem } = readText(folder, textFile ? open(textFile) : null, vision, config);
  return {
    path: folder,
    family: vision ? (text ? 'dual' : 'vision') : 'text',
    vision,
    text,
    textProblem,
    scale: readScale(config),
    labels: readLabels(config),
    licence: (provenance?.licence as string | undefined) ?? readLicence(folder),
    repo: (provenance?.repo as string | undefined) ?? null,
    bytes: modelFiles(folder).reduce((sum, file) => sum + file.size, 0),
  };
}

/** Null where there is no such file. Throws `bad-request` naming one that holds no JSON object. */
export function readJson(file: string): Json | null {
  if (!existsSync(file)) return null;
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value !== 'object' || value === null) throw new SyntaxError(`it holds ${JSON.stringify(value)}`);
    return value as Json;
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code
      ? `cannot be read: ${fsReason(error)}.`
      : `is not JSON (${(error as Error).message}). Copy or download it again.`;
    throw new LabError('bad-request', `${file} ${why}`, { cause: error });
  }
}

/** Every .onnx of the folder, onnx/ before the root (and the sub-folders some exports use). */
function onnxFiles(folder: string): string[] {
  const found: string[] = [];
  for (const part of ['onnx', '.', 'visual', 'textual']) {
    const directory = path.join(folder, part);
    if (!existsSync(directory) || !statSync(directory).isDirectory()) continue;
    for (const name of readdirSync(directory).sort())
      if (name.endsWith('.onnx')) found.push(path.join(directory, name));
  }
  return found;
}

/** The best variant (full precision first) of the first name that is there; visual/model.onnx counts as visual.onnx. */
function pick(files: string[], names: string[]): string | undefined {
  for (const name of names)
    for (const variant of VARIANTS) {
      const hit = files.find((file) => {
        const base = path.basename(file, '.onnx');
        const parent = path.basename(path.dirname(file));
        const inside = parent === 'visual' || parent === 'textual';
        return inside ? parent === name && base === `model${variant}` : base === name + variant;
      });
      if (hit) return hit;
    }
  return undefined;
}

function checkExternal(onnx: OnnxFile): OnnxFile {
  for (const name of onnx.header.externalFiles) {
    const file = path.join(path.dirname(onnx.file), name);
    if (!existsSync(file))
      throw new LabError(
        'bad-request',
        `${onnx.file} keeps its weights in ${name}, which is missing. Copy or download ${file} too.`,
      );
  }
  return onnx;
}

/** Null when the file takes no image. */
function readVision(folder: string, onnx: OnnxFile, config: Json): ModelFolder['vision'] {
  const pixels = pixelInput(onnx.header.inputs);
  if (!pixels) return null;
  const outputs = featureOutputs(onnx.header);
  if (outputs.length === 0)
    throw new LabError(
      'unsupported',
      `${onnx.file} has no output that can be an image feature; it gives ${onnx.header.outputs.map((output) => output.name).join(', ')}.`,
    );
  const { file, json } = imageSettings(folder, config);
  if (!json)
    throw new LabError(
      'bad-request',
      `${folder} has no preprocessor_config.json, which says how images become the model's input. Copy it from the model's page into the folder.`,
    );
  const merged = json.pretrained_cfg || !config.pretrained_cfg || json.size ? json : config;
  const read = readPreprocessing(merged, modelImageSize(pixels, config), file);
  // a model of bytes scales them itself
  const preprocessing: ModelInput =
    pixels.type === 'uint8' ? { ...read, rescale: 1, mean: [0, 0, 0], std: [1, 1, 1] } : read;
  const [height, width] = spatial(pixels);
  if (
    (typeof height === 'number' && height !== preprocessing.height) ||
    (typeof width === 'number' && width !== preprocessing.width)
  )
    throw new LabError(
      'bad-request',
      `${file} makes images of ${preprocessing.width} x ${preprocessing.height}, but ${path.basename(onnx.file)} takes ${width} x ${height}. Put the ${path.basename(file)} of this very model beside it.`,
    );
  return { ...onnx, pixels, preprocessing, outputs };
}

/** What says how images become pixels, and where: for models of images and texts transformers 5 writes another file. */
function imageSettings(folder: string, config: Json): { file: string; json: Json | null } {
  const file = path.join(folder, 'preprocessor_config.json');
  const both = path.join(folder, 'processor_config.json');
  const own = readJson(file);
  const part = own ? null : (readJson(both)?.image_processor as Json | undefined);
  return part ? { file: both, json: part } : { file, json: own ?? (config.pretrained_cfg ? config : null) };
}

export function pixelInput(inputs: OnnxValue[]): OnnxValue | undefined {
  const four = inputs.filter((input) => input.shape.length === 4);
  const named = four.find((input) => PIXEL_NAMES.includes(input.name));
  // a language model's cache has four dimensions too
  return named ?? (inputs.some((input) => input.name === 'input_ids') ? undefined : four[0]);
}

/** Channels last: [n, height, width, 3]. */
export const channelsLast = (pixels: OnnxValue): boolean => pixels.shape[3] === 3 && pixels.shape[1] !== 3;

/** How many images or captions a run takes, where the file fixes it. */
export function fixedBatch(input: OnnxValue | undefined): number | null {
  const size = input?.shape[0];
  return typeof size === 'number' && size > 0 ? size : null;
}

const spatial = (pixels: OnnxValue) => (channelsLast(pixels) ? pixels.shape.slice(1, 3) : pixels.shape.slice(2, 4));

function modelImageSize(pixels: OnnxValue, config: Json): number | null {
  const fixed = spatial(pixels)[0];
  const stated = (config.vision_config as Json | undefined)?.image_size ?? config.image_size;
  return typeof fixed === 'number' ? fixed : typeof stated === 'number' ? stated : null;
}

/**
 * Best first: the projected image_embeds, pooler_output, last_hidden_state (class token, else mean; then the mean),
 * whatever else has a row per image, logits last. Outputs of a text tower in the same file are left out.
 */
function featureOutputs(header: OnnxHeader): FeatureOutput[] {
  const whole = header.inputs.some((input) => input.name === 'input_ids');
  const rank = (name: string) => {
    const known = ['image_embeds', 'image_embeddings', 'pooler_output', 'last_hidden_state'].indexOf(name);
    return name === 'logits' ? 100 : known < 0 ? 50 : known;
  };
  const found: FeatureOutput[] = [];
  for (const { name, shape } of [...header.outputs].sort((a, b) => rank(a.name) - rank(b.name))) {
    if (whole && !name.startsWith('image_')) continue;
    if (/^logits_per_|^text_|hidden_states\.|attentions/.test(name)) continue;
    const last = shape.at(-1);
    const size = typeof last === 'number' ? last : null;
    if (shape.length === 2) found.push({ id: name, tensor: name, pool: 'row', dim: size });
    else if (shape.length === 4)
      found.push({ id: name, tensor: name, pool: 'mean', dim: typeof shape[1] === 'number' ? shape[1] : null });
    else if (shape.length === 3 || (shape.length === 0 && rank(name) < 50)) {
      found.push({ id: name, tensor: name, pool: 'tokens', dim: size });
      if (shape.length === 3) found.push({ id: `${name}:mean`, tensor: name, pool: 'mean', dim: size });
    }
  }
  return withInside(found, header);
}

/**
 * Exports that give only a projection or logits hold better features inside, which the graph is asked for by name:
 * `before:image_embeds` (what the CLIP paper probes), `before:logits` (a classifier's penultimate layer).
 */
function withInside(found: FeatureOutput[], header: OnnxHeader): FeatureOutput[] {
  // a graph whose weights lie in another file cannot be opened from memory, where the output is added
  if (header.externalFiles.length > 0 || found.some((output) => output.id === 'pooler_output')) return found;
  return found.flatMap((output) => {
    const tensor = header.before[output.tensor];
    const wanted = output.pool === 'row' && /^(image_embed|logits$)/.test(output.tensor) && tensor !== undefined;
    return wanted ? [output, { id: `before:${output.id}`, tensor, pool: 'row', dim: null, inside: true }] : [output];
  });
}

function readText(
  folder: string,
  onnx: OnnxFile | null,
  vision: ModelFolder['vision'],
  config: Json,
): { text: ModelFolder['text']; textProblem: string | null } {
  const none = (textProblem: string | null) => ({ text: null, textProblem });
  const takesText = onnx?.header.inputs.some((input) => input.name === 'input_ids') ?? false;
  if (!vision) return none(null);
  if (!onnx || !takesText)
    return none(
      config.text_config
        ? `${folder} has no onnx/text_model.onnx: without it there are no captions, so no zero-shot.`
        : null,
    );
  const names = onnx.header.outputs.map((output) => output.name);
  const output =
    ['text_embeds', 'text_embeddings', 'pooler_output'].find((name) => names.includes(name)) ??
    (names.length === 1 ? names[0] : undefined);
  if (!output) return none(`${onnx.file} has no output that is a caption's feature; it gives ${names.join(', ')}.`);
  const tokenizerFile = path.join(folder, 'tokenizer.json');
  if (!existsSync(tokenizerFile))
    return none(`${folder} has no tokenizer.json: without it there are no captions, so no zero-shot.`);
  const tokenizer = readTokenizerSettings(
    tokenizerFile,
    readJson(path.join(folder, 'tokenizer_config.json')) ?? {},
    config,
    onnx.header,
  );
  return { text: { ...onnx, output, shared: vision.outputs[0]!.id, tokenizer }, textProblem: null };
}

/** Configs state ln(scale); one that only states where training began states nothing. */
function readScale(config: Json): number | null {
  const stated = [config.logit_scale, config.logit_scale_init_value].find((value) => typeof value === 'number') as
    | number
    | undefined;
  if (stated === undefined || INITIAL_SCALES.some((initial) => Math.abs(initial - stated) < 1e-3)) return null;
  // 10 and above can only be the scale itself: exp(10) is far beyond CLIP's clip at 100
  const scale = stated < 10 ? Math.exp(stated) : stated;
  return Math.round(scale * 1e6) / 1e6;
}

function readLabels(config: Json): string[] | null {
  const names = config.id2label as Record<string, string> | undefined;
  if (!names) return null;
  const labels = Array.from({ length: Object.keys(names).length }, (_, index) => names[index]);
  if (labels.some((label) => label === undefined || /^LABEL_\d+$/.test(label))) return null;
  return labels as string[];
}

/** From the front matter of the model card. */
function readLicence(folder: string): string | null {
  const card = path.join(folder, 'README.md');
  if (!existsSync(card)) return null;
  return (
    /^---[\s\S]*?^license:\s*["']?([\w.-]+)[\s\S]*?^---/m.exec(readFileSync(card, 'utf8').slice(0, 10_000))?.[1] ?? null
  );
}
