// Convolutions over one, two or three spatial axes.
//
// The weight gradient is a matrix product of dy with the patches of x that each weight has seen; the data gradient is a
// transposed convolution. Both take the form that ONNX Runtime's CPU kernels run fastest for the kernel at hand.
import type { Attrs, Graph, Shape, Value } from '../graph.ts';
import { intAttr, intsAttr, type OpRule, textAttr } from '../rule.ts';
import { range, sizeOf } from '../shape.ts';

export type Window = {
  kernel: readonly number[];
  strides: readonly number[];
  dilations: readonly number[];
  begin: readonly number[];
  end: readonly number[];
  /** Sizes of the output's spatial axes. */
  out: readonly number[];
};

/** How a kernel slides over spatial axes `size`, with the padding of `auto_pad` worked out; for pooling too. */
export function windowOf(size: Shape, kernel: readonly number[], attrs: Attrs): Window {
  const ones = size.map(() => 1);
  const strides = intsAttr(attrs, 'strides') ?? ones;
  const dilations = intsAttr(attrs, 'dilations') ?? ones;
  const auto = textAttr(attrs, 'auto_pad', 'NOTSET');
  const pads = intsAttr(attrs, 'pads') ?? new Array<number>(2 * size.length).fill(0);
  const ceil = intAttr(attrs, 'ceil_mode', 0) === 1;
  const begin: number[] = [];
  const end: number[] = [];
  const out = size.map((d, i) => {
    const s = strides[i]!;
    const span = (kernel[i]! - 1) * dilations[i]! + 1;
    const both = Math.max(0, (Math.ceil(d / s) - 1) * s + span - d); // SAME: as many outputs as strides fit
    const explicit = auto === 'NOTSET' ? [pads[i]!, pads[size.length + i]!] : [0, 0];
    const less = Math.floor(both / 2);
    const [b, e] = { SAME_UPPER: [less, both - less], SAME_LOWER: [both - less, less] }[auto] ?? explicit;
    begin.push(b!);
    end.push(e!);
    const steps = (d + b! + e! - span) / s;
    const n = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    return ceil && (n - 1) * s >= d + b! ? n - 1 : n; // no window starts in the padding after the end
  });
  return { kernel, strides, dilations, begin, end, out };
}
const windowAttrs = ({ strides, dilations, begin, end }: Window): Attrs => ({
  strides,
  dilations,
  pads: [...begin, ...end],
});

/** Patches that do not overlap and leave nothing over: the patch embedding of a vision transformer. */
export const isPatchwise = (size: Shape, { kernel, strides, dilations, begin, end, out }: Window) =>
  kernel.every(
    (k, i) =>
      k === strides[i] && (k === 1 || dilations[i] === 1) && begin[i] === 0 && end[i] === 0 && out[i]! * k === size[i],
  );
const isPointwise = ({ kernel, strides, begin, end }: Window) =>
  [kernel, strides].every((list) => list.every((v) => v === 1)) && [...begin, ...end].every((v) => v === 0);

/** Patches as rows: [N, C, o·k ...] to [N·∏o, C·∏k], and back. */
export function patchRows(g: Graph, x: Value, { kernel, out }: Window): Value {
  const [n, c] = x.shape;
  const d = kernel.length;
  const apart = g.reshape(x, [n!, c!, ...out.flatMap((o, i) => [o, kernel[i]!])]);
  const perm = [0, ...range(d).map((i) => 2 + 2 * i), 1, ...range(d).map((i) => 3 + 2 * i)];
  return g.reshape(g.transpose(apart, perm), [n! * sizeOf(out), c! * sizeOf(kernel)]);
}
function rowsToImage(g: Graph, rows: Value, shape: Shape, { kernel, out }: Window): Value {
  const d = kernel.length;
  const apart = g.reshape(rows, [shape[0]!, ...out, shape[1]!, ...kernel]);
  const perm = [0, d + 1, ...range(d).flatMap((i) => [1 + i, d + 2 + i])];
  return g.reshape(g.transpose(apart, perm), shape);
}
/** [N, M, spatial] to [N·∏spatial, M]. */
const pixelRows = (g: Graph, y: Value): Value =>
  g.reshape(g.transpose(y, [0, ...range(y.shape.length - 2).map((i) => i + 2), 1]), [
    sizeOf(y.shape) / y.shape[1]!,
    y.shape[1]!,
  ]);

