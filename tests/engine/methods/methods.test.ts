// Each method against golden values (scikit-learn, FAISS, NumPy) or a plain recomputation, and how validation chooses.
import { describe, expect, it } from 'vitest';
import { best, compare } from '../../../electron/engine/methods/choose.ts';
import { discriminant, fitDiscriminant } from '../../../electron/engine/methods/discriminant.ts';
import { knn, vote } from '../../../electron/engine/methods/knn.ts';
import { linearProbe, searchStrength } from '../../../electron/engine/methods/linear-probe.ts';
import type { MethodData, Sample } from '../../../electron/engine/methods/method.ts';
import { nearestMean } from '../../../electron/engine/methods/nearest-mean.ts';
import { METHODS } from '../../../electron/engine/methods/table.ts';
import { ensembleText, zeroShot } from '../../../electron/engine/methods/zero-shot.ts';
import { gatherRows, normaliseRows } from '../../../electron/engine/numeric/matrix.ts';
import { exactIndex } from '../../../electron/engine/numeric/neighbours.ts';
import { accuracyOf, argmax, logLossOf } from '../../../shared/metrics.ts';
import { randomOf } from '../../../shared/protocol.ts';
import { FEATURE_METHOD_IDS } from '../../../shared/report.ts';
import {
  CLASSES,
  DIM,
  doubles,
  FEATURES,
  farthest,
  floats,
  json,
  labelsOf,
  SHOTS,
  splits,
  test,
  trainOf,
} from '../../helpers/probe-fixture.ts';

const l2 = floats('X_l2.npy');
const sampleOf = (items: Int32Array, x = l2): Sample => ({ x: gatherRows(x, DIM, items), labels: labelsOf(items) });
const empty: Sample = { x: new Float32Array(0), labels: new Int32Array(0) };
const dataOf = (train: Sample, validation: Sample = empty, more: Partial<MethodData> = {}): MethodData => ({
  ...{
    classes: CLASSES,
    dim: DIM,
    train,
    validation,
    text: null,
    scale: 100,
    knnVote: 'similarity',
    knnIndex: 'exact',
  },
  ...more,
});
const valOf = (seed: number, shots: number) => Int32Array.from(splits.splits[`seed${seed}_shots${shots}`]!.val);
const saidOf = (probabilities: Float64Array) => test.map((_, i) => argmax(probabilities, i, CLASSES));

it('has a method for every id, under its own id', () => {
  expect(Object.keys(METHODS).sort()).toEqual([...FEATURE_METHOD_IDS].sort());
  for (const id of FEATURE_METHOD_IDS) expect(METHODS[id].id).toBe(id);
});

describe('choice by validation', () => {
  const c = (value: number, accuracy: number, logLoss: number) => ({ value, accuracy, logLoss });
  it('is by accuracy, then lower log-loss, then the smaller value', () => {
    expect(best([c(1, 0.8, 0.1), c(2, 0.9, 0.9)]).value).toBe(2);
    expect(best([c(1, 0.9, 0.5), c(2, 0.9, 0.4)]).value).toBe(2);
    expect(best([c(4, 0.9, 0.4), c(2, 0.9, 0.4), c(8, 0.9, 0.4)]).value).toBe(2);
    expect(compare(c(1, 0.9, 0.4), c(2, 0.9, 0.4 + 1e-15))).toBeLessThan(0);
  });
});

