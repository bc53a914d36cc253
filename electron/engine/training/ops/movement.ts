// Ops that move numbers and change none.
import { dtypeOf, type Graph, type Value } from '../graph.ts';
import { intAttr, intsAttr, type OpRule } from '../rule.ts';
import { axisOf, range, sizeOf } from '../shape.ts';

export const Reshape: OpRule = {
  shapes([x, to], attrs, g) {
    const asked = g.intsOf(to, 'The target shape of Reshape');
    const target = asked.map((d, i) => (d === 0 && !intAttr(attrs, 'allowzero', 0) ? x!.shape[i]! : d));
    const known = sizeOf(target.filter((d) => d !== -1));
    return [target.map((d) => (d === -1 ? sizeOf(x!.shape) / known : d))];
  },
  vjp: (g, { inputs: [x] }, dy) => [g.reshape(dy, x!.shape), null],
  examples: [{ inputs: [[2, 6], { int64: [3, -1] }] }, { inputs: [[2, 6], { int64: [0, 2, 3] }] }],
};

const permOf = (perm: readonly number[] | null, rank: number) => perm ?? range(rank).reverse();
export const Transpose: OpRule = {
  shapes: ([x], attrs) => [permOf(intsAttr(attrs, 'perm'), x!.shape.length).map((p) => x!.shape[p]!)],
  vjp(g, { inputs: [x], attrs }, dy) {
    const inverse: number[] = [];
    for (const [i, p] of permOf(intsAttr(attrs, 'perm'), x!.shape.length).entries()) inverse[p] = i;
    return [g.transpose(dy, inverse)];
  },
  examples: [{ inputs: [[2, 3, 4]], attrs: { perm: [2, 0, 1] } }, { inputs: [[2, 3]] }],
};

export const Unsqueeze: OpRule = {
  shapes([x, axes], _attrs, g) {
    const listed = g.intsOf(axes, 'The axes of Unsqueeze');
    const rank = x!.shape.length + listed.length;
    const at = new Set(listed.map((axis) => axisOf(axis, rank)));
    let next = 0;
    return [range(rank).map((i) => (at.has(i) ? 1 : x!.shape[next++]!))];
  },
  vjp: (g, { inputs: [x] }, dy) => [g.reshape(dy, x!.shape), null],
  examples: [{ inputs: [[2, 3], { int64: [1, -1] }] }],
};
export const Squeeze: OpRule = {
  shapes([x, axes], _attrs, g) {
    const rank = x!.shape.length;
    const at = axes ? g.intsOf(axes, 'The axes of Squeeze').map((axis) => axisOf(axis, rank)) : null;
    return [x!.shape.filter((d, i) => (at ? !at.includes(i) : d !== 1))];
  },
  vjp: (g, { inputs: [x] }, dy) => [g.reshape(dy, x!.shape), null],
  examples: [{ inputs: [[2, 1, 3], { int64: [1] }] }, { inputs: [[1, 3, 1]] }],
};
export const Flatten: OpRule = {
  shapes([x], attrs) {
    const axis = intAttr(attrs, 'axis', 1);
    const at = axis < 0 ? axis + x!.shape.length : axis;
    return [[sizeOf(x!.shape.slice(0, at)), sizeOf(x!.shape.slice(at))]];
  },
  vjp: (g, { inputs: [x] }, dy) => [g.reshape(dy, x!.shape)],
  examples: [
    { inputs: [[2, 3, 4]] },
    { inputs: [[2, 3, 4]], attrs: { axis: -1 } },
    { inputs: [[2, 3]], attrs: { axis: 0 } },
  ],
};
export const Expand: OpRule = {
  shapes([x, to], _attrs, g) {
    const target = g.intsOf(to, 'The target shape of Expand');
    const rank = Math.max(target.length, x!.shape.length);
    const at = (shape: readonly number[], i: number) => shape[i - rank + shape.length] ?? 1;
    return [range(rank).map((i) => (at(target, i) === 1 ? at(x!.shape, i) : at(target, i)))];
  },
  vjp: (_g, _node, dy) => [dy, null],
  examples: [{ inputs: [[2, 1, 3], { int64: [2, 4, 3] }] }, { inputs: [[3], { int64: [2, 1] }] }],
};

export const Cast: OpRule = {
  shapes: ([x]) => [x!.shape],
  dtypes: (_inputs, attrs) => [dtypeOf(intAttr(attrs, 'to', 1))],
  vjp: (g, { inputs: [x] }, dy) => [g.cast(dy, x!.dtype)],
  examples: [{ inputs: [[2, 3]], attrs: { to: 1 } }],
};

