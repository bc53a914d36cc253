// Generality: how many images of a control set are told apart, by captions or by the model's own classes. Pure numbers in, a
// fraction out: before and after fine-tuning differ only in the features (or logits) that are handed in.

/** The class with the largest cosine. `features` [n, dim]; `classFeatures` [classes, dim], L2-normalised; `labels` [n]. */
export function accuracyByCaptions(
  features: Float32Array,
  classFeatures: Float32Array,
  dim: number,
  labels: ArrayLike<number>,
): number {
  // a row's length is the same for every class, so that its cosine and its product choose alike
  return accuracy(labels, classFeatures.length / dim, (item, c) => {
    let product = 0;
    for (let i = 0; i < dim; i++) product += features[item * dim + i]! * classFeatures[c * dim + i]!;
    return product;
  });
}

export type LabelMatch = {
  /** Control classes that the model knows, by their index in the control set. */
  classes: number[];
  /** For each of `classes`, the indices of the model's labels that mean it. */
  own: number[][];
  /** Control classes that no label of the model names. */
  unmatched: string[];
};

/** One name in the form in which names are compared: lower case, without marks, words apart. */
export const plainName = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/** Labels such as `tench, Tinca tinca` are synonyms with commas between. */
const synonyms = (label: string): string[] => [plainName(label), ...label.split(',').map(plainName)].filter(Boolean);

/** The singular of a regular English plural, near enough to compare by. */
const singular = (name: string): string =>
  name
    .replace(/([^aeiou])ies$/, '$1y')
    .replace(/(ch|sh|ss|x)es$/, '$1')
    .replace(/([^su])s$/, '$1');

/**
 * Matches a control set's classes to the model's own labels: by equal names, else by equal singulars. A reason in words where
 * fewer than two match: there is nothing to tell apart then.
 */
export function matchLabels(controlClasses: readonly string[], modelLabels: readonly string[]): LabelMatch | string {
  const match: LabelMatch = { classes: [], own: [], unmatched: [] };
  const names = modelLabels.map(synonyms);
  controlClasses.forEach((name, index) => {
    const wanted = synonyms(name);
    const find = (form: (text: string) => string) =>
      names.flatMap((known, at) => (known.some((k) => wanted.some((w) => form(w) === form(k))) ? [at] : []));
    const exact = find((text) => text);
    const own = exact.length > 0 ? exact : find(singular);
    if (own.length === 0) match.unmatched.push(name);
    else {
      match.classes.push(index);
      match.own.push(own);
    }
  });
  if (match.classes.length >= 2) return match;
  const few = match.classes.length === 0 ? 'None' : 'Only one';
  return `${few} of the control set’s classes is among the model’s own ${modelLabels.length}: ${listed(match.unmatched)} ${match.unmatched.length === 1 ? 'is' : 'are'} not. Name its folders, or the control labels, as the model’s labels are named, or use a model with a text side.`;
}

const listed = (names: readonly string[]) =>
  names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;

/**
 * Of the items whose class the model knows, the part whose largest logit among the matched classes is the right one; of a class
 * with several labels the largest counts. `logits` [n, own labels]; `labels` [n] index the control set's classes.
 */
export function accuracyByOwnClasses(
  logits: Float32Array,
  match: LabelMatch,
  labels: ArrayLike<number>,
): { accuracy: number; items: number } {
  const n = labels.length;
  const width = logits.length / n;
  const place = new Map(match.classes.map((c, at) => [c, at]));
  const rows = Array.from({ length: n }, (_, item) => item).filter((item) => place.has(labels[item]!));
  const wanted = rows.map((item) => place.get(labels[item]!)!);
  const score = (row: number, c: number) =>
    match.own[c]!.reduce((most, own) => Math.max(most, logits[rows[row]! * width + own]!), Number.NEGATIVE_INFINITY);
  return { accuracy: accuracy(wanted, match.classes.length, score), items: rows.length };
}

/** The part of the items whose label scores highest; the first of equals. 0 without items. */
function accuracy(labels: ArrayLike<number>, classes: number, score: (item: number, c: number) => number): number {
  let right = 0;
  for (let item = 0; item < labels.length; item++) {
    let best = 0;
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) {
      const s = score(item, c);
      if (s > most) [best, most] = [c, s];
    }
    if (best === labels[item]) right++;
  }
  return labels.length === 0 ? 0 : right / labels.length;
}