describe('k-NN', () => {
  type Golden = { q: number[]; db: number[]; votes: Record<string, { pred: number[]; majority_pred: number[] }> };
  const golden = json<Golden>('knn.json');
  const base = sampleOf(Int32Array.from(golden.db));
  const found = exactIndex(base.x, golden.db.length, DIM).search(
    gatherRows(l2, DIM, Int32Array.from(golden.q)),
    golden.q.length,
    20,
  );

  it.each([1, 5, 10, 20])('votes as the golden ones do, k = %i', (k) => {
    const { probabilities, predicted } = vote(found, golden.q.length, base.labels, CLASSES, k, 'similarity');
    expect([...predicted!]).toEqual(golden.votes[k]!.pred);
    const votes = doubles(`knn_votes_k${k}.npy`);
    const shares = votes.map(
      (v, at) => v / votes.subarray(at - (at % CLASSES), at - (at % CLASSES) + CLASSES).reduce((a, b) => a + b),
    );
    expect(farthest(probabilities, shares)).toBeLessThan(1e-5);
  });

  it.each([1, 5, 10, 20])('counts as the golden ones do where there is no tie, k = %i', (k) => {
    const { probabilities, predicted } = vote(found, golden.q.length, base.labels, CLASSES, k, 'majority');
    let ties = 0;
    golden.votes[k]!.majority_pred.forEach((lowest, q) => {
      const row = [...probabilities.subarray(q * CLASSES, (q + 1) * CLASSES)];
      const winners = row.flatMap((p, c) => (p === Math.max(...row) ? [c] : []));
      if (winners.length > 1) ties++;
      expect(winners[0]).toBe(lowest);
      expect(winners).toContain(predicted![q]);
    });
    expect(ties > 0).toBe(k > 1);
  });

  it('gives a tie to the class with the larger summed similarity', () => {
    const neighbours = {
      k: 4,
      ids: Int32Array.from([0, 1, 2, 3]),
      similarity: Float32Array.from([0.9, 0.8, 0.7, 0.1]),
    };
    const { predicted, probabilities } = vote(neighbours, 1, Int32Array.from([2, 1, 1, 2]), 3, 4, 'majority');
    expect([...probabilities]).toEqual([0, 0.5, 0.5]);
    expect(predicted![0]).toBe(1);
  });

  it('chooses k on validation among those it has items for, and k = 1 without', () => {
    const train = sampleOf(trainOf(0, 2));
    expect(knn.fit(dataOf(train)).choice).toEqual({ k: 1 });
    const validation = sampleOf(valOf(0, 2));
    const fitted = knn.fit(dataOf(train, validation));
    const losses = [1, 2, 4, 8].map((k) => {
      const p = vote(
        exactIndex(train.x, 12, DIM).search(validation.x, 12, k),
        12,
        train.labels,
        CLASSES,
        k,
        'similarity',
      );
      return {
        value: k,
        accuracy: accuracyOf(p.predicted!, validation.labels),
        logLoss: logLossOf(p.probabilities, validation.labels, CLASSES),
      };
    });
    expect(fitted.choice).toEqual({ k: best(losses).value });
    expect(fitted.validated).toBe(true);
  });

  it('predicts the same from the graph index', () => {
    const train = sampleOf(trainOf(0, 16));
    const validation = sampleOf(valOf(0, 16));
    const x = gatherRows(l2, DIM, test);
    const of = (knnIndex: MethodData['knnIndex']) =>
      knn.fit(dataOf(train, validation, { knnIndex })).predict(x, test.length).predicted!;
    const [exact, graph] = [of('exact'), of('hnsw')];
    expect(exact.filter((p, i) => p === graph[i]).length / test.length).toBeGreaterThan(0.99);
  });
});

describe('discriminant', () => {
  it('equals the closed form in NumPy, and its accuracy', () => {
    const { results } = json<{ results: { test_acc: number; degenerate: boolean }[] }>('gda.json');
    const [weights, biases] = [doubles('gda_w.npy'), doubles('gda_b.npy')];
    const testLabels = labelsOf(test);
    let at = 0;
    for (const { file } of FEATURES) {
      const x = floats(file);
      for (const seed of [0, 1, 2]) {
        for (const shots of SHOTS) {
          const golden = results[at]!;
          const train = sampleOf(trainOf(seed, shots), x);
          if (!golden.degenerate) {
            const { weights: w, bias } = fitDiscriminant(train, DIM, CLASSES);
            const size = Math.max(...w.map(Math.abs));
            expect(farthest(w, weights, at * CLASSES * DIM) / size).toBeLessThan(1e-5);
            expect(farthest(bias, biases, at * CLASSES) / size).toBeLessThan(1e-4);
            const { probabilities } = discriminant.fit(dataOf(train)).predict(gatherRows(x, DIM, test), test.length);
            expect(accuracyOf(saidOf(probabilities), testLabels)).toBeCloseTo(golden.test_acc, 12);
          }
          at++;
        }
      }
    }
    expect(at).toBe(30);
  });

  it('is the nearest mean at one shot, where the covariance is zero', () => {
    for (const seed of [0, 1, 2]) {
      const data = dataOf(sampleOf(trainOf(seed, 1)));
      const x = gatherRows(l2, DIM, test);
      const mine = saidOf(discriminant.fit(data).predict(x, test.length).probabilities);
      expect(mine).toEqual(saidOf(nearestMean.fit(data).predict(x, test.length).probabilities));
    }
  });

  it('gives the same by the n x n and by the d x d factor', () => {
    // 40 items in 32 dimensions, and the same padded with zero dimensions to 48: only d's own factor differs.
    const items = trainOf(0, 8).subarray(0, 40);
    const train = sampleOf(items);
    const wide = new Float32Array(40 * 48);
    for (let i = 0; i < 40; i++) wide.set(train.x.subarray(i * DIM, (i + 1) * DIM), i * 48);
    const narrow = fitDiscriminant(train, DIM, CLASSES).weights;
    const other = fitDiscriminant({ x: wide, labels: train.labels }, 48, CLASSES).weights;
    let worst = 0;
    for (let c = 0; c < CLASSES; c++)
      for (let j = 0; j < DIM; j++) worst = Math.max(worst, Math.abs(other[c * 48 + j]! / 1.5 - narrow[c * DIM + j]!));
    expect(worst / Math.max(...narrow.map(Math.abs))).toBeLessThan(1e-9);
  });
});

