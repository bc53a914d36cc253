// One number in, one number out; the four operations and powers with broadcasting; choices between values.
import type { Graph, Node, Value } from '../graph.ts';
import type { Example, OpRule } from '../rule.ts';
import { broadcast, sizeOf } from '../shape.ts';

type Draw = Example['draw'];
type Vjp = OpRule['vjp'];

/** The examples of an op of two inputs: same shapes, a row, both stretched, a scalar first. */
const pairs: Example['inputs'][] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [
    [2, 1, 4],
    [3, 1],
  ],
  [[], [2, 2]],
];
const broadcastAll: OpRule['shapes'] = (inputs) => [inputs.map((x) => x!.shape).reduce(broadcast)];

const binary = (vjp: Vjp, draw: Draw = 'normal', more: Example[] = []): OpRule => ({
  shapes: broadcastAll,
  vjp,
  examples: [...pairs.map((inputs) => ({ inputs, draw })), ...more],
});
/** A rule for any number of inputs that broadcast. */
const variadic = (vjp: Vjp, draw: Draw): OpRule => ({
  shapes: broadcastAll,
  vjp,
  examples: [
    { inputs: [[2, 3], [3], [2, 1]], draw },
    ...pairs.slice(1).map((inputs) => ({ inputs, draw })),
    { inputs: [[2, 3]], draw },
  ],
});
export const unary = (
  vjp: Vjp,
  draw: Draw = 'normal',
  examples: Example[] = [
    { inputs: [[2, 3]], draw },
    { inputs: [[]], draw },
  ],
): OpRule => ({ shapes: ([x]) => [x!.shape], vjp, examples });
const first = (node: Pick<Node, 'inputs'>) => node.inputs[0]!;
/** 1 where the condition holds, else 0, as floats. */
export const indicator = (g: Graph, condition: Value) => g.cast(condition, 'float32');
export const where = (g: Graph, condition: Value, a: Value, b: Value) => g.emit('Where', [condition, a, b]);

export const Add = binary((_g, _node, dy) => [dy, dy]);
export const Sub = binary((g, _node, dy) => [dy, g.neg(dy)]);
export const Mul = binary((g, { inputs: [a, b] }, dy) => [g.mul(dy, b!), g.mul(dy, a!)]);
export const Div = binary((g, { inputs: [, b], outputs: [y] }, dy) => {
  const da = g.div(dy, b!);
  return [da, g.neg(g.mul(da, y!))]; // d(a/b)/db = -(a/b)/b
}, 'positive');
/** fmod of floats: a - b·trunc(a/b), whose slope in b is -trunc(a/b) = (y - a)/b. */
export const Mod: OpRule = {
  shapes: broadcastAll,
  vjp: (g, { inputs: [a, b], outputs: [y] }, dy) => [dy, g.mul(dy, g.div(g.sub(y!, a!), b!))],
  examples: [
    { inputs: [[2, 3], { float: [0.4] }], attrs: { fmod: 1 }, draw: 'spaced' },
    { inputs: [{ float: [1.37, -2.61, 3.83] }, []], attrs: { fmod: 1 }, draw: 'positive' },
  ],
};

const powers: readonly Example[] = [2, 3, 0.5, -1.5, 1, 0].map((e) => ({
  inputs: [[2, 3], { float: [e], shape: [] }],
  draw: 'positive',
}));
/** x^e. The slope in e, y·ln x, is 0 where x is; e may be a tensor of integers, which has none. */
export const Pow: OpRule = {
  shapes: broadcastAll,
  vjp(g, { inputs: [x, e], outputs: [y] }, dy) {
    const known = g.constants.get(e!.name);
    const k = known && sizeOf(e!.shape) === 1 ? Number(known.data[0]) : null;
    if (k === 0) return [null, null];
    if (k === 1) return [dy, null];
    if (k === 2) return [g.mul(dy, g.scale(x!, 2)), null];
    if (k === 0.5) return [g.div(g.scale(dy, 0.5), y!), null];
    if (k === 3) return [g.mul(dy, g.scale(g.mul(x!, x!), 3)), null];
    const power = g.cast(e!, x!.dtype);
    const dx = g.mul(dy, g.mul(power, g.emit('Pow', [x!, g.sub(power, g.scalar(1))])));
    if (k !== null || e!.dtype !== x!.dtype) return [dx, null];
    const zero = g.emit('Equal', [x!, g.scalar(0)]);
    return [dx, g.mul(dy, where(g, zero, g.scalar(0), g.mul(y!, g.emit('Log', [x!]))))];
  },
  examples: [
    ...pairs.map((inputs): Example => ({ inputs, draw: 'positive' })),
    ...powers,
    { inputs: [[2, 3], { float: [3], shape: [] }] }, // below zero
    { inputs: [[2, 3], { float: [4], shape: [] }] },
    { inputs: [[2, 3], { int64: [4, 2, 3] }] },
  ],
};