/** What one weight of the kernel, at `offset`, has seen: [N, C, *out] of the padded image. */
function seenBy(g: Graph, padded: Value, offset: readonly number[], { strides, dilations, out }: Window): Value {
  const starts = offset.map((k, i) => k * dilations[i]!);
  const ends = starts.map((from, i) => from + (out[i]! - 1) * strides[i]! + 1);
  if (starts.every((v) => v === 0) && ends.every((v, i) => v === padded.shape[2 + i]) && strides.every((s) => s === 1))
    return padded;
  const axes = range(offset.length).map((i) => i + 2);
  return g.emit('Slice', [padded, g.ints(starts), g.ints(ends), g.ints(axes), g.ints(strides)]);
}
export function padSpatial(g: Graph, x: Value, begin: readonly number[], end: readonly number[], value?: Value): Value {
  if ([...begin, ...end].every((p) => p === 0)) return x;
  return g.emit('Pad', [x, g.ints([0, 0, ...begin, 0, 0, ...end]), ...(value ? [value] : [])]);
}
/** Every position in the kernel, the last axis fastest. */
export const offsetsOf = (kernel: readonly number[]): number[][] =>
  kernel.reduce<number[][]>((list, k) => list.flatMap((at) => range(k).map((i) => [...at, i])), [[]]);

/** Σ over images of a[n] b[n]': a [N, G, M, P], b [N, G, C, P] to [G, M, C]. */
function productOverPixels(g: Graph, a: Value, b: Value): Value {
  const [n, groups, m, p] = a.shape as [number, number, number, number];
  const c = b.shape[2]!;
  // one long product where moving pixels together costs less than adding up N products
  if (n === 1 || (m + c) * p < m * c) {
    const long = (x: Value) => g.reshape(g.transpose(x, [1, 2, 0, 3]), [groups, x.shape[2]!, n * p]);
    if (groups > 1) return g.matmul(long(a), g.swapLast(long(b)));
    const flat = (x: Value) => g.reshape(long(x), [x.shape[2]!, n * p]);
    return g.reshape(g.gemm(flat(a), flat(b), { transB: true }), [1, m, c]);
  }
  return g.sum(g.matmul(a, g.swapLast(b)), [0], false);
}

/**
 * The weight gradient as one convolution of x with dy, strides and dilations changing places: `x` [N, C, *size] and `dy`
 * [M, C or 1, *out] in any arrangement of planes that groups allow.
 */
function slideOver(g: Graph, x: Value, dy: Value, win: Window, group: number): Value {
  const size = x.shape.slice(2);
  const used = size.map((_, i) => (win.out[i]! - 1) * win.strides[i]! + (win.kernel[i]! - 1) * win.dilations[i]! + 1);
  const end = size.map((d, i) => used[i]! - d - win.begin[i]!);
  const zeros = size.map(() => 0);
  const seen = padSpatial(
    g,
    x,
    zeros,
    end.map((e) => Math.min(0, e)),
  );
  return g.emit('Conv', [seen, dy], {
    kernel_shape: win.out,
    strides: win.dilations,
    dilations: win.strides,
    pads: [...win.begin, ...end.map((e) => Math.max(0, e))],
    group,
  });
}
/**
 * One input channel a group: every plane of x is slid over by its own plane of dy. 1.5 to 3 times as long as the forward pass on
 * two cores, against 4 to 8 with a product for each weight.
 */
function depthwiseGradient(g: Graph, x: Value, w: Value, dy: Value, win: Window): Value {
  const [n, c] = x.shape as [number, number];
  const m = dy.shape[1]!;
  const image = g.reshape(x, [1, n * c, ...x.shape.slice(2)]);
  const planes = slideOver(g, image, g.reshape(dy, [n * m, 1, ...win.out]), win, n * c);
  return g.reshape(g.sum(g.reshape(planes, [n, m, ...win.kernel]), [0], false), w.shape);
}
/** Images and channels change places: fast where the kernel strides, or there are few channels (3 > 64, 7x7: 69 ms, not 768). */
function stridedGradient(g: Graph, x: Value, dy: Value, win: Window): Value {
  const perm = [1, 0, ...range(win.kernel.length).map((i) => i + 2)];
  return g.transpose(slideOver(g, g.transpose(x, perm), g.transpose(dy, perm), win, 1), perm);
}

