// WiSE-FT: weights on the line between those before and those after fine-tuning (Wortsman et al., arXiv 2109.01903).
import type { WisePoint } from '../../../shared/finetune.ts';

/** Tensors by name. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** Where the curves are measured. */
export const WISE_ALPHAS: readonly number[] = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/**
 * (1 - alpha) * before + alpha * after, of every tensor of `after`; 0 and 1 give the very bits of either. A tensor that `before`
 * lacks (a head that was not there) stays as it is after. `into`: memory of an earlier call to use again.
 */
export function interpolate(
  before: Weights,
  after: Weights,
  alpha: number,
  into?: Map<string, Float32Array>,
): Map<string, Float32Array> {
  if (!(alpha >= 0 && alpha <= 1)) throw new RangeError(`alpha is ${alpha}; it lies between 0 and 1.`);
  const out = new Map<string, Float32Array>();
  for (const [name, end] of after) {
    const start = before.get(name) ?? end;
    if (start.length !== end.length)
      throw new Error(`${name} has ${start.length} numbers before and ${end.length} after.`);
    const mixed = into?.get(name) ?? new Float32Array(end.length);
    if (alpha === 0) mixed.set(start);
    else if (alpha === 1) mixed.set(end);
    else for (let i = 0; i < end.length; i++) mixed[i] = (1 - alpha) * start[i]! + alpha * end[i]!;
    out.set(name, mixed);
  }
  return out;
}

export type WiseCurve = {
  before: Weights;
  after: Weights;
  alphas?: readonly number[];
  /** Accuracies with these weights, which are overwritten after it has answered. */
  evaluate(weights: ReadonlyMap<string, Float32Array>, alpha: number): Promise<Omit<WisePoint, 'alpha'>>;
  signal?: AbortSignal | undefined;
};

/** One point for each alpha, in their order; one copy of the weights in memory at a time. */
export async function wiseCurve(curve: WiseCurve): Promise<WisePoint[]> {
  const points: WisePoint[] = [];
  let memory: Map<string, Float32Array> | undefined;
  for (const alpha of curve.alphas ?? WISE_ALPHAS) {
    curve.signal?.throwIfAborted();
    memory = interpolate(curve.before, curve.after, alpha, memory);
    points.push({ alpha, ...(await curve.evaluate(memory, alpha)) });
  }
  return points;
}

/**
 * The point to begin the slider at: of those within `slack` of the best validation accuracy the one that is best on the control
 * set; on a tie, or without a control set, the one nearest to what was trained. Null where nothing was measured.
 */
export function suggestedAlpha(points: readonly WisePoint[], slack = 0.005): number | null {
  const measured = points.filter((point) => point.validation !== null);
  if (measured.length === 0) return null;
  const best = Math.max(...measured.map((point) => point.validation!));
  const close = measured.filter((point) => point.validation! >= best - slack);
  return close.reduce((a, b) => {
    const gain = (b.control ?? 0) - (a.control ?? 0);
    return gain > 0 || (gain === 0 && b.alpha > a.alpha) ? b : a;
  }).alpha;
}
