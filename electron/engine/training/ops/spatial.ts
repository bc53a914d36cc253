// Padding and resizing.
import type { Attrs, Graph, Shape, Value } from '../graph.ts';
import { floatAttr, intAttr, intsAttr, type OpRule, TrainingError, textAttr } from '../rule.ts';
import { axisOf, range } from '../shape.ts';

type Pads = { before: number[]; after: number[] };
/** How many numbers Pad adds on each axis; negative ones take some away. */
function padsOf(g: Graph, [x, pads, , axes]: readonly (Value | null)[]): Pads {
  const rank = x!.shape.length;
  const by = g.intsOf(pads, 'The padding of Pad');
  const along = axes ? g.intsOf(axes, 'The axes of Pad').map((axis) => axisOf(axis, rank)) : range(rank);
  const before = new Array<number>(rank).fill(0);
  const after = [...before];
  for (const [i, axis] of along.entries()) {
    before[axis] = by[i]!;
    after[axis] = by[along.length + i]!;
  }
  return { before, after };
}

/** Where each number along a padded axis of `d` numbers came from. */
const SOURCES: Record<string, (i: number, d: number) => number> = {
  reflect: (i, d) => (d === 1 ? 0 : d - 1 - Math.abs(d - 1 - (((i % (2 * d - 2)) + 2 * d - 2) % (2 * d - 2)))),
  edge: (i, d) => Math.min(Math.max(i, 0), d - 1),
  wrap: (i, d) => ((i % d) + d) % d,
};

export const Pad: OpRule = {
  shapes(inputs, _attrs, g) {
    const { before, after } = padsOf(g, inputs);
    return [inputs[0]!.shape.map((d, i) => d + before[i]! + after[i]!)];
  },
  vjp(g, { inputs, attrs }, dy) {
    const x = inputs[0]!;
    const { before, after } = padsOf(g, inputs);
    const padded = range(x.shape.length).filter((i) => before[i] !== 0 || after[i] !== 0);
    const mode = textAttr(attrs, 'mode', 'constant');
    if (mode === 'constant') {
      const fill = inputs[2] && !g.constants.has(inputs[2].name);
      if (fill)
        throw new TrainingError('The number Pad pads with is computed while the model runs; training needs it fixed.');
      if (padded.length === 0) return [dy, null, null, null];
      // the padding of the opposite sign: what was added is dropped, what was dropped gets zeros
      const opposite = g.ints([...before, ...after].map((p) => -p || 0));
      return [g.emit('Pad', [dy, opposite]), null, null, null];
    }
    const source = SOURCES[mode];
    if (!source) throw new TrainingError(`the mode ${mode}`);
    let dx = dy;
    for (const axis of padded) {
      const d = x.shape[axis]!;
      // negative padding takes away first: what is added repeats only what is left
      const cut = Math.max(0, -before[axis]!);
      const left = d - cut - Math.max(0, -after[axis]!);
      const from = (i: number) => cut + source(i - Math.max(0, before[axis]!), left);
      dx = alongAxis(
        g,
        dx,
        axis,
        matrix(dx.shape[axis]!, d, (i) => [[from(i), 1]]),
        d,
      );
    }
    return [dx, null, null, null];
  },
  examples: [
    { inputs: [[2, 3], { int64: [1, 0, 2, 1] }] },
    { inputs: [[4, 5], { int64: [-1, 2, 1, -2] }] },
    { inputs: [[2, 3, 4], { int64: [1, 2] }, null, { int64: [-1] }] },
    { inputs: [[2, 4, 5], { int64: [0, 2, 3, 0, 1, 0] }], attrs: { mode: 'reflect' } },
    { inputs: [[2, 3], { int64: [1, 0, 2, 3] }], attrs: { mode: 'edge' } },
    { inputs: [[2, 4], { int64: [0, 2, 0, 3] }], attrs: { mode: 'wrap' } },
  ],
};

