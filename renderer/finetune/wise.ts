// The line between the weights before and after, read at its measured points.
import { percent } from '../../shared/chart/words.ts';
import type { WisePoint } from '../../shared/finetune.ts';

/** Accuracies that differ by less count as equal: half a point. */
const SLACK = 0.005;

/**
 * Where the slider begins: of the points within half a point of the best validation accuracy the one that is best on the
 * control set, and of equals the one nearest to what was trained. The last point where nothing was measured.
 */
export function firstPoint(points: readonly WisePoint[]): number {
  const best = Math.max(...points.map((point) => point.validation ?? Number.NEGATIVE_INFINITY));
  let chosen = points.length - 1;
  for (let i = points.length - 1; i >= 0; i--) {
    const { validation, control } = points[i]!;
    if (validation === null || validation < best - SLACK) continue;
    const now = points[chosen]!;
    const isAway = (now.validation ?? Number.NEGATIVE_INFINITY) < best - SLACK;
    if (isAway || (control ?? 0) > (now.control ?? 0)) chosen = i;
  }
  return chosen;
}

/** "0.6: 93.1 % on validation, 55.0 % on the control" */
export function reading({ alpha, validation, control }: WisePoint): string {
  const parts = [
    ...(validation === null ? [] : [`${percent(validation)} % on validation`]),
    ...(control === null ? [] : [`${percent(control)} % on the control`]),
  ];
  return `${alpha.toFixed(1)}: ${parts.join(', ') || 'nothing was measured here'}`;
}
