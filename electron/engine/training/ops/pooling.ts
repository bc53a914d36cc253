// Pooling over windows of the spatial axes, or over all of them.
import type { Attrs, Graph, Value } from '../graph.ts';
import { intAttr, intsAttr, type OpRule, TrainingError } from '../rule.ts';
import { range, sizeOf } from '../shape.ts';
import { dataGradient, offsetsOf, type Window, windowOf } from './convolution.ts';

const windowAt = (x: Value, attrs: Attrs): Window =>
  windowOf(x.shape.slice(2), intsAttr(attrs, 'kernel_shape') ?? [], attrs);

/** The forward node says where each greatest number was (its first place, counted through the whole of x). */
export const MaxPool: OpRule = {
  shapes([x], attrs) {
    const shape = [...x!.shape.slice(0, 2), ...windowAt(x!, attrs).out];
    return [shape, shape];
  },
  dtypes: ([x]) => [x!.dtype, 'int64'],
  vjp(g, node, dy) {
    if (intAttr(node.attrs, 'storage_order', 0) === 1) throw new TrainingError('its indices run down the columns');
    const x = node.inputs[0]!;
    const n = sizeOf(x.shape);
    const at = g.reshape(g.addOutput(node, 1, dy.shape, 'int64'), [sizeOf(dy.shape)]);
    const rows = g.reshape(dy, [sizeOf(dy.shape)]);
    // not ScatterND: the runtime adds with several threads there, and windows overlap
    const flat = g.emit('ScatterElements', [g.full([n], 0), at, rows], { axis: 0, reduction: 'add' });
    return [g.reshape(flat, x.shape)];
  },
  examples: [
    { inputs: [[2, 2, 6, 6]], attrs: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, draw: 'spaced' },
    { inputs: [[1, 2, 4, 6]], attrs: { kernel_shape: [2, 2], strides: [2, 2] }, draw: 'spaced' },
    {
      inputs: [[1, 2, 6, 7]],
      attrs: { kernel_shape: [2, 3], dilations: [2, 1], pads: [0, 1, 1, 1] },
      draw: 'spaced',
    },
    { inputs: [[1, 2, 7, 6]], attrs: { kernel_shape: [2, 2], strides: [3, 4], ceil_mode: 1 }, draw: 'spaced' },
    { inputs: [[1, 3, 8]], attrs: { kernel_shape: [3], strides: [2] }, draw: 'spaced' },
  ],
};

/** 1 / (how many numbers each window averages), [1, 1, *out]. */
function weightsOf(g: Graph, x: Value, win: Window, withPadding: boolean): Value {
  const perAxis = win.out.map((n, i) =>
    range(n).map((o) => {
      const from = o * win.strides[i]! - win.begin[i]!;
      const at = range(win.kernel[i]!).map((k) => from + k * win.dilations[i]!);
      const d = x.shape[2 + i]!;
      return at.filter((p) => (withPadding ? p < d + win.end[i]! : p >= 0 && p < d)).length;
    }),
  );
  const shares = offsetsOf(win.out).map((at) => 1 / at.reduce((product, o, i) => product * perAxis[i]![o]!, 1));
  return new Set(shares).size === 1 ? g.scalar(shares[0]!) : g.constant(Float32Array.from(shares), [1, 1, ...win.out]);
}

/** Every number of dy added to all of its window: every channel an image of its own, convolved with ones. */
function spread(g: Graph, x: Value, dy: Value, win: Window): Value {
  const planes = (shape: readonly number[]) => [shape[0]! * shape[1]!, 1, ...shape.slice(2)];
  const ones = g.constant(new Float32Array(sizeOf(win.kernel)).fill(1), [1, 1, ...win.kernel]);
  return g.reshape(dataGradient(g, planes(x.shape), ones, g.reshape(dy, planes(dy.shape)), win, 1), x.shape);
}

export const AveragePool: OpRule = {
  shapes: ([x], attrs) => [[...x!.shape.slice(0, 2), ...windowAt(x!, attrs).out]],
  vjp(g, { inputs: [x], attrs }, dy) {
    const win = windowAt(x!, attrs);
    const share = g.mul(dy, weightsOf(g, x!, win, intAttr(attrs, 'count_include_pad', 0) === 1));
    return [spread(g, x!, share, win)];
  },
  examples: [
    { inputs: [[2, 2, 6, 6]], attrs: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] } },
    { inputs: [[2, 2, 6, 5]], attrs: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 } },
    { inputs: [[2, 2, 4, 6]], attrs: { kernel_shape: [2, 2], strides: [2, 2] } },
    { inputs: [[1, 2, 7, 6]], attrs: { kernel_shape: [2, 2], strides: [3, 4], ceil_mode: 1 } },
    { inputs: [[1, 2, 7]], attrs: { kernel_shape: [4], strides: [3], auto_pad: 'SAME_LOWER' } },
    { inputs: [[1, 2, 8, 7]], attrs: { kernel_shape: [2, 3], dilations: [3, 2] } },
  ],
};

const whole: OpRule['shapes'] = ([x]) => [[...x!.shape.slice(0, 2), ...x!.shape.slice(2).map(() => 1)]];
export const GlobalAveragePool: OpRule = {
  shapes: whole,
  vjp: (g, { inputs: [x] }, dy) => [g.expand(g.scale(dy, 1 / sizeOf(x!.shape.slice(2))), x!.shape)],
  examples: [{ inputs: [[2, 3, 4, 5]] }, { inputs: [[2, 3, 4]] }],
};
/** Equal greatest numbers share the gradient. */
export const GlobalMaxPool: OpRule = {
  shapes: whole,
  vjp(g, { inputs: [x], outputs: [y] }, dy) {
    const chosen = g.cast(g.emit('Equal', [x!, y!]), 'float32');
    const axes = range(x!.shape.length).slice(2);
    return [g.mul(chosen, g.div(dy, g.sum(chosen, axes)))];
  },
  examples: [{ inputs: [[2, 3, 4, 5]], draw: 'spaced' }],
};

/** y = (Σ |x|^p)^(1/p) over each window: dy·y^(1-p) is spread back as a sum's gradient, and |x|^(p-1)·sign(x) weighs it. */
export const LpPool: OpRule = {
  shapes: ([x], attrs) => [[...x!.shape.slice(0, 2), ...windowAt(x!, attrs).out]],
  vjp(g, { inputs: [x], outputs: [y], attrs }, dy) {
    const p = intAttr(attrs, 'p', 2);
    const share = p === 1 ? dy : g.mul(dy, g.emit('Pow', [y!, g.scalar(1 - p)]));
    const sign = g.emit('Sign', [x!]);
    const size = p === 1 ? sign : g.mul(sign, g.emit('Pow', [g.emit('Abs', [x!]), g.scalar(p - 1)]));
    return [g.mul(spread(g, x!, share, windowAt(x!, attrs)), p === 2 ? x! : size)];
  },
  examples: [
    { inputs: [[1, 2, 5, 6]], attrs: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, draw: 'spaced' },
    { inputs: [[1, 2, 6]], attrs: { kernel_shape: [2], strides: [2], p: 3 }, draw: 'spaced' },
    { inputs: [[1, 2, 5]], attrs: { kernel_shape: [2], p: 1 }, draw: 'spaced' },
  ],
};
