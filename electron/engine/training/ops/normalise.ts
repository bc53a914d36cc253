// Softmax and the normalisations.
import type { Graph, Node, Value } from '../graph.ts';
import { type Example, float, floatAttr, intAttr, type OpRule } from '../rule.ts';
import { axisOf, range, reduced } from '../shape.ts';

/** The axis of a softmax, from the front. */
const along = ({ inputs: [x], attrs }: Node) => axisOf(intAttr(attrs, 'axis', -1), x!.shape.length);
const softmaxes: Example[] = [
  { inputs: [[2, 5]], attrs: { axis: -1 } },
  { inputs: [[2, 3, 4]], attrs: { axis: 1 } },
  { inputs: [[2, 3, 4]], attrs: { axis: -3 } },
  { inputs: [[2, 3]] },
];

export const Softmax: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp(g, node, dy) {
    const y = node.outputs[0]!;
    const weighted = g.mul(dy, y);
    return [g.sub(weighted, g.mul(y, g.sum(weighted, [along(node)])))];
  },
  examples: softmaxes,
};
export const LogSoftmax: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp: (g, node, dy) => [g.sub(dy, g.mul(g.emit('Exp', [node.outputs[0]!]), g.sum(dy, [along(node)])))],
  examples: softmaxes,
};

/**
 * dL/dx of x̂ = (x - mean)·inverse, mean and inverse deviation taken over the axes, from d = dL/dx̂:
 * inverse·(d - mean(d) - x̂·mean(d·x̂)).
 */
function throughStatistics(g: Graph, d: Value, xhat: Value, inverse: Value, axes: readonly number[]): Value {
  const tilt = g.mul(xhat, g.mean(g.mul(d, xhat), axes));
  return g.mul(g.sub(g.sub(d, g.mean(d, axes)), tilt), inverse);
}

/** The axes a layer norm is taken over, and the shape of its saved statistics. */
function layerOf({ inputs: [x], attrs }: Pick<Node, 'inputs' | 'attrs'>) {
  const rank = x!.shape.length;
  const axes = range(rank).slice(axisOf(intAttr(attrs, 'axis', -1), rank));
  return { axes, saved: reduced(x!.shape, axes, true) };
}

/**
 * y = x̂·γ + β over the axes from `axis` on. The forward node is asked for its mean and inverse deviation, so that only x̂ is
 * computed again.
 */
export const LayerNormalization: OpRule = {
  shapes(inputs, attrs) {
    const { saved } = layerOf({ inputs, attrs });
    return [inputs[0]!.shape, saved, saved];
  },
  vjp(g, node, dy) {
    const [x, gamma, beta] = node.inputs;
    const { axes, saved } = layerOf(node);
    const mean = g.addOutput(node, 1, saved);
    const inverse = g.addOutput(node, 2, saved);
    const xhat = g.mul(g.sub(x!, mean), inverse);
    return [throughStatistics(g, g.mul(dy, gamma!), xhat, inverse, axes), g.mul(dy, xhat), beta ? dy : null];
  },
  examples: [
    { inputs: [[2, 3, 8], [8], [8]], attrs: { axis: -1, epsilon: float(1e-5) } },
    {
      inputs: [
        [2, 3, 4],
        [3, 4],
      ],
      attrs: { axis: 1, epsilon: float(1e-5) },
    },
    {
      inputs: [
        [2, 3, 4],
        [3, 4],
        [3, 4],
      ],
      attrs: { axis: -2, epsilon: float(1e-2), stash_type: 1 },
    },
    { inputs: [[4, 6], [6]] },
  ],
};

/** y = x·γ/rms(x), which no shift enters: RMSNormalization (opset 23) as the runtime has long called it. */
export const SimplifiedLayerNormalization: OpRule = {
  shapes(inputs, attrs) {
    return [inputs[0]!.shape, layerOf({ inputs, attrs }).saved];
  },
  vjp(g, node, dy) {
    const [x, gamma] = node.inputs;
    const { axes, saved } = layerOf(node);
    const inverse = g.addOutput(node, 1, saved);
    const xhat = g.mul(x!, inverse);
    const d = g.mul(dy, gamma!);
    return [g.mul(g.sub(d, g.mul(xhat, g.mean(g.mul(d, xhat), axes))), inverse), g.mul(dy, xhat)];
  },
  examples: [
    { inputs: [[2, 3, 8], [8]], attrs: { axis: -1, epsilon: float(1e-5), stash_type: 1 } },
    { inputs: [[4, 6], [6]], attrs: { epsilon: float(1e-2) } },
  ],
};

