// A run's weights, at any point between before and after, as a model of its own in the app's models folder.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { LabError, type ModelInfo } from '../../../shared/contract.ts';
import { captionOf } from '../../../shared/templates.ts';
import type { Engine } from '../context.ts';
import type { ModelFolder } from '../models/folder.ts';
import { meanOverTemplates } from '../models/text-features.ts';
import { normaliseRows } from '../numeric/matrix.ts';
import { LOG_SCALE, TEXT_PREFIX } from '../training/caption-classifier.ts';
import { HEAD_BIAS, HEAD_WEIGHT } from '../training/classifier.ts';
import { decodeModel } from '../training/onnx/proto.ts';
import { readTensor } from '../training/onnx/tensors.ts';
import { readSafetensors } from '../training/safetensors.ts';
import { modelCard } from './card.ts';
import { exportModel, writeTower } from './export.ts';
import { HEAD_BEFORE, SHAPE, TRAINED } from './finetune.ts';
import { openBackbone, wordsOf } from './setup.ts';
import { addSaved, loadRun, runFolder } from './store.ts';
import { interpolate, type Weights } from './wise.ts';

/** A name as a folder's: letters, digits, dots and dashes of any script. */
const folderName = (name: string) =>
  name
    .normalize('NFC')
    .trim()
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[.-]+|[.-]+$/g, '');

/** Into the app's models folder. Throws `conflict` for a run that has not ended, or whose name is taken. */
export async function saveModel(engine: Engine, finetuneId: number, alpha: number, name: string): Promise<ModelInfo> {
  const id = folderName(name);
  if (id === '') throw new LabError('bad-request', `"${name}" holds no letter or digit to name a folder with.`);
  if ((await engine.models.list()).some((model) => model.id === id))
    throw new LabError('conflict', `There is a model ${id} already. Choose another name.`);
  await exportRun(engine, finetuneId, alpha, path.join(engine.dirs.models, id));
  addSaved(engine.db, finetuneId, id);
  engine.push('model.changed', { id });
  engine.push('finetune.changed', { id: finetuneId });
  return engine.models.get(id);
}

/** Into the folder `target`, which must not exist. Throws `conflict` for that, and for a run that has not ended. */
export async function exportRun(engine: Engine, finetuneId: number, alpha: number, target: string): Promise<void> {
  const run = loadRun(engine.db, finetuneId);
  const folder = runFolder(engine, finetuneId);
  const { report } = run;
  if (!report || !existsSync(path.join(folder, TRAINED)))
    throw new LabError(
      'conflict',
      report
        ? `The weights of this run are gone (${folder}). Run it again.`
        : 'This run has not ended. Save it when it has.',
    );
  const backbone = await openBackbone(engine, run.params.model, {});
  const { embedder } = backbone;
  if (embedder.hash !== report.model.hash)
    throw new LabError('conflict', `${backbone.name} is not the file any more that this run began with.`);
  const source = backbone.folder;
  const after = floats(path.join(folder, TRAINED));
  const begin = readSafetensors(path.join(folder, HEAD_BEFORE));
  const before = initializers(source.vision!.file, [...after.keys()]);
  for (const [key, { data }] of begin.tensors) before.set(key, data as Float32Array);
  const begun = Number(begin.metadata.scale);
  before.set(LOG_SCALE, Float32Array.of(Math.log(begun)));
  const ofText = [...after.keys()].filter(isText).map(inText);
  if (source.text && ofText.length > 0)
    for (const [key, data] of initializers(source.text.file, ofText)) before.set(TEXT_PREFIX + key, data);
  const weights = interpolate(before, after, alpha);
  const taken = (name: string): Float32Array | null => {
    const data = weights.get(name) ?? null;
    weights.delete(name);
    return data;
  };
  const logScale = taken(LOG_SCALE);
  const textWeights = new Map(ofText.map((name) => [name, taken(TEXT_PREFIX + name)!]));
  // the point between two heads of captions is not the head of the captions between them
  const words = wordsOf(run.params, report.classes);
  const textTrained = !after.has(HEAD_WEIGHT);
  const text = textTrained
    ? await captionHead(engine, source, textWeights.size > 0 ? textWeights : weights, words, folder)
    : null;
  const [weight, bias] = [text ?? taken(HEAD_WEIGHT)!, taken(HEAD_BIAS) ?? new Float32Array(report.classes.length)];
  const scale = logScale ? Math.exp(logScale[0]!) : begun;
  const shapeFile = path.join(folder, SHAPE);
  await exportModel({
    source,
    weights,
    textWeights,
    textTrained,
    scale: logScale ? scale : undefined,
    head: {
      weight,
      bias: bias.map((b) => b * scale),
      feature: embedder.output,
      shape: existsSync(shapeFile) ? (JSON.parse(readFileSync(shapeFile, 'utf8')) as number[]) : [embedder.dim],
      normalised: true,
      scale,
    },
    classes: report.classes,
    target,
    card: modelCard({ report, alpha }),
  });
}

const isText = (name: string) => name.startsWith(TEXT_PREFIX);
const inText = (name: string) => name.slice(TEXT_PREFIX.length);

/** The class features [classes, dim] that the text tower gives with these weights; its file is made for that in `folder`. */
async function captionHead(
  engine: Engine,
  source: ModelFolder,
  weights: Weights,
  { names, templates }: { names: string[]; templates: string[] },
  folder: string,
): Promise<Float32Array> {
  const { text } = source;
  if (!text) throw new Error(`${source.path} has no text side.`);
  const beside = path.join(folder, `text-${randomUUID().slice(0, 8)}`);
  const file = path.join(beside, path.basename(text.file));
  try {
    writeTower(text, weights, file);
    const embedder = await engine.models.embedderOf({ ...source, text: { ...text, file } }, text.shared);
    const matrices: Float32Array[] = [];
    for (const template of templates) {
      const rows = await embedder.text!(names.map((name) => captionOf(template, name)));
      normaliseRows(rows, embedder.dim);
      matrices.push(rows);
    }
    return meanOverTemplates(matrices, embedder.dim);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

const floats = (file: string): Map<string, Float32Array> =>
  new Map([...readSafetensors(file).tensors].map(([name, { data }]) => [name, data as Float32Array]));

function initializers(file: string, names: readonly string[]): Map<string, Float32Array> {
  const wanted = new Set(names);
  const found = new Map<string, Float32Array>();
  for (const tensor of decodeModel(readFileSync(file)).graph.initializer ?? [])
    if (wanted.has(tensor.name ?? ''))
      found.set(tensor.name!, readTensor(tensor, path.dirname(file)).data as Float32Array);
  return found;
}
