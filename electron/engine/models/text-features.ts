// Class features from captions: every template filled with every class name, features averaged over the templates
// (CLIP, section 3.1.4: mean of the normalised caption features, normalised again).
import { captionsFor } from '../../../shared/templates.ts';
import type { Embedder } from './embedder.ts';

/** Caption features by embedder and caption. Rows are L2-normalised. */
const remembered = new Map<string, Map<string, Float32Array>>();
/** About 100 MB at 512 dimensions. */
const MOST_CAPTIONS = 50_000;

const fill = (template: string, name: string): string => captionsFor(template, name)[0]!;

/** Per template, [classes, dim], rows L2-normalised. The embedder must have a text side. */
export async function templateTextFeatures(
  embedder: Embedder,
  classNames: readonly string[],
  templates: readonly string[],
  signal?: AbortSignal,
): Promise<Float32Array[]> {
  const text = embedder.text;
  if (!text) throw new Error(`${embedder.name} has no text side`);
  const known = remembered.get(embedder.key) ?? new Map<string, Float32Array>();
  remembered.set(embedder.key, known);
  const captions = new Set(templates.flatMap((template) => classNames.map((name) => fill(template, name))));
  // rows that are asked for now stay, whatever else has to go
  if (known.size + captions.size > MOST_CAPTIONS)
    for (const caption of known.keys()) if (!captions.has(caption)) known.delete(caption);
  // similar lengths together: a batch is as long as its longest caption
  const missing = [...captions].filter((caption) => !known.has(caption)).sort((a, b) => a.length - b.length);
  const STEP = 256;
  for (let start = 0; start < missing.length; start += STEP) {
    const part = missing.slice(start, start + STEP);
    const rows = await text(part, signal);
    part.forEach((caption, i) => {
      known.set(caption, normalised(rows.slice(i * embedder.dim, (i + 1) * embedder.dim)));
    });
  }
  return templates.map((template) => {
    const matrix = new Float32Array(classNames.length * embedder.dim);
    classNames.forEach((name, i) => {
      matrix.set(known.get(fill(template, name))!, i * embedder.dim);
    });
    return matrix;
  });
}

/** [classes, dim], rows L2-normalised: the mean over the templates of the normalised caption features, normalised again. */
export async function classTextFeatures(
  embedder: Embedder,
  classNames: readonly string[],
  templates: readonly string[],
  signal?: AbortSignal,
): Promise<Float32Array> {
  return meanOverTemplates(await templateTextFeatures(embedder, classNames, templates, signal), embedder.dim);
}

/** Rows of several [classes, dim] matrices averaged and brought to length 1. */
export function meanOverTemplates(matrices: Float32Array[], dim: number): Float32Array {
  const out = new Float32Array(matrices[0]?.length ?? 0);
  for (const matrix of matrices) for (let i = 0; i < out.length; i++) out[i]! += matrix[i]! / matrices.length;
  for (let start = 0; start < out.length; start += dim) normalised(out.subarray(start, start + dim));
  return out;
}

/** In place; a row of zeros stays as it is. */
function normalised(row: Float32Array): Float32Array {
  let sum = 0;
  for (const value of row) sum += value * value;
  const length = Math.sqrt(sum);
  if (length > 0) for (let i = 0; i < row.length; i++) row[i]! /= length;
  return row;
}

/** For tests, and when memory is wanted back. */
export const forgetTextFeatures = (): void => remembered.clear();