/**
 * The gradients of y = x̂·γ + β for x [n, c, ...] seen as `view` [n, parts, rest], its statistics taken over `axes` of that view
 * and computed again; γ and β hold one number for each of c channels or of the parts.
 */
function normalised(g: Graph, node: Node, dy: Value, view: readonly number[], axes: readonly number[]): Value[] {
  const [x, gamma] = node.inputs;
  const n = x!.shape[0]!;
  const weights = gamma!.shape[0]!;
  const perWeight = [n, weights, (view[1]! * view[2]!) / weights];
  const seen = g.reshape(x!, view);
  const centred = g.sub(seen, g.mean(seen, axes));
  const variance = g.mean(g.mul(centred, centred), axes);
  const deviation = g.emit('Sqrt', [g.add(variance, g.scalar(floatAttr(node.attrs, 'epsilon', 1e-5)))]);
  const inverse = g.emit('Reciprocal', [deviation]);
  const xhat = g.mul(centred, inverse);
  const dys = g.reshape(dy, perWeight);
  const d = g.reshape(g.mul(dys, g.reshape(gamma!, [weights, 1])), view);
  return [
    g.reshape(throughStatistics(g, d, xhat, inverse, axes), x!.shape),
    g.sum(g.mul(dys, g.reshape(xhat, perWeight)), [0, 2], false),
    g.sum(dys, [0, 2], false),
  ];
}
/** x [n, c, ...] as [n, parts, rest]. */
const split = (x: Value, parts: number) => {
  const [n, ...rest] = x.shape;
  return [n!, parts, rest.reduce((a, b) => a * b, 1) / parts];
};

/** One weight for each group in opsets 18 to 20, for each channel from 21 on. */
export const GroupNormalization: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp: (g, node, dy) => normalised(g, node, dy, split(node.inputs[0]!, intAttr(node.attrs, 'num_groups', 1)), [2]),
  examples: [
    { inputs: [[2, 6, 2, 2], [3], [3]], attrs: { num_groups: 3 } },
    { inputs: [[2, 4, 5], [1], [1]], attrs: { num_groups: 1, epsilon: float(1e-2) } },
    { inputs: [[2, 2, 5], [2], [2]], attrs: { num_groups: 2 } },
  ],
};
export const InstanceNormalization: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp: (g, node, dy) => normalised(g, node, dy, split(node.inputs[0]!, node.inputs[0]!.shape[1]!), [2]),
  examples: [{ inputs: [[2, 3, 2, 3], [3], [3]] }, { inputs: [[2, 3, 5], [3], [3]], attrs: { epsilon: float(1e-2) } }],
};

const statistics = { float: [0.4, -0.2, 0.1] };
const variances = { float: [0.5, 1.5, 2] };
/**
 * Without `training_mode` the running statistics are constants: y = (x - mean)·γ/√(variance + ε) + β. With it they come from the
 * batch, and outputs 1 and 2 are momentum·running + (1 - momentum)·batch, the variance divided by n (PyTorch: by n - 1).
 */
export const BatchNormalization: OpRule = {
  shapes: ([x, , , mean]) => [x!.shape, mean!.shape, mean!.shape],
  vjp(g, node, _dy, [dy]) {
    const [x, gamma, , mean, variance] = node.inputs;
    if (!dy) return []; // only the running statistics were asked for
    if (intAttr(node.attrs, 'training_mode', 0) === 1) return normalised(g, node, dy, split(x!, x!.shape[1]!), [0, 2]);
    const perChannel = [mean!.shape[0]!, ...x!.shape.slice(2).fill(1)];
    const others = range(x!.shape.length).filter((axis) => axis !== 1);
    const deviation = g.emit('Sqrt', [g.add(variance!, g.scalar(floatAttr(node.attrs, 'epsilon', 1e-5)))]);
    const dgamma = g.sum(g.mul(dy, g.sub(x!, g.reshape(mean!, perChannel))), others, false);
    return [
      g.mul(dy, g.reshape(g.div(gamma!, deviation), perChannel)),
      g.div(dgamma, deviation),
      g.sum(dy, others, false),
    ];
  },
  examples: [
    { inputs: [[2, 3, 2, 2], [3], [3], statistics, variances] },
    { inputs: [[4, 3], [3], [3], statistics, variances], attrs: { epsilon: float(0.1) } },
    { inputs: [[2, 3, 2, 2], [3], [3], statistics, variances], attrs: { training_mode: 1 }, outputs: 3, arriving: 1 },
    {
      inputs: [[5, 3], [3], [3], statistics, variances],
      attrs: { training_mode: 1, epsilon: float(0.1), momentum: float(0.7) },
      outputs: 3,
      arriving: 1,
    },
  ],
};
