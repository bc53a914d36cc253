// What a set of predictions is worth: accuracy, macro-F1, log-loss, calibration, Brier, confusion. Fractions, never percent.
import type { Metrics, PointDetail } from './report.ts';

/** Bins of the expected calibration error. */
export const BINS = 15;
/** Probabilities are clipped here before the logarithm. */
export const CLIP = 1e-15;

export type Scored = Metrics & {
  /** Class index per item. */
  predicted: Int32Array;
  /** The probability given to the predicted class. */
  confidence: Float64Array;
};

/** Index of the largest entry of row `i` (the first of equals); rows are `k` wide. */
export function argmax(rows: ArrayLike<number>, i: number, k: number): number {
  let best = 0;
  for (let c = 1; c < k; c++) {
    if (rows[i * k + c]! > rows[i * k + best]!) best = c;
  }
  return best;
}

/** Counts [true][predicted]. */
export function confusionMatrix(predicted: ArrayLike<number>, labels: ArrayLike<number>, k: number): number[][] {
  const out = Array.from({ length: k }, () => new Array<number>(k).fill(0));
  for (let i = 0; i < labels.length; i++) out[labels[i]!]![predicted[i]!]!++;
  return out;
}

/** Share of items whose prediction is their label; 0 for none. */
export function accuracyOf(predicted: ArrayLike<number>, labels: ArrayLike<number>): number {
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predicted[i] === labels[i]) right++;
  return labels.length ? right / labels.length : 0;
}

/** Recall of each class that has items, by name. */
export function perClassRecall(confusion: number[][], classes: string[]): Record<string, number> {
  // not by assignment: a class may be called __proto__
  return Object.fromEntries(
    confusion.flatMap((row, c) => {
      const items = row.reduce((a, b) => a + b, 0);
      return items > 0 ? [[classes[c]!, row[c]! / items]] : [];
    }),
  );
}

/** Mean F1 over the classes that occur among the labels or the predictions (scikit-learn's f1_score, macro). */
export function macroF1Of(confusion: number[][]): number {
  let sum = 0;
  let present = 0;
  confusion.forEach((row, c) => {
    const items = row.reduce((a, b) => a + b, 0);
    const said = confusion.reduce((a, other) => a + other[c]!, 0);
    if (items + said === 0) return;
    present++;
    sum += (2 * row[c]!) / (items + said);
  });
  return present ? sum / present : 0;
}

/** Mean -ln p(label), p clipped at 1e-15; `probabilities` is [items, k]. */
export function logLossOf(probabilities: ArrayLike<number>, labels: ArrayLike<number>, k: number): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum -= Math.log(Math.max(probabilities[i * k + labels[i]!]!, CLIP));
  return labels.length ? sum / labels.length : 0;
}

/** Mean over items of sum over classes of (p - [label])^2. */
export function brierOf(probabilities: ArrayLike<number>, labels: ArrayLike<number>, k: number): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    for (let c = 0; c < k; c++) sum += (probabilities[i * k + c]! - (c === labels[i] ? 1 : 0)) ** 2;
  }
  return labels.length ? sum / labels.length : 0;
}

/**
 * The bin (lo, hi] of a confidence. Stored confidences are float32, so a value within that rounding above an edge counts
 * as lying on it: the bins of a reopened point are then those its ECE was computed from.
 */
const binOf = (p: number) => Math.min(BINS - 1, Math.max(0, Math.ceil(p * BINS - 2e-6) - 1));

/** The bins of a reliability diagram; an empty bin has confidence and accuracy 0. */
export function reliabilityBins(
  confidence: ArrayLike<number>,
  right: ArrayLike<number | boolean>,
): PointDetail['reliability'] {
  const bins = Array.from({ length: BINS }, (_, b) => ({
    lo: b / BINS,
    hi: (b + 1) / BINS,
    count: 0,
    confidence: 0,
    accuracy: 0,
  }));
  for (let i = 0; i < confidence.length; i++) {
    const bin = bins[binOf(confidence[i]!)]!;
    bin.count++;
    bin.confidence += confidence[i]!;
    bin.accuracy += right[i] ? 1 : 0;
  }
  for (const bin of bins) {
    bin.confidence /= bin.count || 1;
    bin.accuracy /= bin.count || 1;
  }
  return bins;
}

/** Expected calibration error: mean over items of |accuracy - confidence| of their bin (Guo et al. 2017). */
export function eceOf(bins: PointDetail['reliability']): number {
  const items = bins.reduce((sum, bin) => sum + bin.count, 0);
  return items ? bins.reduce((sum, bin) => sum + (bin.count / items) * Math.abs(bin.accuracy - bin.confidence), 0) : 0;
}

/**
 * Everything about one row. `probabilities` is [items, classes]; `predicted` is its arg-max unless given (a method may
 * break ties of equal probabilities by more than the order of the classes).
 */
export function metricsOf(
  probabilities: Float64Array | Float32Array,
  labels: Int32Array,
  classes: string[],
  predicted?: Int32Array,
): Scored {
  const k = classes.length;
  const said = predicted ?? Int32Array.from(labels, (_, i) => argmax(probabilities, i, k));
  const confidence = Float64Array.from(said, (c, i) => probabilities[i * k + c]!);
  const confusion = confusionMatrix(said, labels, k);
  return {
    accuracy: accuracyOf(said, labels),
    macroF1: macroF1Of(confusion),
    logLoss: logLossOf(probabilities, labels, k),
    ece: eceOf(
      reliabilityBins(
        confidence,
        Array.from(said, (c, i) => c === labels[i]),
      ),
    ),
    brier: brierOf(probabilities, labels, k),
    perClass: perClassRecall(confusion, classes),
    predicted: said,
    confidence,
  };
}