type SliceOf = { axis: number; from: number; step: number; length: number };
/** Starts and lengths along each sliced axis, clamped as ONNX says. */
function slicesOf(g: Graph, [x, starts, ends, axes, steps]: readonly (Value | null)[]): SliceOf[] {
  const from = g.intsOf(starts, 'The start of Slice');
  const to = g.intsOf(ends, 'The end of Slice');
  const along = axes ? g.intsOf(axes, 'The axes of Slice') : range(from.length);
  const by = steps ? g.intsOf(steps, 'The steps of Slice') : along.map(() => 1);
  return along.map((a, i) => {
    const axis = axisOf(a, x!.shape.length);
    const d = x!.shape[axis]!;
    const step = by[i]!;
    const clamp = (v: number) => Math.min(Math.max(v < 0 ? v + d : v, step < 0 ? -1 : 0), step < 0 ? d - 1 : d);
    const start = clamp(from[i]!);
    return { axis, from: start, step, length: Math.max(0, Math.ceil((clamp(to[i]!) - start) / step)) };
  });
}

/** The gradient of a slice along one axis: each number back in its place among `d`, zeros elsewhere. */
function spreadOut(g: Graph, dy: Value, { axis, from, step, length }: SliceOf, d: number): Value {
  const rank = dy.shape.length;
  if (length === 0) return g.full(dy.shape.with(axis, d), 0);
  if (step < 0) {
    const all = [-1, Number.MIN_SAFE_INTEGER, axis, -1].map((v) => g.ints([v]));
    const last = from + (length - 1) * step;
    return spreadOut(g, g.emit('Slice', [dy, ...all]), { axis, from: last, step: -step, length }, d);
  }
  let spread = dy;
  if (step > 1 && length > 1) {
    // step - 1 zeros after every number, on an axis of their own
    const apart = g.reshape(dy, dy.shape.toSpliced(axis + 1, 0, 1));
    const pads = new Array<number>(2 * rank + 2).fill(0).with(rank + 2 + axis, step - 1);
    spread = g.reshape(g.emit('Pad', [apart, g.ints(pads)]), dy.shape.with(axis, length * step));
  }
  const end = d - from - spread.shape[axis]!; // negative where the last zeros stand over
  if (from === 0 && end === 0) return spread;
  return g.emit('Pad', [
    spread,
    g.ints(
      new Array<number>(2 * rank)
        .fill(0)
        .with(axis, from)
        .with(rank + axis, end),
    ),
  ]);
}