/**
 * What each weight of a kernel without strides has seen, one or two spatial axes, flat: [N, C, ∏out]. Shifted columns are made
 * once for a column of the kernel; shifted rows are then one piece of memory.
 */
function flatShifts(g: Graph, x: Value, { kernel, dilations, begin, out }: Window): Value[] {
  const d = kernel.length;
  const rows = d === 2 ? [begin[0]!, out[0]! + (kernel[0]! - 1) * dilations[0]! - begin[0]! - x.shape[2]!] : [];
  const columns = range(kernel[d - 1]!).map((j) => {
    const from = begin[d - 1]! - j * dilations[d - 1]!;
    const to = out[d - 1]! - x.shape[d + 1]! - from;
    const moved = d === 2 ? padSpatial(g, x, [rows[0]!, from], [rows[1]!, to]) : padSpatial(g, x, [from], [to]);
    return g.reshape(moved, [...x.shape.slice(0, 2), sizeOf(moved.shape.slice(2))]);
  });
  const pixels = sizeOf(out);
  const width = out[d - 1]!;
  return offsetsOf(kernel).map((at) => {
    const start = d === 2 ? at[0]! * dilations[0]! * width : 0;
    return g.slice(columns[at[d - 1]!]!, 2, start, start + pixels);
  });
}

/** dL/dw of a convolution of x that gave something with the gradient dy. */
function weightGradient(g: Graph, x: Value, w: Value, dy: Value, win: Window, groups: number): Value {
  const [m, c] = w.shape as [number, number];
  const size = x.shape.slice(2);
  if (groups === 1 && isPatchwise(size, win) && !isPointwise(win))
    return g.reshape(g.gemm(pixelRows(g, dy), patchRows(g, x, win), { transA: true }), w.shape);
  if (groups > 1 && c === 1) return depthwiseGradient(g, x, w, dy, win);
  const strided = win.strides.some((s) => s > 1);
  if (groups === 1 && !isPointwise(win) && (strided || c < 8)) return stridedGradient(g, x, dy, win);
  const n = x.shape[0]!;
  const pixels = sizeOf(win.out);
  const dyRows = g.reshape(dy, [n, groups, m / groups, pixels]);
  const padded = strided || win.kernel.length > 2 ? padSpatial(g, x, win.begin, win.end) : null;
  const views = padded ? offsetsOf(win.kernel).map((at) => seenBy(g, padded, at, win)) : flatShifts(g, x, win);
  const perOffset = views.map((seen) =>
    g.reshape(productOverPixels(g, dyRows, g.reshape(seen, [n, groups, c, pixels])), [m, c, 1]),
  );
  const dw = perOffset.length === 1 ? perOffset[0]! : g.emit('Concat', perOffset, { axis: 2 });
  return g.reshape(dw, w.shape);
}

