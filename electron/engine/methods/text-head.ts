// A linear head that begins at the text features (one unit row per class) and is trained on frozen image features by SGD, as in
// CLAP (Silva-Rodriguez et al., CVPR 2024, arXiv 2312.12730; github.com/jusiro/CLAP trainers/adapters.py): logits are scale times
// the cosine with the head's rows; learning rate 0.1 falling as a cosine, momentum 0.9, batches of 256, 300 epochs.
import { randomOf, shuffle } from '../../../shared/protocol.ts';
import { dotAll, softmaxRows } from '../numeric/matrix.ts';
import type { MethodData, Prediction } from './method.ts';

const EPOCHS = 300;
const BATCH = 256;
const RATE = 0.1;
const MOMENTUM = 0.9;
/** Large sets converge long before 300 epochs: the steps are bounded. */
const MOST_STEPS = 3000;

export type TextHead = {
  /** [classes, dim], not normalised. */
  weights: Float32Array;
  predict(x: Float32Array, n: number): Prediction;
};

/** `penalty` [classes]: λ of each class's squared distance to its text feature; the loss holds their mean. */
export function trainTextHead(
  { train, classes, dim, scale }: Pick<MethodData, 'train' | 'classes' | 'dim' | 'scale'>,
  text: Float32Array,
  penalty: Float32Array | null,
): TextHead {
  const weights = text.slice();
  const velocity = new Float32Array(weights.length);
  const n = train.labels.length;
  const perEpoch = Math.ceil(n / BATCH);
  const steps = Math.min(EPOCHS * perEpoch, MOST_STEPS);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const random = randomOf(0, 7);
  for (let step = 0; step < steps; step++) {
    const at = step % perEpoch;
    if (at === 0 && perEpoch > 1) shuffle(order, random);
    const rows = order.subarray(at * BATCH, Math.min(n, (at + 1) * BATCH));
    const gradient = gradientOf(rows, { train, classes, dim, scale }, weights);
    if (penalty)
      for (let i = 0; i < weights.length; i++)
        gradient[i]! += ((2 * penalty[Math.floor(i / dim)]!) / classes) * (weights[i]! - text[i]!);
    const rate = (RATE / 2) * (1 + Math.cos((Math.PI * step) / steps));
    for (let i = 0; i < weights.length; i++) {
      velocity[i] = MOMENTUM * velocity[i]! + gradient[i]!;
      weights[i]! -= rate * velocity[i]!;
    }
  }
  const { unit } = unitRows(weights, classes, dim);
  return {
    weights,
    predict: (x, count) => ({ probabilities: softmaxRows(dotAll(x, count, unit, classes, dim), classes, scale) }),
  };
}

function unitRows(weights: Float32Array, classes: number, dim: number) {
  const unit = weights.slice();
  const lengths = new Float32Array(classes);
  for (let c = 0; c < classes; c++) {
    const row = unit.subarray(c * dim, (c + 1) * dim);
    const length = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0)) || 1;
    lengths[c] = length;
    for (let j = 0; j < dim; j++) row[j]! /= length;
  }
  return { unit, lengths };
}

/** Of the mean cross-entropy of the rows with respect to the weights: through the rows' normalisation, [classes, dim]. */
function gradientOf(
  rows: Int32Array,
  { train, classes, dim, scale }: Pick<MethodData, 'train' | 'classes' | 'dim' | 'scale'>,
  weights: Float32Array,
): Float32Array {
  const { unit, lengths } = unitRows(weights, classes, dim);
  const x = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    x.set(train.x.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  const p = softmaxRows(dotAll(x, rows.length, unit, classes, dim), classes, scale);
  const out = new Float32Array(weights.length);
  for (const [i, row] of rows.entries())
    for (let c = 0; c < classes; c++) {
      const error = ((p[i * classes + c]! - (train.labels[row] === c ? 1 : 0)) * scale) / rows.length;
      if (error === 0) continue;
      for (let j = 0; j < dim; j++) out[c * dim + j]! += error * x[i * dim + j]!;
    }
  for (let c = 0; c < classes; c++) {
    // d(w/|w|) takes out the part along w
    let along = 0;
    for (let j = c * dim; j < (c + 1) * dim; j++) along += out[j]! * unit[j]!;
    for (let j = c * dim; j < (c + 1) * dim; j++) out[j] = (out[j]! - along * unit[j]!) / lengths[c]!;
  }
  return out;
}
