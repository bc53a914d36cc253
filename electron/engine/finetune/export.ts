// A fine-tuned model as a model: the source's folder with the changed weights, a head of its own, labels and a card.
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { LabError } from '../../../shared/contract.ts';
import { type ModelFolder, type OnnxFile, PROVENANCE, readJson, readModelFolder } from '../models/folder.ts';
import { decodeModel, encodeModel, type ModelProto } from '../training/onnx/proto.ts';
import { type Tensors, writeSafetensors } from '../training/safetensors.ts';
import { appendClassifier, type Patch, replaceWeights, spill, writeFully } from './onnx-surgery.ts';
import type { Weights } from './wise.ts';

export type ExportHead = {
  /** [classes, dim]. */
  weight: Float32Array;
  /** [classes]. */
  bias: Float32Array;
  /** Which output of the source is the feature (FeatureOutput.id), such as `image_embeds` or `before:logits`. */
  feature: string;
  /** Sizes of the tensor behind it for one image, such as [512] or [197, 768], as the prepared graph states them. */
  shape: readonly number[];
  /** The feature is brought to length 1 first. */
  normalised: boolean;
  /** logits = scale * (weight . feature) + bias. */
  scale: number;
};

export type ExportOptions = {
  source: ModelFolder;
  /** Changed initializers of the vision file by name, in the file's own layout. */
  weights: Weights;
  /** The same of the text tower's file, where it is another and was trained too. */
  textWeights?: Weights | undefined;
  /** Whether the text tower was trained too, in a file of its own or not. */
  textTrained?: boolean;
  /** What cosines are multiplied with, where that was trained too. */
  scale?: number | undefined;
  head: ExportHead | null;
  classes: readonly string[];
  /** The folder to make; its name is the model's id. */
  target: string;
  /** The model card; it is told what became of the files. */
  card: (facts: ExportFacts) => string;
  signal?: AbortSignal | undefined;
  /** Above this many bytes weights go into a file of their own (ONNX files end at 2 GiB). */
  largest?: number;
};

export type ExportFacts = {
  /** The model's id. */
  name: string;
  /** Relative to the folder, with forward slashes: `onnx/model.onnx`. */
  file: string;
  textFile: string | null;
  textTrained: boolean;
  source: ModelFolder;
  classes: readonly string[];
  /** Null without a head. */
  head: Pick<ExportHead, 'feature' | 'normalised' | 'scale'> | null;
  /** How many tensors, and numbers in them, were replaced. */
  changed: { tensors: number; numbers: number };
};

const LARGEST = 2 ** 31 - 2 ** 24;
/** What changed, as safetensors; of a text tower in a file of its own too. */
export const DELTA = 'finetuned.safetensors';
export const TEXT_DELTA = 'finetuned-text.safetensors';
const BUILDING = '.saving-';
const ABANDONED_MS = 60 * 60 * 1000;

/**
 * Makes the folder beside its place and renames it there, so that a killed process or a full disk leaves nothing half-written; the
 * text tower is linked where the disk allows it. Throws `conflict` when the folder exists, `no-space` when the disk is full.
 */
export async function exportModel(options: ExportOptions): Promise<{ path: string; bytes: number }> {
  const { target, signal } = options;
  if (existsSync(target))
    throw new LabError('conflict', `${target} exists already. Choose another name, or remove that model first.`);
  const parent = path.dirname(target);
  mkdirSync(parent, { recursive: true });
  removeAbandoned(parent);
  const building = path.join(parent, BUILDING + randomUUID().slice(0, 8));
  try {
    mkdirSync(building);
    build(options, building);
    signal?.throwIfAborted();
    const { bytes } = readModelFolder(building);
    renameSync(building, target);
    return { path: target, bytes };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new LabError('no-space', `The disk of ${parent} is full. Free some space and save the model again.`);
    if (code === 'EEXIST' || code === 'ENOTEMPTY')
      throw new LabError('conflict', `${target} exists already. Choose another name, or remove that model first.`);
    throw error;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** What a killed process left behind. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(BUILDING)) continue;
    const folder = path.join(parent, name);
    const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > ABANDONED_MS) rmSync(folder, { recursive: true, force: true });
  }
}

