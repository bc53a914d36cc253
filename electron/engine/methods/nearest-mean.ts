// Nearest class mean: cosine to the mean of a class's unit-length features (Mensink et al. 2013; with one mean per class,
// the prototypes of Snell et al. 2017). p = softmax(cosine / T); T changes no prediction, only how sure they are.
import { logLossOf } from '../../../shared/metrics.ts';
import { dotAll, normaliseRows, softmaxRows } from '../numeric/matrix.ts';
import type { Method, Sample } from './method.ts';

/** Eight a decade from 1 down to 0.001: ties go to the higher, less sure one. */
const TEMPERATURES = Array.from({ length: 25 }, (_, i) => 10 ** (-i / 8));
/** Without validation items: CLIP's own, 1/100. */
const DEFAULT_TEMPERATURE = 0.01;

/** Mean feature of each class [classes, dim], not normalised. */
export function classMeans({ x, labels }: Sample, dim: number, classes: number): Float32Array {
  const sums = new Float64Array(classes * dim);
  const counts = new Float64Array(classes);
  labels.forEach((label, i) => {
    counts[label]!++;
    for (let j = 0; j < dim; j++) sums[label * dim + j]! += x[i * dim + j]!;
  });
  return Float32Array.from(sums, (sum, at) => sum / (counts[Math.floor(at / dim)]! || 1));
}

export const nearestMean: Method = {
  id: 'nearest-mean',
  name: 'Nearest mean',
  learns: true,
  needsText: false,
  fit({ train, validation, dim, classes }) {
    const means = classMeans(train, dim, classes);
    normaliseRows(means, dim);
    const n = validation.labels.length;
    const cosines = dotAll(validation.x, n, means, classes, dim);
    const losses = TEMPERATURES.map((T) => logLossOf(softmaxRows(cosines, classes, 1 / T), validation.labels, classes));
    const T = n > 0 ? TEMPERATURES[losses.indexOf(Math.min(...losses))]! : DEFAULT_TEMPERATURE;
    return {
      choice: { T },
      validated: n > 0,
      predict: (x, rows) => ({ probabilities: softmaxRows(dotAll(x, rows, means, classes, dim), classes, 1 / T) }),
    };
  },
};