/** A linear map of `to` numbers from `from`, by the weights of each: row-major [to, from]. */
function matrix(
  to: number,
  from: number,
  weights: (i: number) => readonly (readonly [number, number])[],
): Float32Array {
  const m = new Float32Array(to * from);
  for (let i = 0; i < to; i++)
    for (const [j, w] of weights(i)) {
      const at = i * from + j;
      m[at] = m[at]! + w;
    }
  return m;
}
/** Takes `dy` back through a map [to, d] of one axis: the axis becomes `d` long. */
function alongAxis(g: Graph, dy: Value, axis: number, map: Float32Array, d: number): Value {
  const m = g.constant(map, [dy.shape[axis]!, d]);
  const last = dy.shape.length - 1;
  if (axis === last) return g.matmul(dy, m);
  const rows = dy.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const flat = g.reshape(dy, [...dy.shape.slice(0, axis + 1), rows]);
  return g.reshape(g.matmul(g.swapLast(m), flat), dy.shape.with(axis, d));
}

/** Which number of the input stands at number `i` of `to`, as ONNX defines it. */
function coordinate(mode: string, i: number, scale: number, to: number, from: number): number {
  switch (mode) {
    case 'asymmetric':
      return i / scale;
    case 'align_corners':
      return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
    case 'pytorch_half_pixel':
      return to === 1 ? 0 : (i + 0.5) / scale - 0.5;
    case 'half_pixel_symmetric':
      return (from / 2) * (1 - to / (from * scale)) + (i + 0.5) / scale - 0.5;
    case 'half_pixel':
      return (i + 0.5) / scale - 0.5;
    default:
      throw new TrainingError(`the coordinates ${mode}`);
  }
}
const ROUNDING: Record<string, (x: number) => number> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Weights of the numbers around a place, by the distance of each: linear (a triangle), or cubic with the coefficient `a`. */
const triangle = (x: number) => Math.max(0, 1 - Math.abs(x));
/** Keys 1981, as in https://onnx.ai/onnx/operators/onnx__Resize.html */
function keys(x: number, a: number): number {
  const t = Math.abs(x);
  if (t >= 2) return 0;
  return t <= 1 ? (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1 : a * (t ** 3 - 5 * t ** 2 + 8 * t - 4);
}

/** The map of one axis that Resize applies: [to, from] row-major. */
export function resizeMatrix(from: number, to: number, scale: number, attrs: Attrs): Float32Array {
  const mode = textAttr(attrs, 'mode', 'nearest');
  const coordinates = textAttr(attrs, 'coordinate_transformation_mode', 'half_pixel');
  const clamp = (j: number) => Math.min(Math.max(j, 0), from - 1);
  if (mode === 'nearest') {
    const round = ROUNDING[textAttr(attrs, 'nearest_mode', 'round_prefer_floor')]!;
    return matrix(to, from, (i) => [[clamp(round(coordinate(coordinates, i, scale, to, from))), 1]]);
  }
  const cubic = mode === 'cubic';
  const a = floatAttr(attrs, 'cubic_coeff_a', -0.75);
  const antialias = intAttr(attrs, 'antialias', 0) === 1 && scale < 1;
  const stretch = antialias ? scale : 1; // a kernel widened by the factor the image shrinks
  const outside = intAttr(attrs, 'exclude_outside', 0) === 1;
  const reach = (cubic ? 2 : 1) / stretch;
  return matrix(to, from, (i) => {
    const raw = coordinate(coordinates, i, scale, to, from);
    const x = cubic || antialias ? raw : Math.min(Math.max(raw, 0), from - 1);
    const first = Math.floor(x - reach) + 1;
    const near = range(Math.ceil(2 * reach)).map((k) => first + k);
    const taken = outside ? near.filter((j) => j >= 0 && j < from) : near;
    const weights = taken.map((j) => (cubic ? keys((j - x) * stretch, a) : triangle((j - x) * stretch)));
    const sum = weights.reduce((s, w) => s + w, 0);
    return taken.map((j, k): [number, number] => [clamp(j), weights[k]! / sum]);
  });
}

type Resized = { shape: number[]; scales: number[] };
/** Sizes and scales of all axes, from whichever of the two the node gives. */
function resized(g: Graph, [x, , scales, sizes]: readonly (Value | null)[], attrs: Attrs): Resized {
  const rank = x!.shape.length;
  const along = intsAttr(attrs, 'axes')?.map((axis) => axisOf(axis, rank)) ?? range(rank);
  const shape = [...x!.shape];
  const factor = shape.map(() => 1);
  if (textAttr(attrs, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    throw new TrainingError('it keeps the aspect ratio');
  if (sizes) {
    const to = g.intsOf(sizes, 'The sizes of Resize');
    for (const [i, axis] of along.entries()) {
      shape[axis] = to[i]!;
      factor[axis] = to[i]! / x!.shape[axis]!;
    }
  } else {
    const by = g.intsOf(scales, 'The scales of Resize');
    for (const [i, axis] of along.entries()) {
      shape[axis] = Math.floor(x!.shape[axis]! * by[i]!);
      factor[axis] = by[i]!;
    }
  }
  return { shape, scales: factor };
}

/** The same as a matrix product for each axis. */
export function resizeByProducts(g: Graph, inputs: readonly (Value | null)[], attrs: Attrs): Value {
  const { shape, scales } = resized(g, inputs, attrs);
  let y = inputs[0]!;
  for (const [axis, d] of inputs[0]!.shape.entries()) {
    const to = shape[axis]!;
    if (to === d && scales[axis] === 1) continue;
    const map = resizeMatrix(d, to, scales[axis]!, attrs);
    y = alongAxis(g, y, axis, flipped(map, to, d), to);
  }
  return y;
}
const flipped = (m: Float32Array, rows: number, columns: number): Float32Array =>
  m.map((_, i) => m[(i % rows) * columns + Math.floor(i / rows)]!);

/** Linear in x, one axis after the other: the gradient goes back through each axis's map. */
export const Resize: OpRule = {
  shapes: (inputs, attrs, g) => [resized(g, inputs, attrs).shape],
  vjp(g, { inputs, attrs }, dy) {
    const from: Shape = inputs[0]!.shape;
    const { shape, scales } = resized(g, inputs, attrs);
    let dx = dy;
    for (const [axis, d] of from.entries()) {
      if (shape[axis] === d && scales[axis] === 1) continue;
      dx = alongAxis(g, dx, axis, resizeMatrix(d, shape[axis]!, scales[axis]!, attrs), d);
    }
    return [dx, null, null, null];
  },
  examples: [
    ...['half_pixel', 'align_corners', 'asymmetric', 'pytorch_half_pixel'].flatMap((coordinates) =>
      ['nearest', 'linear', 'cubic'].flatMap((mode) =>
        [
          [7, 5],
          [3, 9],
        ].map((size) => ({
          inputs: [[1, 2, 4, 6], null, null, { int64: [1, 2, ...size] }],
          attrs: {
            mode,
            coordinate_transformation_mode: coordinates,
            ...(mode === 'nearest' ? { nearest_mode: 'floor' } : {}),
          },
        })),
      ),
    ),
    ...['linear', 'cubic'].map((mode) => ({
      inputs: [[1, 2, 9, 8], null, null, { int64: [1, 2, 4, 3] }],
      attrs: { mode, antialias: 1 },
    })),
    { inputs: [[1, 1, 4, 6], null, null, { int64: [1, 1, 5, 7] }], attrs: { mode: 'cubic', exclude_outside: 1 } },
    { inputs: [[2, 5, 4], null, null, { int64: [7] }], attrs: { mode: 'linear', axes: [1] } },
    { inputs: [[1, 2, 4, 6], null, null, { int64: [1, 2, 8, 3] }] },
  ],
};
