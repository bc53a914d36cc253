// What a way of adapting a frozen backbone is: something fitted on a few labelled features that then gives class probabilities.
// A new method is one file with its formula and source, and one line in table.ts.
import type { FeatureMethodId } from '../../../shared/report.ts';

/** Unit-length features [labels.length, dim] and their class indices. */
export type Sample = { x: Float32Array; labels: Int32Array };

export type MethodData = {
  classes: number;
  dim: number;
  train: Sample;
  /** To choose hyper-parameters with, nothing else; may be empty. */
  validation: Sample;
  /** Unit-length text features [classes, dim], where the backbone has them. */
  text: Float32Array | null;
  /** What cosines are multiplied with before the softmax, as the model states it. */
  scale: number;
  knnVote: 'similarity' | 'majority';
  knnIndex: 'auto' | 'exact' | 'hnsw';
};

/** `probabilities` is [n, classes]; `predicted` is given where ties are broken by more than the order of the classes. */
export type Prediction = { probabilities: Float64Array; predicted?: Int32Array };

export type Fitted = {
  /** What validation chose, such as { C: 1 }; empty when there was nothing to choose. */
  choice: Record<string, number>;
  /** True when validation items were looked at. */
  validated: boolean;
  predict(x: Float32Array, n: number): Prediction;
};

export type Method = {
  id: FeatureMethodId;
  name: string;
  /** False: it learns nothing from training items, so it is one row with 0 shots. */
  learns: boolean;
  needsText: boolean;
  /** Anything slow happens here, prediction aside: it is what fitMs measures. */
  fit(data: MethodData): Fitted;
};