function build(options: ExportOptions, folder: string): void {
  const { source, classes, head, signal } = options;
  const vision = source.vision;
  if (!vision) throw new LabError('unsupported', `${source.path} takes no images, so there is nothing to save of it.`);
  copySmallFiles(source.path, folder);
  const file = placeOf(vision, source.path);
  const textFile = source.text ? placeOf(source.text, source.path) : null;
  const textWeights = options.textWeights ?? new Map<string, Float32Array>();
  if (source.text && textFile && textFile !== file) {
    if (textWeights.size === 0) linkModel(source.text, source.path, folder);
    else writeText(options, path.join(folder, textFile), folder);
  }
  signal?.throwIfAborted();
  const shapes = writeVision(options, path.join(folder, file));
  signal?.throwIfAborted();
  const tensors: Tensors = new Map();
  for (const [name, data] of options.weights) tensors.set(name, { shape: shapes.get(name)!, data });
  if (head) {
    const dim = head.weight.length / classes.length;
    tensors.set('classifier.weight', { shape: [classes.length, dim], data: head.weight });
    tensors.set('classifier.bias', { shape: [classes.length], data: head.bias });
  }
  writeSafetensors(path.join(folder, DELTA), tensors, {
    base: source.repo ?? path.basename(source.path),
    file: toSlashes(file),
    ...(head ? { feature: head.feature, normalised: String(head.normalised), scale: String(head.scale) } : {}),
  });
  const changed = [...options.weights.values(), ...textWeights.values()];
  const facts: ExportFacts = {
    name: path.basename(options.target),
    file: toSlashes(file),
    textFile: textFile && toSlashes(textFile),
    source,
    classes,
    head,
    changed: { tensors: changed.length, numbers: changed.reduce((sum, data) => sum + data.length, 0) },
    textTrained: textFile !== null && (options.textTrained ?? false),
  };
  writeJson(path.join(folder, 'config.json'), configOf(options));
  writeFileSync(path.join(folder, 'README.md'), options.card(facts), { flush: true });
}