export const Neg = unary((g, _node, dy) => [g.neg(dy)]);
export const Exp = unary((g, { outputs: [y] }, dy) => [g.mul(dy, y!)]);
export const Log = unary((g, node, dy) => [g.div(dy, first(node))], 'positive');
export const Sqrt = unary((g, { outputs: [y] }, dy) => [g.div(g.scale(dy, 0.5), y!)], 'positive');
export const Reciprocal = unary((g, { outputs: [y] }, dy) => [g.neg(g.mul(dy, g.mul(y!, y!)))], 'positive');
export const Abs = unary((g, node, dy) => [g.mul(dy, g.emit('Sign', [first(node)]))], 'spaced');
export const Sin = unary((g, node, dy) => [g.mul(dy, g.emit('Cos', [first(node)]))]);
export const Cos = unary((g, node, dy) => [g.neg(g.mul(dy, g.emit('Sin', [first(node)])))]);
export const Tan = unary((g, { outputs: [y] }, dy) => [g.add(dy, g.mul(dy, g.mul(y!, y!)))]); // 1 + y²
export const Identity = unary((_g, _node, dy) => [dy]);

/** Steps: flat wherever they have a slope. */
const step = { ...unary('none'), examples: [] };
export const Floor = step;
export const Ceil = step;
export const Round = step;
export const Sign = step;

/** The inputs that equal the chosen value share its gradient equally, as PyTorch's maximum and amax do. */
const chosen: Vjp = (g, { inputs, outputs: [y] }, dy) => {
  if (inputs.length === 1) return [dy];
  const masks = inputs.map((x) => indicator(g, g.emit('Equal', [x!, y!])));
  const share = g.div(dy, g.emit('Sum', masks));
  return masks.map((mask) => g.mul(share, mask));
};
export const Max = variadic(chosen, 'spaced');
export const Min = variadic(chosen, 'spaced');
export const Sum = variadic((_g, { inputs }, dy) => inputs.map(() => dy), 'normal');
export const Mean = variadic((g, { inputs }, dy) => {
  const part = g.scale(dy, 1 / inputs.length);
  return inputs.map(() => part);
}, 'normal');

/** Passes the gradient where x was kept, both limits included, as PyTorch's clamp does; a limit gets the rest. */
export const Clip: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp(g, { inputs: [x, low, high], outputs: [y] }, dy) {
    const beyond = (op: string, limit: Value | null | undefined) =>
      limit ? g.mul(dy, indicator(g, g.emit(op, [x!, limit]))) : null;
    return [g.mul(dy, indicator(g, g.emit('Equal', [x!, y!]))), beyond('Less', low), beyond('Greater', high)];
  },
  examples: [
    { inputs: [[2, 3], { float: [-0.1], shape: [] }, { float: [0.1], shape: [] }], draw: 'spaced' },
    { inputs: [[2, 3], { float: [0.1], shape: [] }], draw: 'spaced' },
    { inputs: [[2, 3], null, { float: [0.1], shape: [] }], draw: 'spaced' },
    { inputs: [[2, 3]], draw: 'spaced' },
    { inputs: [{ float: [-0.4, 0.5, 0.3, -0.7], shape: [2, 2] }, [], { float: [0.4], shape: [] }], draw: 'spaced' },
    { inputs: [{ float: [-0.4, 0.5, 0.3, -0.7], shape: [2, 2] }, { float: [-0.5], shape: [] }, []], draw: 'spaced' },
  ],
};

/** condition ? a : b, all three broadcast. */
export const Where: OpRule = {
  shapes: broadcastAll,
  dtypes: ([, a]) => [a!.dtype],
  vjp(g, { inputs: [condition] }, dy) {
    const zero = g.scalar(0);
    return [null, where(g, condition!, dy, zero), where(g, condition!, zero, dy)];
  },
  examples: [
    { inputs: [{ bool: [1, 0, 1, 0, 0, 1], shape: [2, 3] }, [2, 3], [2, 3]] },
    { inputs: [{ bool: [1, 0, 1] }, [2, 1], []] },
    { inputs: [{ bool: [1, 0], shape: [2, 1] }, [], [2, 3]] },
  ],
};

/** Drops nothing unless input 2 says so; then what was kept is divided by 1 - ratio, and the gradient with it. */
export const Dropout: OpRule = {
  shapes: ([x]) => [x!.shape, x!.shape],
  dtypes: ([x]) => [x!.dtype, 'bool'],
  vjp(g, node, dy) {
    const [x, ratio, training] = node.inputs;
    if (!training || g.intsOf(training, 'Whether Dropout drops')[0] === 0) return [dy];
    const rate = ratio ? g.intsOf(ratio, 'The ratio of Dropout')[0]! : 0.5;
    const mask = indicator(g, g.addOutput(node, 1, x!.shape, 'bool'));
    return [g.mul(dy, g.scale(mask, 1 / (1 - rate)))];
  },
  // the numbers drawn differ from run to run: what a ratio above 0 does is tested by its own test
  examples: [
    { inputs: [[2, 3], { float: [0], shape: [] }, { bool: [1], shape: [] }] },
    { inputs: [[2, 3], { float: [0.3], shape: [] }, { bool: [0], shape: [] }] },
    { inputs: [[2, 3]] },
  ],
};