export const Concat: OpRule = {
  shapes(inputs, attrs) {
    const shape = [...inputs[0]!.shape];
    const axis = axisOf(intAttr(attrs, 'axis', 0), shape.length);
    shape[axis] = inputs.reduce((sum, x) => sum + x!.shape[axis]!, 0);
    return [shape];
  },
  vjp(g, { inputs, attrs }, dy) {
    const axis = axisOf(intAttr(attrs, 'axis', 0), dy.shape.length);
    let from = 0;
    return inputs.map((x) => {
      const to = from + x!.shape[axis]!;
      const part = to === from ? null : g.slice(dy, axis, from, to);
      from = to;
      return part;
    });
  },
  examples: [
    {
      inputs: [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
      attrs: { axis: -1 },
    },
  ],
};

export const Slice: OpRule = {
  shapes(inputs, _attrs, g) {
    const shape = [...inputs[0]!.shape];
    for (const { axis, length } of slicesOf(g, inputs)) shape[axis] = length;
    return [shape];
  },
  vjp(g, { inputs }, dy) {
    const x = inputs[0]!;
    let dx = dy;
    for (const slice of slicesOf(g, inputs)) dx = spreadOut(g, dx, slice, x.shape[slice.axis]!);
    return [dx, null, null, null, null];
  },
  examples: [
    { inputs: [[4, 5], { int64: [1] }, { int64: [4] }, { int64: [1] }] },
    { inputs: [[4, 5], { int64: [-3, 0] }, { int64: [1000, -1] }, { int64: [0, 1] }] },
    { inputs: [[5, 7], { int64: [1, 0] }, { int64: [5, 7] }, { int64: [0, 1] }, { int64: [2, 3] }] },
    { inputs: [[2, 7], { int64: [-1] }, { int64: [-1000] }, { int64: [1] }, { int64: [-2] }] },
  ],
};

/** The lengths of the parts: input 1, or as equal as `num_outputs` makes them (the last is the shortest). */
function partsOf(g: Graph, [x, split]: readonly (Value | null)[], axis: number, outputs: number): number[] {
  if (split) return g.intsOf(split, 'The lengths of Split');
  const d = x!.shape[axis]!;
  const each = Math.ceil(d / outputs);
  return range(outputs).map((i) => Math.max(0, Math.min(each, d - i * each)));
}
export const Split: OpRule = {
  shapes([x, split], attrs, g, outputs) {
    const axis = axisOf(intAttr(attrs, 'axis', 0), x!.shape.length);
    const parts = partsOf(g, [x!, split ?? null], axis, intAttr(attrs, 'num_outputs', outputs));
    return parts.map((length) => x!.shape.with(axis, length));
  },
  vjp(g, { inputs, outputs, attrs }, _dy, all) {
    const axis = axisOf(intAttr(attrs, 'axis', 0), inputs[0]!.shape.length);
    const lengths = partsOf(g, inputs, axis, outputs.length);
    const parts = lengths.map((length, i) => all[i] ?? g.full(inputs[0]!.shape.with(axis, length), 0));
    return [g.emit('Concat', parts, { axis }), null];
  },
  examples: [
    { inputs: [[2, 6], { int64: [1, 3, 2] }], attrs: { axis: 1 }, outputs: 3 },
    { inputs: [[5, 2]], attrs: { axis: 0, num_outputs: 3 }, outputs: 3 },
  ],
};

export const Tile: OpRule = {
  shapes([x, repeats], _attrs, g) {
    const times = g.intsOf(repeats, 'The repeats of Tile');
    return [x!.shape.map((d, i) => d * times[i]!)];
  },
  vjp(g, { inputs: [x, repeats] }, dy) {
    const times = g.intsOf(repeats, 'The repeats of Tile');
    const copies = g.reshape(
      dy,
      x!.shape.flatMap((d, i) => [times[i]!, d]),
    );
    const sum = g.sum(
      copies,
      range(times.length)
        .filter((i) => times[i]! !== 1)
        .map((i) => 2 * i),
    );
    return [g.reshape(sum, x!.shape), null];
  },
  examples: [{ inputs: [[2, 3], { int64: [2, 3] }] }, { inputs: [[1, 1, 4], { int64: [2, 3, 1] }] }],
};

/** The upper or lower triangle of the last two axes: the gradient is the same triangle. */
export const Trilu: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp: (g, { inputs: [, k], attrs }, dy) => [g.emit('Trilu', [dy, k ?? null], attrs), null],
  examples: [{ inputs: [[4, 4]] }, { inputs: [[2, 3, 4], { int64: [1], shape: [] }], attrs: { upper: 0 } }],
};

/** Both orders (DCR, CRD) are a transposition between two reshapes. */
export const DepthToSpace: OpRule = {
  shapes([x], attrs) {
    const b = intAttr(attrs, 'blocksize', 1);
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    return [[n, c / (b * b), h * b, w * b]];
  },
  vjp(g, { inputs: [x], attrs }, dy) {
    const b = intAttr(attrs, 'blocksize', 1);
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    const apart = g.reshape(dy, [n, c / (b * b), h, b, w, b]);
    const perm = attrs.mode === 'CRD' ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
    return [g.reshape(g.transpose(apart, perm), x!.shape)];
  },
  examples: [
    { inputs: [[2, 8, 2, 3]], attrs: { blocksize: 2 } },
    { inputs: [[1, 8, 2, 3]], attrs: { blocksize: 2, mode: 'CRD' } },
  ],
};
export const SpaceToDepth: OpRule = {
  shapes([x], attrs) {
    const b = intAttr(attrs, 'blocksize', 1);
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    return [[n, c * b * b, h / b, w / b]];
  },
  vjp: (g, { attrs }, dy) => [g.emit('DepthToSpace', [dy], attrs)],
  examples: [{ inputs: [[2, 2, 4, 6]], attrs: { blocksize: 2 } }],
};

/** The first `lengths[b]` entries along the time axis turned round, for each batch: its own gradient. */
export const ReverseSequence: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp: (g, { inputs: [, lengths], attrs }, dy) => [g.emit('ReverseSequence', [dy, lengths!], attrs), null],
  examples: [
    { inputs: [[4, 3, 2], { int64: [2, 4, 1] }] },
    { inputs: [[2, 4], { int64: [3, 2] }], attrs: { batch_axis: 0, time_axis: 1 } },
  ],
};