/** dL/dx of a convolution; `shape` is that of x. */
export function dataGradient(g: Graph, shape: Shape, w: Value, dy: Value, win: Window, groups: number): Value {
  const [m, c] = w.shape as [number, number];
  const size = shape.slice(2);
  if (groups === 1 && isPatchwise(size, win) && !isPointwise(win)) {
    const rows = g.matmul(pixelRows(g, dy), g.reshape(w, [m, sizeOf(w.shape) / m]));
    return rowsToImage(g, rows, shape, win);
  }
  const reach = win.kernel.map((k, i) => (k - 1) * win.dilations[i]!);
  const over = size.map((d, i) => {
    const used = (win.out[i]! - 1) * win.strides[i]! + reach[i]! + 1;
    return d + win.begin[i]! + win.end[i]! - used; // what no window reaches; negative where one reaches further (ceil_mode)
  });
  const fits = reach.every((r, i) => r >= win.begin[i]! && r + over[i]! >= win.end[i]!);
  if (win.strides.every((s) => s === 1) && fits) {
    // a convolution of dy with the weights turned round, inputs and outputs swapped in each group
    const inGroups = g.reshape(w, [groups, m / groups, c, ...win.kernel]);
    const swapped = g.transpose(inGroups, [0, 2, 1, ...range(win.kernel.length).map((i) => i + 3)]);
    const turned = turnRound(g, g.reshape(swapped, [groups * c, m / groups, ...win.kernel]));
    const pads = [...reach.map((r, i) => r - win.begin[i]!), ...reach.map((r, i) => r + over[i]! - win.end[i]!)];
    return g.emit('Conv', [dy, turned], { kernel_shape: win.kernel, dilations: win.dilations, pads, group: groups });
  }
  const further = { ...win, end: win.end.map((p, i) => p + Math.max(0, -over[i]!)) };
  const geometry = { kernel_shape: win.kernel, group: groups, ...windowAttrs(further) };
  return g.emit('ConvTranspose', [dy, w], { ...geometry, output_padding: over.map((v) => Math.max(0, v)) });
}
/** Weights [.., .., *kernel] with every spatial axis reversed. */
function turnRound(g: Graph, w: Value): Value {
  const axes = range(w.shape.length).filter((i) => i >= 2 && w.shape[i]! > 1);
  if (axes.length === 0) return w;
  const [from, to, by] = [-1, Number.MIN_SAFE_INTEGER, -1].map((v) => g.ints(axes.map(() => v)));
  return g.emit('Slice', [w, from!, to!, g.ints(axes), by!]);
}

export const Conv: OpRule = {
  shapes([x, w], attrs) {
    const { out } = windowOf(x!.shape.slice(2), w!.shape.slice(2), attrs);
    return [[x!.shape[0]!, w!.shape[0]!, ...out]];
  },
  vjp(g, { inputs: [x, w, b], attrs }, dy) {
    const win = windowOf(x!.shape.slice(2), w!.shape.slice(2), attrs);
    const groups = intAttr(attrs, 'group', 1);
    const dx = dataGradient(g, x!.shape, w!, dy, win, groups);
    const dw = weightGradient(g, x!, w!, dy, win, groups);
    const pixels = range(dy.shape.length).filter((i) => i !== 1);
    return [dx, dw, b ? g.sum(dy, pixels, false) : null];
  },
  examples: [
    { inputs: [[2, 3, 5, 6], [4, 3, 3, 3], [4]], attrs: { pads: [1, 1, 1, 1] } },
    { inputs: [[2, 3, 6, 8], [5, 3, 2, 4], [5]], attrs: { strides: [2, 4] } }, // patch embedding
    { inputs: [[2, 3, 5, 6], [4, 3, 3, 3], [4]], attrs: { strides: [2, 2], pads: [1, 1, 1, 1] } },
    {
      inputs: [
        [2, 3, 7, 8],
        [4, 3, 3, 2],
      ],
      attrs: { strides: [2, 3], pads: [0, 1, 2, 0], dilations: [2, 1] },
    },
    { inputs: [[2, 4, 5, 5], [6, 2, 3, 3], [6]], attrs: { pads: [1, 1, 1, 1], group: 2 } },
    { inputs: [[2, 4, 6, 5], [4, 1, 3, 3], [4]], attrs: { strides: [2, 2], pads: [1, 1, 1, 1], group: 4 } }, // depthwise
    {
      inputs: [
        [2, 4, 6, 5],
        [4, 1, 3, 3],
      ],
      attrs: { pads: [1, 1, 1, 1], group: 4 },
    },
    { inputs: [[2, 3, 4, 5], [8, 3, 1, 1], [8]] },
    {
      inputs: [
        [2, 3, 6, 5],
        [2, 3, 1, 1],
      ],
      attrs: { strides: [2, 2] },
    },
    {
      inputs: [
        [2, 2, 6, 5],
        [3, 2, 3, 2],
      ],
      attrs: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
    },
    {
      inputs: [
        [2, 2, 6, 5],
        [3, 2, 2, 2],
      ],
      attrs: { auto_pad: 'SAME_LOWER' },
    },
    {
      inputs: [
        [2, 2, 4, 4],
        [2, 2, 1, 1],
      ],
      attrs: { pads: [1, 1, 1, 1] },
    },
    { inputs: [[2, 3, 9], [4, 3, 4], [4]], attrs: { strides: [2], pads: [1, 1] } },
    {
      inputs: [
        [1, 2, 4, 3, 4],
        [2, 2, 2, 2, 3],
      ],
      attrs: { strides: [1, 1, 2], pads: [0, 0, 1, 0, 1, 1] },
    },
  ],
};

