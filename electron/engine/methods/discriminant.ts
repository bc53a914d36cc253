// Gaussian discriminant with one shared covariance, in closed form (Wang et al. 2024, "A Hard-to-Beat Baseline for
// Training-free CLIP-based Adaptation", without its text term; shrinkage after Kubokawa and Srivastava 2008):
//   P = d ((N-1) Cov + tr(Cov) I)^-1,  w_k = P mu_k,  b_k = ln(1/K) - mu_k^T P mu_k / 2,  p = softmax(w.x + b)
// with Cov the covariance (n-1) of the class-centred features. A zero covariance (one shot) means P = I: the nearest mean.
import { cholesky, solveLower, solveLowerTransposed } from '../numeric/cholesky.ts';
import { columnProducts, rowProducts } from '../numeric/gram.ts';
import type { LinearHead } from '../numeric/logistic.ts';
import { dotAll, softmaxRows } from '../numeric/matrix.ts';
import type { Method, Sample } from './method.ts';
import { classMeans } from './nearest-mean.ts';

export function fitDiscriminant(train: Sample, dim: number, classes: number): LinearHead {
  const means = Float64Array.from(classMeans(train, dim, classes));
  const n = train.labels.length;
  const centred = new Float64Array(n * dim);
  let scatter = 0;
  for (let i = 0; i < n; i++) {
    const mean = train.labels[i]! * dim;
    for (let j = 0; j < dim; j++) {
      const v = train.x[i * dim + j]! - means[mean + j]!;
      centred[i * dim + j] = v;
      scatter += v * v;
    }
  }
  const weights = Float64Array.from(means);
  // Rounding alone leaves about 1e-14 n where every class has one item.
  if (scatter > 1e-10 * n) precisionTimes(centred, n, dim, scatter / (n - 1), weights, classes);
  const bias = Float64Array.from({ length: classes }, (_, c) => {
    let square = 0;
    for (let j = c * dim; j < (c + 1) * dim; j++) square += means[j]! * weights[j]!;
    return -Math.log(classes) - 0.5 * square;
  });
  return { weights, bias };
}

/**
 * Replaces each row m of `rows` by d (X^T X + t I)^-1 m. With fewer items than dimensions through the identity
 * (X^T X + t I)^-1 = (I - X^T (X X^T + t I)^-1 X) / t, which needs an n x n factor only.
 */
function precisionTimes(x: Float64Array, n: number, dim: number, t: number, rows: Float64Array, count: number): void {
  const small = n < dim;
  const size = small ? n : dim;
  const factor = small ? rowProducts(x, n, dim) : columnProducts(x, n, dim);
  for (let i = 0; i < size; i++) factor[i * size + i]! += t;
  cholesky(factor, size, size);
  for (let r = 0; r < count; r++) {
    const row = rows.subarray(r * dim, (r + 1) * dim);
    const unknown = small ? new Float64Array(n) : row;
    if (small) for (let i = 0; i < n; i++) for (let j = 0; j < dim; j++) unknown[i]! += x[i * dim + j]! * row[j]!;
    solveLower(factor, size, size, unknown);
    solveLowerTransposed(factor, size, size, unknown);
    if (small) {
      for (let i = 0; i < n; i++) for (let j = 0; j < dim; j++) row[j]! -= unknown[i]! * x[i * dim + j]!;
      for (let j = 0; j < dim; j++) row[j]! /= t;
    }
    for (let j = 0; j < dim; j++) row[j]! *= dim;
  }
}

export const discriminant: Method = {
  id: 'discriminant',
  name: 'Discriminant',
  learns: true,
  needsText: false,
  fit({ train, dim, classes }) {
    const { weights, bias } = fitDiscriminant(train, dim, classes);
    // What all classes share cancels in the softmax; without it the scores are small enough for float32.
    const shared = (values: Float64Array, at: number, width: number) => {
      let sum = 0;
      for (let j = at % width; j < values.length; j += width) sum += values[j]!;
      return sum / classes;
    };
    const common = Float64Array.from({ length: dim }, (_, j) => shared(weights, j, dim));
    const rows = Float32Array.from(weights, (w, at) => w - common[at % dim]!);
    const offset = shared(bias, 0, 1);
    return {
      choice: {},
      validated: false,
      predict(x, n) {
        const scores = dotAll(x, n, rows, classes, dim);
        for (let i = 0; i < scores.length; i++) scores[i]! += bias[i % classes]! - offset;
        return { probabilities: softmaxRows(scores, classes) };
      },
    };
  },
};
