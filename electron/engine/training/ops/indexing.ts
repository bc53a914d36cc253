// Ops that pick numbers by index. Indices carry no gradient; where two point at one number, its gradients add up.
import type { Attrs, Graph, Value } from '../graph.ts';
import { intAttr, type OpRule, TrainingError, textAttr } from '../rule.ts';
import { axisOf, range, sizeOf } from '../shape.ts';

/** start, start+1 ... of constant indices that are consecutive (a position table, one token); null for others. */
function runOf(g: Graph, indices: Value, d: number): { start: number; length: number } | null {
  const constant = g.constants.get(indices.name);
  if (!constant) return null;
  const at = Array.from(constant.data as ArrayLike<number | bigint>, (i) => axisOf(Number(i), d));
  return at.every((i, k) => i === at[0]! + k) ? { start: at[0]!, length: at.length } : null;
}

/**
 * Rows added up into zeros of `shape` at indices [...]; `rows` is [..., *shape after its first axis]. Not ScatterND: the runtime
 * adds there with several threads at once, and loses sums where an index (a padding token) comes often.
 */
function addRows(g: Graph, shape: readonly number[], indices: Value, rows: Value): Value {
  const n = sizeOf(indices.shape);
  const width = sizeOf(shape.slice(1));
  const at = g.expand(g.reshape(g.cast(indices, 'int64'), [n, 1]), [n, width]);
  const zeros = g.full([shape[0]!, width], 0);
  const sums = g.emit('ScatterElements', [zeros, at, g.reshape(rows, [n, width])], { axis: 0, reduction: 'add' });
  return g.reshape(sums, shape);
}

export const Gather: OpRule = {
  shapes([x, indices], attrs) {
    const axis = axisOf(intAttr(attrs, 'axis', 0), x!.shape.length);
    return [x!.shape.toSpliced(axis, 1, ...indices!.shape)];
  },
  vjp(g, { inputs: [x, indices], attrs }, dy) {
    const axis = axisOf(intAttr(attrs, 'axis', 0), x!.shape.length);
    const d = x!.shape[axis]!;
    const run = runOf(g, indices!, d);
    if (run) {
      const rank = x!.shape.length;
      const part = g.reshape(dy, x!.shape.with(axis, run.length));
      const pads = new Array<number>(2 * rank).fill(0).with(axis, run.start);
      return [
        run.length === d ? part : g.emit('Pad', [part, g.ints(pads.with(rank + axis, d - run.start - run.length))]),
        null,
      ];
    }
    // the gathered axis goes first, for ScatterND, and back
    const k = indices!.shape.length;
    const before = range(axis);
    const front = [
      ...range(k).map((i) => axis + i),
      ...before,
      ...range(x!.shape.length - axis - 1).map((i) => axis + k + i),
    ];
    const moved = [axis, ...before, ...range(x!.shape.length - axis - 1).map((i) => axis + 1 + i)];
    const rows = addRows(
      g,
      moved.map((a) => x!.shape[a]!),
      indices!,
      g.transpose(dy, front),
    );
    const back = range(moved.length).map((a) => moved.indexOf(a));
    return [g.transpose(rows, back), null];
  },
  examples: [
    { inputs: [[5, 3], { int64: [1, 4, 1, 0], shape: [2, 2] }], attrs: { axis: 0 } },
    { inputs: [[2, 5, 3], { int64: [4, -1, 0] }], attrs: { axis: 1 } },
    { inputs: [[2, 5, 3], { int64: [1, 1, 2, 0], shape: [2, 2] }], attrs: { axis: -1 } },
    { inputs: [[2, 5, 3], { int64: [-2], shape: [] }], attrs: { axis: 1 } },
    { inputs: [[6, 2], { int64: [1, 2, 3], shape: [1, 3] }] },
  ],
};