/** The convolution that a transposed convolution undoes: `size` is the spatial shape of its input, `full` of its output. */
function transposedWindow(size: Shape, kernel: readonly number[], attrs: Attrs): { win: Window; full: number[] } {
  const ones = size.map(() => 1);
  const strides = intsAttr(attrs, 'strides') ?? ones;
  const dilations = intsAttr(attrs, 'dilations') ?? ones;
  const extra = intsAttr(attrs, 'output_padding') ?? size.map(() => 0);
  const auto = textAttr(attrs, 'auto_pad', 'NOTSET');
  const same = auto.startsWith('SAME');
  const asked =
    intsAttr(attrs, 'output_shape')?.slice(-size.length) ?? (same ? size.map((d, i) => d * strides[i]!) : null);
  const pads = intsAttr(attrs, 'pads') ?? new Array<number>(2 * size.length).fill(0);
  const begin = size.map((_, i) => (auto === 'NOTSET' ? pads[i]! : 0));
  const end = size.map((_, i) => (auto === 'NOTSET' ? pads[size.length + i]! : 0));
  const unpadded = size.map((d, i) => (d - 1) * strides[i]! + extra[i]! + (kernel[i]! - 1) * dilations[i]! + 1);
  if (asked)
    for (const [i, d] of unpadded.entries()) {
      const total = Math.max(0, d - asked[i]!);
      const less = Math.floor(total / 2);
      begin[i] = auto === 'SAME_UPPER' ? less : total - less;
      end[i] = total - begin[i]!;
    }
  const full = unpadded.map((d, i) => d - begin[i]! - end[i]!);
  return { win: { kernel, strides, dilations, begin, end, out: size }, full };
}
/** Its rule is Conv's read backwards: x takes the place of dy, and dy of x. */
export const ConvTranspose: OpRule = {
  shapes([x, w], attrs) {
    const { full } = transposedWindow(x!.shape.slice(2), w!.shape.slice(2), attrs);
    return [[x!.shape[0]!, w!.shape[1]! * intAttr(attrs, 'group', 1), ...full]];
  },
  vjp(g, { inputs: [x, w, b], attrs }, dy) {
    const { win } = transposedWindow(x!.shape.slice(2), w!.shape.slice(2), attrs);
    const group = intAttr(attrs, 'group', 1);
    const dx = g.emit('Conv', [dy, w!], { kernel_shape: win.kernel, group, ...windowAttrs(win) });
    const pixels = range(dy.shape.length).filter((i) => i !== 1);
    return [dx, weightGradient(g, dy, w!, x!, win, group), b ? g.sum(dy, pixels, false) : null];
  },
  examples: [
    {
      inputs: [[2, 3, 4, 3], [3, 2, 3, 3], [2]],
      attrs: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
    },
    { inputs: [[2, 4, 3, 3], [4, 2, 2, 2], [4]], attrs: { strides: [2, 2], group: 2 } },
    {
      inputs: [
        [2, 2, 4, 4],
        [2, 3, 3, 3],
      ],
      attrs: { dilations: [2, 1] },
    },
    {
      inputs: [
        [1, 2, 5],
        [2, 3, 3],
      ],
      attrs: { strides: [2], auto_pad: 'SAME_UPPER' },
    },
    {
      inputs: [
        [1, 2, 2, 2, 2],
        [2, 1, 2, 2, 2],
      ],
      attrs: { strides: [2, 1, 1] },
    },
  ],
};
