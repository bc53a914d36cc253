// Sums, means, norms and extremes over axes; running sums.
import type { Attrs, Graph, Value } from '../graph.ts';
import { type Example, intAttr, type OpRule } from '../rule.ts';
import { axisOf, range, reduced, sizeOf } from '../shape.ts';
import { indicator, where } from './elementwise.ts';

/** The axes an op reduces, from the front: input 1, or all of them. */
export function axesOf(g: Graph, [x, axes]: readonly (Value | null)[], attrs: Attrs, op: string): number[] {
  const rank = x!.shape.length;
  const listed = axes ? g.intsOf(axes, `The axes of ${op}`) : [];
  if (listed.length === 0) return intAttr(attrs, 'noop_with_empty_axes', 0) ? [] : range(rank);
  return listed.map((axis) => axisOf(axis, rank));
}

/**
 * The gradient of a reduction, given the input, the output and its gradient with the reduced axes put back as 1, and those
 * axes. What it answers is expanded to the shape of the input.
 */
type Kept = (g: Graph, x: Value, y: Value, dy: Value, axes: readonly number[]) => Value;
const reduction = (op: string, gradient: Kept, draw: Example['draw'] = 'normal'): OpRule => ({
  shapes: (inputs, attrs, g) => [
    reduced(inputs[0]!.shape, axesOf(g, inputs, attrs, op), intAttr(attrs, 'keepdims', 1) === 1),
  ],
  vjp(g, { inputs, outputs: [y], attrs }, dy) {
    const x = inputs[0]!;
    const axes = axesOf(g, inputs, attrs, op);
    const kept = reduced(x.shape, axes, true);
    return [g.expand(gradient(g, x, g.reshape(y!, kept), g.reshape(dy, kept), axes), x.shape), null];
  },
  examples: [
    { inputs: [[2, 3, 4], { int64: [0, 2] }], attrs: { keepdims: 0 }, draw },
    { inputs: [[2, 3], { int64: [-1] }], attrs: { keepdims: 1 }, draw },
    { inputs: [[2, 3]], attrs: { keepdims: 0 }, draw },
    { inputs: [[2, 3], { int64: [], shape: [0] }], attrs: { noop_with_empty_axes: 1 }, draw },
  ],
});

export const ReduceSum = reduction('ReduceSum', (_g, _x, _y, dy) => dy);
export const ReduceMean = reduction('ReduceMean', (g, x, _y, dy, axes) =>
  g.scale(dy, 1 / sizeOf(axes.map((axis) => x.shape[axis]!))),
);

/** The entries that equal the extreme share its gradient equally, as PyTorch's amax does. */
const extreme: Kept = (g, x, y, dy, axes) => {
  const mask = indicator(g, g.emit('Equal', [x, y]));
  return g.mul(mask, g.div(dy, g.sum(mask, axes)));
};
export const ReduceMax = reduction('ReduceMax', extreme, 'spaced');
export const ReduceMin = reduction('ReduceMin', extreme, 'spaced');

export const ReduceL1 = reduction('ReduceL1', (g, x, _y, dy) => g.mul(g.emit('Sign', [x]), dy), 'spaced');
/** x/‖x‖; 0 at the zero vector, as in PyTorch. */
export const ReduceL2 = reduction('ReduceL2', (g, x, y, dy) => {
  const zero = g.scalar(0);
  return g.mul(x, where(g, g.emit('Equal', [y, zero]), zero, g.div(dy, y)));
});
export const ReduceSumSquare = reduction('ReduceSumSquare', (g, x, _y, dy) => g.mul(x, g.scale(dy, 2)));
export const ReduceLogSum = reduction('ReduceLogSum', (g, _x, y, dy) => g.div(dy, g.emit('Exp', [y])), 'positive');
/** The softmax of x, exp(x - y). */
export const ReduceLogSumExp = reduction('ReduceLogSumExp', (g, x, y, dy) => g.mul(g.emit('Exp', [g.sub(x, y)]), dy));
/** y/x: not a number where x is 0. */
export const ReduceProd = reduction('ReduceProd', (g, x, y, dy) => g.div(g.mul(dy, y), x), 'positive');

/** Sums up to each place along an axis; the gradient sums the other way round. */
export const CumSum: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp: (g, { inputs: [, axis], attrs }, dy) => [
    g.emit('CumSum', [dy, axis!], { ...attrs, reverse: 1 - intAttr(attrs, 'reverse', 0) }),
    null,
  ],
  examples: [
    { inputs: [[2, 3, 4], { int64: [-2], shape: [] }] },
    { inputs: [[2, 3, 4], { int64: [2], shape: [] }], attrs: { exclusive: 1 } },
    { inputs: [[2, 3, 4], { int64: [0] }], attrs: { reverse: 1 } },
    { inputs: [[5], { int64: [-1] }], attrs: { exclusive: 1, reverse: 1 } },
  ],
};
