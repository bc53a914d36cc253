// Activation functions. Where the slope can be told from the output, the input is not read again.
import type { Attrs, Graph, Node, Value } from '../graph.ts';
import { type Example, float, floatAttr, type OpRule, textAttr } from '../rule.ts';
import { broadcast } from '../shape.ts';
import { indicator, unary, where } from './elementwise.ts';

const x23: Example = { inputs: [[2, 3]] };
const kinked = (...attrs: Attrs[]): Example[] =>
  [{}, ...attrs].map((a) => ({ inputs: [[3, 4]], attrs: a, draw: 'spaced' }));
const positive = (g: Graph, v: Value) => g.emit('Greater', [v, g.scalar(0)]);
const one = (g: Graph) => g.scalar(1);
/** dy times a slope told from the input. */
const slope =
  (of: (g: Graph, x: Value, node: Node) => Value): OpRule['vjp'] =>
  (g, node, dy) => [g.mul(dy, of(g, node.inputs[0]!, node))];

export const Tanh = unary((g, { outputs: [y] }, dy) => [g.sub(dy, g.mul(dy, g.mul(y!, y!)))]); // 1 - y²
export const Sigmoid = unary((g, { outputs: [y] }, dy) => [g.mul(g.mul(dy, y!), g.sub(one(g), y!))]);
/** 2/√π·exp(-x²). */
export const Erf = unary(slope((g, x) => g.scale(g.emit('Exp', [g.neg(g.mul(x, x))]), 2 / Math.sqrt(Math.PI))));
export const Relu = unary((g, { outputs: [y] }, dy) => [g.mul(dy, indicator(g, positive(g, y!)))], 'spaced', kinked());
export const LeakyRelu = unary(
  slope((g, x, { attrs }) => where(g, positive(g, x), one(g), g.scalar(floatAttr(attrs, 'alpha', 0.01)))),
  'spaced',
  kinked({ alpha: float(0.3) }),
);
export const ThresholdedRelu = unary(
  slope((g, x, { attrs }) => indicator(g, g.emit('Greater', [x, g.scalar(floatAttr(attrs, 'alpha', 1))]))),
  'spaced',
  [{ inputs: [[5, 6]], draw: 'spaced' }, ...kinked({ alpha: float(0.2) })],
);
/** x above 0, else slope·x; the slope broadcasts to x. */
export const PRelu: OpRule = {
  shapes: ([x, s]) => [broadcast(x!.shape, s!.shape)],
  vjp: (g, { inputs: [x, s] }, dy) => [
    g.mul(dy, where(g, positive(g, x!), one(g), s!)),
    g.mul(dy, g.emit('Min', [x!, g.scalar(0)])),
  ],
  examples: [
    {
      inputs: [
        [2, 3, 4],
        [3, 1],
      ],
      draw: 'spaced',
    },
    { inputs: [[2, 3], [1]], draw: 'spaced' },
    { inputs: [[2, 3], []], draw: 'spaced' },
  ],
};

/** γx above 0, else γα(eˣ - 1): there the slope is y + γα. */
const exponential = (g: Graph, y: Value, alpha: number, gamma: number) =>
  where(g, positive(g, y), g.scalar(gamma), g.add(y, g.scalar(gamma * alpha)));
export const Elu = unary(
  (g, { outputs: [y], attrs }, dy) => [g.mul(dy, exponential(g, y!, floatAttr(attrs, 'alpha', 1), 1))],
  'spaced',
  kinked({ alpha: float(1.5) }),
);
export const Selu = unary(
  (g, { outputs: [y], attrs }, dy) => {
    const alpha = floatAttr(attrs, 'alpha', 1.6732631921768188);
    return [g.mul(dy, exponential(g, y!, alpha, floatAttr(attrs, 'gamma', 1.0507010221481323)))];
  },
  'spaced',
  kinked({ alpha: float(1.5), gamma: float(0.7) }),
);
/** max(0, x) + min(0, α(exp(x/α) - 1)): the slope is min(y, 0)/α + 1. */
export const Celu = unary(
  (g, { outputs: [y], attrs }, dy) => {
    const below = g.emit('Min', [y!, g.scalar(0)]);
    return [g.mul(dy, g.add(g.scale(below, 1 / floatAttr(attrs, 'alpha', 1)), one(g)))];
  },
  'spaced',
  kinked({ alpha: float(0.5) }),
);

