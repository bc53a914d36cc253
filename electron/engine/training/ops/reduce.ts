// Sums and means over axes.
import type { Attrs, Graph, Value } from '../graph.ts';
import { intAttr, type OpRule } from '../rule.ts';
import { axisOf, range, reduced, sizeOf } from '../shape.ts';

/** The axes an op reduces, from the front: input 1, or all of them. */
export function axesOf(g: Graph, [x, axes]: readonly (Value | null)[], attrs: Attrs, op: string): number[] {
  const rank = x!.shape.length;
  const listed = axes ? g.intsOf(axes, `The axes of ${op}`) : [];
  if (listed.length === 0) return intAttr(attrs, 'noop_with_empty_axes', 0) ? [] : range(rank);
  return listed.map((axis) => axisOf(axis, rank));
}

const reduction =
  (op: string): OpRule['shapes'] =>
  (inputs, attrs, g) => [reduced(inputs[0]!.shape, axesOf(g, inputs, attrs, op), intAttr(attrs, 'keepdims', 1) === 1)];
/** What a reduction gave (or its gradient), with the reduced axes put back as 1. */
const keep = (g: Graph, y: Value, x: Value, axes: readonly number[]) => g.reshape(y, reduced(x.shape, axes, true));

export const ReduceSum: OpRule = {
  shapes: reduction('ReduceSum'),
  vjp(g, { inputs, attrs }, dy) {
    const x = inputs[0]!;
    return [g.expand(keep(g, dy, x, axesOf(g, inputs, attrs, 'ReduceSum')), x.shape), null];
  },
  examples: [
    { inputs: [[2, 3, 4], { int64: [0, 2] }], attrs: { keepdims: 0 } },
    { inputs: [[2, 3], { int64: [-1] }], attrs: { keepdims: 1 } },
    { inputs: [[2, 3]], attrs: { keepdims: 0 } },
  ],
};
export const ReduceMean: OpRule = {
  shapes: reduction('ReduceMean'),
  vjp(g, { inputs, attrs }, dy) {
    const x = inputs[0]!;
    const axes = axesOf(g, inputs, attrs, 'ReduceMean');
    const n = sizeOf(axes.map((axis) => x.shape[axis]!));
    return [g.expand(g.scale(keep(g, dy, x, axes), 1 / n), x.shape), null];
  },
  examples: [
    { inputs: [[2, 3, 4], { int64: [1, 2] }], attrs: { keepdims: 0 } },
    { inputs: [[2, 5], { int64: [-1] }], attrs: { keepdims: 1 } },
  ],
};
