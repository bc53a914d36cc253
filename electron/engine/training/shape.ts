// Arithmetic on shapes.
import type { Shape } from './graph.ts';

export const sizeOf = (shape: Shape): number => shape.reduce((product, d) => product * d, 1);

/** NumPy's broadcasting; throws when the shapes do not fit. */
export function broadcast(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[a.length - rank + i] ?? 1;
    const q = b[b.length - rank + i] ?? 1;
    if (p !== q && p !== 1 && q !== 1) throw new Error(`Shapes [${a}] and [${b}] do not broadcast.`);
    return p === 1 ? q : p;
  });
}

/** An axis counted from the end (negative) as one counted from the front. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The shape with the axes reduced to 1, or taken out. */
export const reduced = (shape: Shape, axes: readonly number[], keepdims: boolean): number[] =>
  shape.map((d, i) => (axes.includes(i) ? 1 : d)).filter((_, i) => keepdims || !axes.includes(i));

/** 0, 1, 2 ... n-1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