describe('nearest mean', () => {
  it('takes the class of the largest cosine to a mean, and the temperature of least log-loss', () => {
    const train = sampleOf(trainOf(2, 8));
    const validation = sampleOf(valOf(2, 8));
    const fitted = nearestMean.fit(dataOf(train, validation));
    const x = gatherRows(l2, DIM, test);
    const { probabilities } = fitted.predict(x, test.length);
    const means = new Float32Array(CLASSES * DIM);
    train.labels.forEach((c, i) => {
      for (let j = 0; j < DIM; j++) means[c * DIM + j]! += train.x[i * DIM + j]! / 8;
    });
    normaliseRows(means, DIM);
    const cosine = (q: Float32Array, i: number, c: number) =>
      means.subarray(c * DIM, (c + 1) * DIM).reduce((sum, m, j) => sum + m * q[i * DIM + j]!, 0);
    const said = test.map((_, i) =>
      argmax(
        Array.from({ length: CLASSES }, (_x, c) => cosine(x, i, c)),
        0,
        CLASSES,
      ),
    );
    expect(saidOf(probabilities)).toEqual(said);
    const { T } = fitted.choice;
    const loss = (t: number) => {
      const scores = Array.from(validation.labels, (_, i) =>
        Array.from({ length: CLASSES }, (_x, c) => Math.exp(cosine(validation.x, i, c) / t)),
      );
      return logLossOf(
        scores.flatMap((row) => row.map((e) => e / row.reduce((a, b) => a + b))),
        validation.labels,
        CLASSES,
      );
    };
    expect(loss(T!)).toBeLessThan(loss(T! * 1.4));
    expect(loss(T!)).toBeLessThan(loss(T! / 1.4));
    expect(nearestMean.fit(dataOf(train)).choice).toEqual({ T: 0.01 });
  });
});

describe('linear probe', () => {
  it('searches seven strengths and then halves eight times around the best', () => {
    const tried: number[] = [];
    const target = Math.log10(0.37);
    const chosen = searchStrength((value) => {
      tried.push(value);
      return { value, accuracy: 0.5, logLoss: Math.abs(Math.log10(value) - target) };
    });
    expect(tried.slice(0, 7)).toEqual([1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6]);
    // Two new ends, then one new end a step but for the first, where the middle is the peak itself.
    expect(tried.length).toBe(7 + 2 + 6);
    expect(Math.abs(Math.log10(chosen.value) - target)).toBeLessThan(2 / 2 ** 6);
  });

  it('takes the weakest of equal strengths', () => {
    expect(searchStrength((value) => ({ value, accuracy: 1, logLoss: 0 })).value).toBeCloseTo(1e-7, 12);
  });

  it('predicts the accuracy scikit-learn has at the same C, and falls back on C = 1 without validation items', () => {
    const { results } = json<{
      results: {
        features: string;
        seed: number;
        shots: number;
        C: number;
        test_acc: number;
        newton_test_log_loss: number;
      }[];
    }>('logreg.json');
    const golden = results.find((r) => r.features === 'l2' && r.seed === 1 && r.shots === 4 && r.C === 1)!;
    const fitted = linearProbe.fit(dataOf(sampleOf(trainOf(1, 4))));
    expect([fitted.choice, fitted.validated]).toEqual([{ C: 1 }, false]);
    const { probabilities } = fitted.predict(gatherRows(l2, DIM, test), test.length);
    expect(accuracyOf(saidOf(probabilities), labelsOf(test))).toBeCloseTo(golden.test_acc, 12);
    expect(logLossOf(probabilities, labelsOf(test), CLASSES)).toBeCloseTo(golden.newton_test_log_loss, 5);
  });

  it('chooses on validation alone and keeps its items out of the fit', () => {
    const [train, validation] = [sampleOf(trainOf(0, 4)), sampleOf(valOf(0, 4))];
    const fitted = linearProbe.fit(dataOf(train, validation));
    expect(fitted.validated).toBe(true);
    const again = linearProbe.fit(
      dataOf(train, { x: validation.x, labels: validation.labels.map((c) => (c + 1) % CLASSES) }),
    );
    expect(again.choice.C).not.toBe(fitted.choice.C);
  });
});

describe('zero-shot', () => {
  it('is the softmax of scaled cosines, and needs text features', () => {
    const text = Float32Array.from([1, 0, 0, 1]);
    const data = dataOf(empty, empty, { classes: 2, dim: 2, text, scale: 10 });
    const { probabilities } = zeroShot.fit(data).predict(Float32Array.from([0.6, 0.8]), 1);
    expect(probabilities[1]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    expect(() => zeroShot.fit({ ...data, text: null })).toThrow('text side');
  });

  it('averages unit-length captions of a class and normalises the mean', () => {
    const random = randomOf(1);
    const features = Float32Array.from({ length: 2 * 3 * 4 }, () => random() * 5 - 2);
    const text = ensembleText(features, 2, 3, 4);
    for (const c of [0, 1]) {
      const sum = [0, 0, 0, 0];
      for (let t = 0; t < 3; t++) {
        const caption = [...features.subarray((c * 3 + t) * 4, (c * 3 + t + 1) * 4)];
        const length = Math.hypot(...caption);
        caption.forEach((v, j) => {
          sum[j]! += v / length;
        });
      }
      for (let j = 0; j < 4; j++) expect(text[c * 4 + j]).toBeCloseTo(sum[j]! / Math.hypot(...sum), 6);
    }
  });
});
