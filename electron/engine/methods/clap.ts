// CLAP: the zero-shot-initialised head held near its text features, CE + mean_k λ_k ‖w_k - t_k‖², with λ_k the mean zero-shot
// probability of the true class over that class's training items, so that classes the captions know well stay put
// (arXiv 2312.12730, eq. 8-10). It looks at no validation items. Features come without augmentation, which the paper adds.
import { LabError } from '../../../shared/contract.ts';
import type { Method, MethodData } from './method.ts';
import { trainTextHead } from './text-head.ts';
import { zeroShotProbabilities } from './zero-shot.ts';

/** λ of each class: the mean zero-shot probability of the true class over its training items. */
export function clapPenalty(
  { train, classes, dim, scale }: Pick<MethodData, 'train' | 'classes' | 'dim' | 'scale'>,
  text: Float32Array,
): Float32Array {
  const p = zeroShotProbabilities(train.x, train.labels.length, dim, text, classes, scale);
  const sums = new Float32Array(classes);
  const counts = new Float32Array(classes);
  train.labels.forEach((label, i) => {
    sums[label]! += p[i * classes + label]!;
    counts[label]! += 1;
  });
  return sums.map((sum, c) => (counts[c] ? sum / counts[c]! : 0));
}

export const clap: Method = {
  id: 'clap',
  name: 'CLAP',
  learns: true,
  needsText: true,
  fit(data) {
    if (!data.text) throw new LabError('unsupported', 'CLAP needs a backbone with a text side.');
    const { predict } = trainTextHead(data, data.text, clapPenalty(data, data.text));
    return { choice: {}, validated: false, predict };
  },
};
