// Zero-shot classification with text features (Radford et al. 2021, CLIP, section 3.1): p = softmax(scale * cosine(image, text)).
import { LabError } from '../../../shared/contract.ts';
import { dotAll, softmaxRows } from '../numeric/matrix.ts';
import type { Method } from './method.ts';

/** Where a model does not state its logit scale: CLIP's, learnt and clipped at 100. */
export const DEFAULT_SCALE = 100;

/** Class probabilities [n, classes] of unit-length image features against unit-length text features. */
export const zeroShotProbabilities = (
  x: Float32Array,
  n: number,
  dim: number,
  text: Float32Array,
  classes: number,
  scale: number,
): Float64Array => softmaxRows(dotAll(x, n, text, classes, dim), classes, scale);

/**
 * One text feature per class from `features` [classes * templates, dim] (a class's templates one after the other): the mean
 * of the unit-length features, itself of unit length (the notebook's ensemble).
 */
export function ensembleText(features: Float32Array, classes: number, templates: number, dim: number): Float32Array {
  const out = new Float32Array(classes * dim);
  for (let row = 0; row < classes * templates; row++) {
    const c = Math.floor(row / templates) * dim;
    const vector = features.subarray(row * dim, (row + 1) * dim);
    const length = Math.sqrt(vector.reduce((sum, v) => sum + v * v, 0)) || 1;
    for (let j = 0; j < dim; j++) out[c + j]! += vector[j]! / length;
  }
  for (let c = 0; c < classes; c++) {
    const vector = out.subarray(c * dim, (c + 1) * dim);
    const length = Math.sqrt(vector.reduce((sum, v) => sum + v * v, 0)) || 1;
    for (let j = 0; j < dim; j++) vector[j]! /= length;
  }
  return out;
}

export const zeroShot: Method = {
  id: 'zero-shot',
  name: 'Zero-shot',
  learns: false,
  needsText: true,
  fit({ text, scale, dim, classes }) {
    if (!text) throw new LabError('unsupported', 'Zero-shot needs a backbone with a text side.');
    return {
      choice: {},
      validated: false,
      predict: (x, n) => ({ probabilities: zeroShotProbabilities(x, n, dim, text, classes, scale) }),
    };
  },
};
