// What captions do to zero-shot accuracy, without a second pass of the towers: the similarity of every item with every
// caption is kept, and an ensemble's logits follow from it, since mean(f_t)·x = mean(f_t·x) up to the mean's norm.

/** Unit text feature of one caption [d], and its dot product with every item [n]. */
export type Caption = { feature: Float32Array; similarity: Float32Array };

/** `features` [n,d], rows of unit length. */
export function createCaption(feature: Float32Array, features: Float32Array): Caption {
  const d = feature.length;
  const n = features.length / d;
  const similarity = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0, at = i * d; k < d; k++, at++) sum += feature[k]! * features[at]!;
    similarity[i] = sum;
  }
  return { feature, similarity };
}

/** Scales each row of [n,d] to unit length, in place; a zero row stays. */
export function normaliseRows(features: Float32Array, d: number): Float32Array {
  for (let at = 0; at < features.length; at += d) {
    let sum = 0;
    for (let k = 0; k < d; k++) sum += features[at + k]! ** 2;
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    for (let k = 0; k < d; k++) features[at + k] = features[at + k]! * scale;
  }
  return features;
}

/** A running ensemble over templates: the sums that its cosines are made of. */
export type Ensemble = {
  /** [classes][d] sums of unit caption features. */
  sums: Float64Array[];
  /** [classes][n] sums of similarities. */
  similarity: Float64Array[];
};

export const emptyEnsemble = (classes: number, d: number, n: number): Ensemble => ({
  sums: Array.from({ length: classes }, () => new Float64Array(d)),
  similarity: Array.from({ length: classes }, () => new Float64Array(n)),
});

/** Adds one template's captions (one per class) and returns the ensemble. */
export function addTemplate(ensemble: Ensemble, captions: Caption[]): Ensemble {
  captions.forEach((caption, c) => {
    const sums = ensemble.sums[c]!;
    const similarity = ensemble.similarity[c]!;
    for (let k = 0; k < sums.length; k++) sums[k]! += caption.feature[k]!;
    for (let i = 0; i < similarity.length; i++) similarity[i]! += caption.similarity[i]!;
  });
  return ensemble;
}

/** Length of the sum of each class's caption features, with `extra` added when given. */
export function norms(ensemble: Ensemble, extra?: Caption[]): number[] {
  return ensemble.sums.map((sums, c) => {
    const added = extra?.[c]?.feature;
    let square = 0;
    for (let k = 0; k < sums.length; k++) square += (sums[k]! + (added?.[k] ?? 0)) ** 2;
    return Math.sqrt(square) || 1;
  });
}

/** Arg-max class of each of `items` under the ensemble (with `extra` added): ties go to the first class. */
export function predict(ensemble: Ensemble, items: Int32Array, extra?: Caption[]): Int32Array {
  const length = norms(ensemble, extra);
  return items.map((i) => {
    let best = 0;
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < length.length; c++) {
      const value = (ensemble.similarity[c]![i]! + (extra?.[c]?.similarity[i] ?? 0)) / length[c]!;
      if (value > top) {
        top = value;
        best = c;
      }
    }
    return best;
  });
}

/** softmax(scale x cosine) over the classes for one item. */
export function probabilities(ensemble: Ensemble, item: number, scale: number): number[] {
  const length = norms(ensemble);
  const logits = length.map((norm, c) => (scale * ensemble.similarity[c]![item]!) / norm);
  const top = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

export const accuracy = (predicted: Int32Array, truth: Int32Array): number =>
  truth.length === 0 ? 0 : predicted.reduce((right, p, i) => right + (p === truth[i] ? 1 : 0), 0) / truth.length;

/**
 * Forward selection: the template that helps training accuracy most is added until none does, or `max` are in.
 * (openai/CLIP, Prompt_Engineering_for_ImageNet.ipynb: this found 7 that beat the 80.) `table` is [template][class].
 * Ties go to the earlier template. `rest` is awaited between candidates, so that others get a turn.
 */
export async function selectTemplates(
  table: Caption[][],
  items: Int32Array,
  truth: Int32Array,
  max: number,
  rest: () => Promise<void>,
): Promise<{ chosen: number[]; accuracies: number[] }> {
  const first = table[0]?.[0];
  if (!first) return { chosen: [], accuracies: [] };
  const ensemble = emptyEnsemble(table[0]!.length, first.feature.length, first.similarity.length);
  const chosen: number[] = [];
  const accuracies: number[] = [];
  while (chosen.length < max) {
    let best = -1;
    let top = accuracies.at(-1) ?? -1;
    for (let t = 0; t < table.length; t++) {
      if (chosen.includes(t)) continue;
      const got = accuracy(predict(ensemble, items, table[t]), truth);
      if (got > top) {
        top = got;
        best = t;
      }
      await rest();
    }
    if (best < 0) break;
    addTemplate(ensemble, table[best]!);
    chosen.push(best);
    accuracies.push(top);
  }
  return { chosen, accuracies };
}
