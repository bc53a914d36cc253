// Softmax and the normalisations.
import { float, intAttr, type OpRule } from '../rule.ts';
import { axisOf, range, reduced, sizeOf } from '../shape.ts';

export const Softmax: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp(g, { inputs: [x], outputs: [y], attrs }, dy) {
    const weighted = g.mul(dy, y!);
    return [g.sub(weighted, g.mul(y!, g.sum(weighted, [axisOf(intAttr(attrs, 'axis', -1), x!.shape.length)])))];
  },
  examples: [
    { inputs: [[2, 5]], attrs: { axis: -1 } },
    { inputs: [[2, 3, 4]], attrs: { axis: 1 } },
  ],
};
export const LogSoftmax: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp(g, { inputs: [x], outputs: [y], attrs }, dy) {
    const total = g.sum(dy, [axisOf(intAttr(attrs, 'axis', -1), x!.shape.length)]);
    return [g.sub(dy, g.mul(g.emit('Exp', [y!]), total))];
  },
  examples: [
    { inputs: [[2, 5]], attrs: { axis: -1 } },
    { inputs: [[2, 3, 4]], attrs: { axis: 1 } },
  ],
};

/**
 * y = x̂·γ + β, x̂ = (x - mean) / deviation over the axes from `axis` on. The forward node is asked for its mean and inverse
 * deviation, so that only x̂ is computed again.
 */
export const LayerNormalization: OpRule = {
  shapes: ([x], attrs) => {
    const axis = axisOf(intAttr(attrs, 'axis', -1), x!.shape.length);
    const saved = reduced(x!.shape, range(x!.shape.length).slice(axis), true);
    return [x!.shape, saved, saved];
  },
  vjp(g, node, dy) {
    const [x, gamma, beta] = node.inputs;
    const rank = x!.shape.length;
    const axes = range(rank).slice(axisOf(intAttr(node.attrs, 'axis', -1), rank));
    const saved = reduced(x!.shape, axes, true);
    const mean = g.addOutput(node, 1, saved);
    const inverse = g.addOutput(node, 2, saved);
    const n = sizeOf(axes.map((axis) => x!.shape[axis]!));
    const xhat = g.mul(g.sub(x!, mean), inverse);
    const dxhat = g.mul(dy, gamma!);
    const along = g.scale(g.sum(g.mul(dxhat, xhat), axes), 1 / n);
    const shift = g.scale(g.sum(dxhat, axes), 1 / n);
    const dx = g.mul(g.sub(g.sub(dxhat, shift), g.mul(xhat, along)), inverse);
    return [dx, g.mul(dy, xhat), beta ? dy : null];
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
  ],
};