const between = (g: Graph, v: Value, low: number, high: number) =>
  g.emit('And', [g.emit('Greater', [v, g.scalar(low)]), g.emit('Less', [v, g.scalar(high)])]);
/** clip(αx + β, 0, 1). */
export const HardSigmoid = unary(
  (g, { outputs: [y], attrs }, dy) => [
    g.mul(g.scale(dy, floatAttr(attrs, 'alpha', 0.2)), indicator(g, between(g, y!, 0, 1))),
  ],
  'spaced',
  kinked({ alpha: float(1.23), beta: float(0.4) }),
);
/** x·clip(x/6 + ½, 0, 1): the slope is x/3 + ½ between -3 and 3, 0 below, 1 above. */
export const HardSwish = unary(
  slope((g, x) => {
    const outside = indicator(g, positive(g, x));
    return where(g, between(g, x, -3, 3), g.add(g.scale(x, 1 / 3), g.scalar(0.5)), outside);
  }),
  'spaced',
  [x23, { inputs: [[9, 10]], draw: 'spaced' }],
);
/** ln(1 + eˣ). */
export const Softplus = unary(slope((g, x) => g.emit('Sigmoid', [x])));
/** x/(1 + |x|): the slope is (1 - |y|)². */
export const Softsign = unary((g, { outputs: [y] }, dy) => {
  const rest = g.sub(one(g), g.emit('Abs', [y!]));
  return [g.mul(dy, g.mul(rest, rest))];
});
/** x·t, t = tanh(softplus(x)): the slope is t + x(1 - t²)·sigmoid(x). */
export const Mish = unary(
  slope((g, x) => {
    const t = g.emit('Tanh', [g.emit('Softplus', [x])]);
    return g.add(t, g.mul(g.mul(x, g.emit('Sigmoid', [x])), g.sub(one(g), g.mul(t, t))));
  }),
);

const ROOT = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;
/** x·Φ(x): the slope is Φ(x) + x·φ(x), φ the normal density. */
function gelu(g: Graph, x: Value): Value {
  const distribution = g.add(g.scale(g.emit('Erf', [g.scale(x, Math.SQRT1_2)]), 0.5), g.scalar(0.5));
  const bell = g.scale(g.emit('Exp', [g.scale(g.mul(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI));
  return g.add(distribution, g.mul(x, bell));
}
/** ½x(1 + t), t = tanh(u), u = √(2/π)(x + 0.044715x³): the slope is ½(1 + t)(1 + x·u'(1 - t)). */
function geluTanh(g: Graph, x: Value): Value {
  const square = g.mul(x, x);
  const t = g.emit('Tanh', [g.mul(x, g.add(g.scale(square, ROOT * CUBIC), g.scalar(ROOT)))]);
  const inner = g.mul(x, g.add(g.scale(square, 3 * ROOT * CUBIC), g.scalar(ROOT)));
  const half = g.add(g.scale(t, 0.5), g.scalar(0.5));
  return g.mul(half, g.add(g.mul(inner, g.sub(one(g), t)), one(g)));
}
export const Gelu = unary(
  slope((g, x, { attrs }) => (textAttr(attrs, 'approximate', 'none') === 'tanh' ? geluTanh(g, x) : gelu(g, x))),
  'normal',
  [
    x23,
    { inputs: [[2, 3, 2]], attrs: { approximate: 'none' }, draw: 'spaced' },
    { inputs: [[2, 3]], attrs: { approximate: 'tanh' } },
    { inputs: [[4, 7]], attrs: { approximate: 'tanh' }, draw: 'spaced' },
  ],
);
