// Metrics against scikit-learn's figures (tests/fixtures/probe/metrics*), and at the edges.
import { describe, expect, it } from 'vitest';
import {
  argmax,
  brierOf,
  confusionMatrix,
  eceOf,
  logLossOf,
  macroF1Of,
  metricsOf,
  perClassRecall,
  reliabilityBins,
} from '../../shared/metrics.ts';
import { CLASSES, doubles, ints, json } from '../helpers/probe-fixture.ts';

type Golden = {
  accuracy: number;
  ece_15_bins: number;
  brier_sum_over_classes: number;
  nll: number;
  macro_f1: number;
  balanced_accuracy: number;
  confusion_matrix_rows_true_cols_pred: number[][];
  bins: { lo: number; hi: number; count: number; accuracy: number | null; confidence: number | null }[];
};

const golden = json<Golden>('metrics.json');
const probabilities = doubles('metrics_probs.npy');
const labels = ints('metrics_labels.npy');
const classes = Array.from({ length: CLASSES }, (_, c) => `class ${c}`);

describe('metrics', () => {
  it('equal scikit-learn', () => {
    const m = metricsOf(probabilities, labels, classes);
    expect(m.accuracy).toBeCloseTo(golden.accuracy, 12);
    expect(m.macroF1).toBeCloseTo(golden.macro_f1, 12);
    expect(m.logLoss).toBeCloseTo(golden.nll, 12);
    expect(m.ece).toBeCloseTo(golden.ece_15_bins, 12);
    expect(m.brier).toBeCloseTo(golden.brier_sum_over_classes, 12);
    expect(Object.values(m.perClass).reduce((a, b) => a + b) / CLASSES).toBeCloseTo(golden.balanced_accuracy, 12);
    expect(confusionMatrix(m.predicted, labels, CLASSES)).toEqual(golden.confusion_matrix_rows_true_cols_pred);
  });

  it('give the same bins from what is stored, float32 confidences and predictions', () => {
    const { predicted, confidence, ece } = metricsOf(probabilities, labels, classes);
    const bins = reliabilityBins(
      Float32Array.from(confidence),
      [...predicted].map((c, i) => c === labels[i]),
    );
    expect(bins.map((b) => b.count)).toEqual(golden.bins.map((b) => b.count));
    bins.forEach((bin, b) => {
      expect(bin.lo).toBeCloseTo(golden.bins[b]!.lo, 12);
      expect(bin.accuracy).toBeCloseTo(golden.bins[b]!.accuracy ?? 0, 9);
      expect(bin.confidence).toBeCloseTo(golden.bins[b]!.confidence ?? 0, 6);
    });
    expect(eceOf(bins)).toBeCloseTo(ece, 6);
  });

  it('put a confidence on an edge into the bin below, in double and in single precision', () => {
    for (const p of [3 / 15, 6 / 15, 1 / 15, 1]) {
      const at = Math.round(p * 15) - 1;
      for (const stored of [p, Math.fround(p)]) expect(reliabilityBins([stored], [true])[at]!.count).toBe(1);
    }
    expect(reliabilityBins([0], [false])[0]!.count).toBe(1);
    expect(reliabilityBins([0.2001], [true])[3]!.count).toBe(1);
  });

  it('clip a probability of nothing at 1e-15', () => {
    expect(logLossOf([1, 0], [1], 2)).toBeCloseTo(-Math.log(1e-15), 12);
    expect(logLossOf([1, 0], [0], 2)).toBeCloseTo(0, 12);
    expect(brierOf([1, 0, 0.5, 0.5], [1, 0], 2)).toBe((2 + 0.5) / 2);
  });

  it('leave out classes that nobody has, and count those only predicted', () => {
    const confusion = confusionMatrix([0, 0, 2], [0, 1, 1], 4);
    expect(perClassRecall(confusion, ['a', 'b', 'c', 'd'])).toEqual({ a: 1, b: 0 });
    expect(JSON.stringify(perClassRecall(confusion, ['a', '__proto__', 'c', 'd']))).toBe('{"a":1,"__proto__":0}');
    expect(macroF1Of(confusion)).toBeCloseTo((2 / 3 + 0 + 0) / 3, 12);
  });

  it('follow given predictions instead of the first of equals', () => {
    expect(argmax([0.5, 0.5], 0, 2)).toBe(0);
    const m = metricsOf(Float64Array.from([0.5, 0.5]), Int32Array.from([1]), ['a', 'b'], Int32Array.from([1]));
    expect([m.accuracy, m.confidence[0]]).toEqual([1, 0.5]);
  });
});