/** Written over, or added; other reductions are refused. */
export const ScatterND: OpRule = {
  shapes: ([data]) => [data!.shape],
  vjp(g, { inputs: [, indices], attrs }, dy) {
    const picked = g.emit('GatherND', [dy, indices!]);
    if (isAdding(attrs)) return [dy, null, picked];
    return [g.emit('ScatterND', [dy, indices!, g.full(picked.shape, 0)]), null, picked];
  },
  examples: [
    { inputs: [[4, 3], { int64: [2, 0], shape: [2, 1] }, [2, 3]] },
    { inputs: [[4, 3], { int64: [2, 0, 1, 1], shape: [2, 2] }, [2]], attrs: { reduction: 'add' } },
  ],
};
export const GatherND: OpRule = {
  shapes([x, indices], attrs) {
    const batch = intAttr(attrs, 'batch_dims', 0);
    const depth = indices!.shape.at(-1)!;
    return [[...indices!.shape.slice(0, -1), ...x!.shape.slice(batch + depth)]];
  },
  vjp(g, { inputs: [x, indices], attrs }, dy) {
    const batch = intAttr(attrs, 'batch_dims', 0);
    const all = allIndices(g, x!, indices!, batch);
    const depth = all.shape.at(-1)!;
    const rest = x!.shape.slice(depth);
    const dx = addRows(g, [sizeOf(x!.shape.slice(0, depth)), ...rest], flatIndices(g, all, x!.shape), dy);
    return [g.reshape(dx, x!.shape), null];
  },
  examples: [
    { inputs: [[4, 3], { int64: [2, 0, 1, -2, -2, 0], shape: [3, 2] }] },
    { inputs: [[4, 3], { int64: [2, 0, 2], shape: [3, 1] }] },
    { inputs: [[2, 4, 3], { int64: [2, 0, 1, 1], shape: [2, 2, 1] }], attrs: { batch_dims: 1 } },
  ],
};
/** Indices that name the batch axes too: the positions of the leading `batch` axes put before each. */
function allIndices(g: Graph, x: Value, indices: Value, batch: number): Value {
  if (batch === 0) return indices;
  const lead = indices.shape.slice(0, -1);
  const columns = range(batch).map((axis) => {
    const below = sizeOf(lead.slice(axis + 1));
    const at = BigInt64Array.from({ length: sizeOf(lead) }, (_, i) => BigInt(Math.floor(i / below) % x.shape[axis]!));
    return g.constant(at, [...lead, 1]);
  });
  return g.emit('Concat', [...columns, indices], { axis: lead.length });
}

/** Index tuples [..., depth] as positions [...] in the leading `depth` axes of `shape`, flattened. */
function flatIndices(g: Graph, tuples: Value, shape: readonly number[]): Value {
  const depth = tuples.shape.at(-1)!;
  const axes = range(depth);
  const sizes = g.ints(axes.map((i) => shape[i]!));
  const steps = g.ints(axes.map((i) => sizeOf(shape.slice(i + 1, depth))));
  const isNegative = g.emit('Less', [tuples, g.ints([0])]);
  const fromFront = g.emit('Where', [isNegative, g.add(tuples, sizes), tuples]);
  return g.sum(g.mul(fromFront, steps), [tuples.shape.length - 1], false);
}

/** Writing over, or adding: is it the latter? */
function isAdding(attrs: Attrs): boolean {
  const reduction = textAttr(attrs, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add') throw new TrainingError(`the reduction ${reduction}`);
  return reduction === 'add';
}

export const ScatterElements: OpRule = {
  shapes: ([data]) => [data!.shape],
  vjp(g, { inputs: [data, indices], attrs }, dy) {
    const axis = axisOf(intAttr(attrs, 'axis', 0), data!.shape.length);
    const picked = g.emit('GatherElements', [dy, indices!], { axis });
    if (isAdding(attrs)) return [dy, null, picked];
    return [g.emit('ScatterElements', [dy, indices!, g.full(indices!.shape, 0)], { axis }), null, picked];
  },
  examples: [
    { inputs: [[4, 3], { int64: [2, 0, 1, 3], shape: [2, 2] }, [2, 2]], attrs: { axis: 0 } },
    { inputs: [[2, 4], { int64: [2, 2, 1, 3], shape: [2, 2] }, [2, 2]], attrs: { axis: -1, reduction: 'add' } },
  ],
};
export const GatherElements: OpRule = {
  shapes: ([, indices]) => [indices!.shape],
  vjp(g, { inputs: [x, indices], attrs }, dy) {
    const axis = axisOf(intAttr(attrs, 'axis', 0), x!.shape.length);
    const dx = g.emit('ScatterElements', [g.full(x!.shape, 0), indices!, dy], { axis, reduction: 'add' });
    return [dx, null];
  },
  examples: [
    { inputs: [[4, 3], { int64: [2, 0, 2, 3], shape: [2, 2] }], attrs: { axis: 0 } },
    { inputs: [[2, 4], { int64: [1, 1, -1, 0, 3, 2], shape: [2, 3] }], attrs: { axis: 1 } },
  ],
};
