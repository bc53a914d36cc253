// One number in, one number out, and the four operations with broadcasting.
import type { Graph, Value } from '../graph.ts';
import type { Example, OpRule } from '../rule.ts';
import { broadcast } from '../shape.ts';

type Draw = Example['draw'];

const binary = (vjp: OpRule['vjp'], draw: Draw = 'normal'): OpRule => ({
  shapes: ([a, b]) => [broadcast(a!.shape, b!.shape)],
  vjp,
  examples: [
    {
      inputs: [
        [2, 3],
        [2, 3],
      ],
      draw,
    },
    { inputs: [[2, 3], [3]], draw },
    {
      inputs: [
        [2, 1, 4],
        [3, 1],
      ],
      draw,
    },
    { inputs: [[], [2, 2]], draw },
  ],
});
const unary = (
  vjp: OpRule['vjp'],
  draw: Draw = 'normal',
  examples: Example[] = [{ inputs: [[2, 3]], draw }],
): OpRule => ({
  shapes: ([x]) => [x!.shape],
  vjp,
  examples,
});
const first = (node: { inputs: readonly (Value | null)[] }) => node.inputs[0]!;
/** 1 where the condition holds, else 0, as floats. */
const indicator = (g: Graph, condition: Value) => g.cast(condition, 'float32');

export const Add = binary((_g, _node, dy) => [dy, dy]);
export const Sub = binary((g, _node, dy) => [dy, g.neg(dy)]);
export const Mul = binary((g, { inputs: [a, b] }, dy) => [g.mul(dy, b!), g.mul(dy, a!)]);
export const Div = binary((g, { inputs: [, b], outputs: [y] }, dy) => {
  const da = g.div(dy, b!);
  return [da, g.neg(g.mul(da, y!))]; // d(a/b)/db = -(a/b)/b
}, 'positive');

export const Neg = unary((g, _node, dy) => [g.neg(dy)]);
export const Exp = unary((g, { outputs: [y] }, dy) => [g.mul(dy, y!)]);
export const Log = unary((g, node, dy) => [g.div(dy, first(node))], 'positive');
export const Sqrt = unary((g, { outputs: [y] }, dy) => [g.div(g.scale(dy, 0.5), y!)], 'positive');
export const Tanh = unary((g, { outputs: [y] }, dy) => [g.sub(dy, g.mul(dy, g.mul(y!, y!)))]); // 1 - y²
export const Sigmoid = unary((g, { outputs: [y] }, dy) => [g.mul(g.mul(dy, y!), g.sub(g.scalar(1), y!))]);
export const Erf = unary((g, node, dy) => {
  const bell = g.emit('Exp', [g.neg(g.mul(first(node), first(node)))]);
  return [g.mul(dy, g.scale(bell, 2 / Math.sqrt(Math.PI)))];
});
export const Relu = unary(
  (g, { outputs: [y] }, dy) => [g.mul(dy, indicator(g, g.emit('Greater', [y!, g.scalar(0)])))],
  'spaced',
);
export const Identity = unary((_g, _node, dy) => [dy]);
