// A thread that fits one method on one backbone, one shot count and one seed. Features are shared memory, never copied whole.
import { metricsOf } from '../../../shared/metrics.ts';
import type { FeatureMethodId, Shots } from '../../../shared/report.ts';
import type { GridRow } from '../methods/grid.ts';
import type { Sample } from '../methods/method.ts';
import { METHODS } from '../methods/table.ts';
import { gatherRows } from '../numeric/matrix.ts';
import './priority.ts';

export type FitTask = {
  method: FeatureMethodId;
  model: string;
  shots: Shots;
  seed: number | null;
  classes: string[];
  dim: number;
  /** Unit-length rows in a SharedArrayBuffer. */
  features: Float32Array;
  labels: Int32Array;
  train: Int32Array;
  validation: Int32Array;
  test: Int32Array;
  /** Validation items per class at most, if the method looks at them. */
  perClass: number;
  text: Float32Array | null;
  scale: number;
  knnVote: 'similarity' | 'majority';
  knnIndex: 'auto' | 'exact' | 'hnsw';
};

export function fit(task: FitTask): GridRow {
  const { features, dim, classes, labels, text, scale, knnVote, knnIndex } = task;
  const sample = (items: Int32Array): Sample => ({
    x: gatherRows(features, dim, items),
    labels: items.map((i) => labels[i]!),
  });
  const data = {
    classes: classes.length,
    dim,
    train: sample(task.train),
    validation: sample(task.validation),
    text,
    scale,
    knnVote,
    knnIndex,
  };
  const test = sample(task.test);
  const started = performance.now();
  const fitted = METHODS[task.method].fit(data);
  const fitMs = performance.now() - started;
  const { probabilities, predicted } = fitted.predict(test.x, test.labels.length);
  const { predicted: said, confidence, ...metrics } = metricsOf(probabilities, test.labels, classes, predicted);
  if (!Number.isFinite(metrics.logLoss))
    throw new Error(`${task.method} on ${task.model} gave probabilities that are not numbers.`);
  return {
    ...metrics,
    method: task.method,
    model: task.model,
    shots: task.shots,
    seed: task.seed,
    fitMs,
    choice: fitted.choice,
    validation: fitted.validated ? task.perClass : 0,
    predicted: said,
    probability: Float32Array.from(confidence),
  };
}
