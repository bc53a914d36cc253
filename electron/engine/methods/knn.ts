// k nearest neighbours by cosine (Wu et al. 2018; DINO's eval_knn.py): class c gets the sum of exp(sim / 0.07) over the k
// nearest items of class c, or a plain count; p = votes / all votes. A tie goes to the class with the larger summed similarity.
import { exactIndex, hnswIndex, type Neighbours } from '../numeric/neighbours.ts';
import { best, judge } from './choose.ts';
import type { Method, MethodData, Prediction } from './method.ts';

const TEMPERATURE = 0.07;
const NEIGHBOURS = [1, 2, 4, 8, 16, 32];
/** From this many training items on, "auto" builds an index. */
const INDEX_FROM = 100_000;

/** What the first `k` of each query's neighbours say. */
export function vote(
  found: Neighbours,
  n: number,
  labels: Int32Array,
  classes: number,
  k: number,
  kind: MethodData['knnVote'],
): Prediction {
  const probabilities = new Float64Array(n * classes);
  const predicted = new Int32Array(n);
  const similar = new Float64Array(classes);
  for (let q = 0; q < n; q++) {
    similar.fill(0);
    const row = probabilities.subarray(q * classes, (q + 1) * classes);
    let total = 0;
    for (let i = q * found.k; i < q * found.k + Math.min(k, found.k); i++) {
      const label = labels[found.ids[i]!]!;
      const weight = kind === 'majority' ? 1 : Math.exp(found.similarity[i]! / TEMPERATURE);
      row[label]! += weight;
      similar[label]! += found.similarity[i]!;
      total += weight;
    }
    let winner = -1;
    for (let c = 0; c < classes; c++) {
      if (row[c] === 0) continue;
      const ahead = winner < 0 || row[c]! > row[winner]! || (row[c] === row[winner] && similar[c]! > similar[winner]!);
      if (ahead) winner = c;
    }
    predicted[q] = Math.max(0, winner);
    for (let c = 0; c < classes; c++) row[c]! /= total;
  }
  return { probabilities, predicted };
}

export const knn: Method = {
  id: 'knn',
  name: 'k-NN',
  learns: true,
  needsText: false,
  fit({ train, validation, dim, classes, knnVote, knnIndex }) {
    const n = train.labels.length;
    const indexed = knnIndex === 'hnsw' || (knnIndex === 'auto' && n > INDEX_FROM);
    const index = (indexed ? hnswIndex : exactIndex)(train.x, n, dim);
    const held = validation.labels.length;
    const ks = NEIGHBOURS.filter((k) => k <= n);
    const found = index.search(validation.x, held, ks.at(-1)!);
    const said = (neighbours: Neighbours, rows: number, k: number) =>
      vote(neighbours, rows, train.labels, classes, k, knnVote);
    const k = held > 0 ? best(ks.map((value) => judge(value, said(found, held, value), validation, classes))).value : 1;
    return { choice: { k }, validated: held > 0, predict: (x, rows) => said(index.search(x, rows, k), rows, k) };
  },
};