const toSlashes = (relative: string) => relative.split(path.sep).join('/');
const writeJson = (file: string, value: unknown) =>
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`, { flush: true });

/** As in the source; a file beside config.json moves into onnx/, where every reader looks. */
function placeOf({ file }: OnnxFile, root: string): string {
  const relative = path.relative(root, file);
  return path.dirname(relative) === '.' ? path.join('onnx', relative) : relative;
}

/** Settings, vocabularies and licences; no weights (they are of the model before) and not its card. */
const SMALL_FILES = /^(?!config\.json$|README)(.*\.(json|txt|model|jinja|spm|vocab)|(LICEN[CS]E|NOTICE|COPYING)\b.*)$/i;
const WEIGHTS_INDEX = /(safetensors|bin)\.index\.json$/;

function copySmallFiles(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    const file = path.join(from, name);
    if (!SMALL_FILES.test(name) || WEIGHTS_INDEX.test(name) || name === PROVENANCE || !statSync(file).isFile())
      continue;
    copy(file, path.join(to, name));
  }
}

function copy(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, 0o644); // a copy of a read-only file is the lab's own
}

function linkModel(onnx: OnnxFile, root: string, folder: string): void {
  const to = path.join(folder, placeOf(onnx, root));
  mkdirSync(path.dirname(to), { recursive: true });
  const files = [path.basename(onnx.file), ...onnx.header.externalFiles];
  for (const name of files) {
    const from = realpathSync(path.join(path.dirname(onnx.file), name)); // not a link to the Hub's link
    const place = path.join(path.dirname(to), name);
    mkdirSync(path.dirname(place), { recursive: true });
    try {
      linkSync(from, place);
    } catch {
      copy(from, place); // another disk, or one without links
    }
  }
}

/** The shapes of what was replaced, by name. */
function writeVision({ source, weights, head, largest = LARGEST }: ExportOptions, to: string): Map<string, number[]> {
  const vision = source.vision!;
  return writeTower(vision, weights, to, largest, (model) => {
    if (!head) return;
    const output = vision.outputs.find(({ id }) => id === head.feature);
    if (!output) throw new Error(`${vision.file} has no output ${head.feature}.`);
    appendClassifier(model, vision.pixels.name, { ...head, tensor: output.tensor, pool: output.pool });
  });
}

function writeText({ source, textWeights, largest = LARGEST }: ExportOptions, to: string, folder: string): void {
  const shapes = writeTower(source.text!, textWeights!, to, largest);
  const tensors: Tensors = new Map();
  for (const [name, data] of textWeights!) tensors.set(name, { shape: shapes.get(name)!, data });
  writeSafetensors(path.join(folder, TEXT_DELTA), tensors, {
    base: source.repo ?? path.basename(source.path),
    file: toSlashes(path.relative(folder, to)),
  });
}

/** Writes a file with other numbers in its weights, and those beside it that hold weights; gives the shapes of what was replaced. */
export function writeTower(
  source: OnnxFile,
  weights: Weights,
  to: string,
  largest = LARGEST,
  change?: (model: ModelProto) => void,
): Map<string, number[]> {
  const model = decodeModel(readFileSync(source.file));
  const { patches, shapes } = replaceWeights(model, weights);
  change?.(model);
  mkdirSync(path.dirname(to), { recursive: true });
  for (const name of source.header.externalFiles) {
    const place = path.join(path.dirname(to), name);
    mkdirSync(path.dirname(place), { recursive: true });
    copy(realpathSync(path.join(path.dirname(source.file), name)), place);
  }
  applyPatches(patches, path.dirname(to));
  spill(model, freeName(`${to}_data`), largest);
  writeFileSync(to, encodeModel(model), { flush: true });
  return shapes;
}

function freeName(wanted: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}_${n}`;
    if (!existsSync(name)) return name;
  }
}

function applyPatches(patches: readonly Patch[], folder: string): void {
  for (const [name, own] of Map.groupBy(patches, (patch) => patch.file)) {
    const fd = openSync(path.join(folder, name), 'r+');
    try {
      for (const { bytes, offset } of own) writeFully(fd, bytes, offset);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** The source's config with the new classes; an image-text model stays one. */
function configOf({ source, classes, head, scale }: ExportOptions): Record<string, unknown> {
  const config: Record<string, unknown> = {
    ...readJson(path.join(source.path, 'config.json')),
    ...(scale === undefined ? {} : { logit_scale: Math.log(scale) }),
  };
  if (!head) return config;
  const { architectures } = config as { architectures?: unknown };
  const named = Array.isArray(architectures) ? String(architectures[0] ?? '') : '';
  return {
    ...config,
    architectures: source.family === 'dual' || named === '' ? (architectures ?? []) : [classifierName(named)],
    id2label: Object.fromEntries(classes.map((name, i) => [i, name])),
    label2id: Object.fromEntries(classes.map((name, i) => [name, i])),
    problem_type: 'single_label_classification',
    ...(config.num_labels === undefined ? {} : { num_labels: classes.length }),
    ...(config.num_classes === undefined ? {} : { num_classes: classes.length }),
    ...(config.label_names === undefined ? {} : { label_names: [...classes] }),
  };
}

/** transformers' name for a family with a head on it: ViTModel -> ViTForImageClassification. */
const classifierName = (name: string) =>
  /^(.+?)(For[A-Z]\w*|Model(WithProjection)?|Backbone)$/.exec(name)?.[1]?.concat('ForImageClassification') ?? name;
