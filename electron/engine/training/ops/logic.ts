// Comparisons, integers and indices: no gradient passes, but gradients are written with them. TopK's values have one.
import { type Attrs, type DType, dtypeOfData, type Graph, type Shape as Sizes, type Value } from '../graph.ts';
import { intAttr, type OpRule, TrainingError } from '../rule.ts';
import { axisOf, broadcast, reduced } from '../shape.ts';

type Inputs = readonly (Value | null)[];

const flat = (shapes: OpRule['shapes'], dtype?: DType): OpRule => ({
  shapes,
  ...(dtype && { dtypes: () => [dtype] }),
  vjp: 'none',
  examples: [],
});
const pairwise: OpRule['shapes'] = ([a, b]) => [broadcast(a!.shape, b!.shape)];
const same: OpRule['shapes'] = ([x]) => [x!.shape];

const comparison = flat(pairwise, 'bool');
export const Greater = comparison;
export const GreaterOrEqual = comparison;
export const Less = comparison;
export const LessOrEqual = comparison;
export const Equal = comparison;
export const And = comparison;
export const Or = comparison;
export const Xor = comparison;
export const Not = flat(same, 'bool');
export const IsNaN = Not;
export const IsInf = Not;

const bits = flat(pairwise);
export const BitShift = bits;
export const BitwiseAnd = bits;
export const BitwiseOr = bits;
export const BitwiseXor = bits;
export const BitwiseNot = flat(same);

const argument = flat(([x], attrs) => {
  const axis = axisOf(intAttr(attrs, 'axis', 0), x!.shape.length);
  return [reduced(x!.shape, [axis], intAttr(attrs, 'keepdims', 1) === 1)];
}, 'int64');
export const ArgMax = argument;
export const ArgMin = argument;

export const Size = flat(() => [[]], 'int64');
/** The sizes from `start` to `end`. */
export const Shape = flat(([x], attrs) => {
  const sizes = x!.shape.slice(intAttr(attrs, 'start', 0), intAttr(attrs, 'end', x!.shape.length));
  return [[sizes.length]];
}, 'int64');
export const Range = flat((inputs, _attrs, g) => {
  const [start, limit, delta] = inputs.map((x) => g.intsOf(x, 'The limits of Range')[0]!);
  return [[Math.max(0, Math.ceil((limit! - start!) / delta!))]];
});
/** Zeros of float32 unless `value` says otherwise; bytes are bools. */
const filling = ({ value }: Attrs): DType => {
  if (!ArrayBuffer.isView(value)) return 'float32';
  return value instanceof Uint8Array ? 'bool' : dtypeOfData(value);
};
export const ConstantOfShape: OpRule = {
  ...flat(([shape], _attrs, g) => [g.intsOf(shape, 'The shape of ConstantOfShape')]),
  dtypes: (_inputs, attrs) => [filling(attrs)],
};
export const NonZero = flat((): Sizes[] => {
  throw new TrainingError('NonZero finds as many places as the numbers decide; training needs fixed shapes.');
}, 'int64');
/** Indices become rows of `depth` numbers, values = [off, on]. */
export const OneHot: OpRule = {
  ...flat(([indices, depth], attrs, g) => {
    const axis = axisOf(intAttr(attrs, 'axis', -1), indices!.shape.length + 1);
    return [indices!.shape.toSpliced(axis, 0, g.intsOf(depth, 'The depth of OneHot')[0]!)];
  }),
  dtypes: ([, , values]) => [values!.dtype],
};

function topOf(g: Graph, [x, k]: Inputs, attrs: Attrs): Sizes {
  const axis = axisOf(intAttr(attrs, 'axis', -1), x!.shape.length);
  return x!.shape.with(axis, g.intsOf(k, 'The count of TopK')[0]!);
}
/** The k greatest (or least) along an axis and their places; each value's gradient goes back to its place. */
export const TopK: OpRule = {
  shapes(inputs, attrs, g) {
    const shape = topOf(g, inputs, attrs);
    return [shape, shape];
  },
  dtypes: ([x]) => [x!.dtype, 'int64'],
  vjp(g, node, dy) {
    const x = node.inputs[0]!;
    const places = g.addOutput(node, 1, dy.shape, 'int64');
    return [
      g.emit('ScatterElements', [g.full(x.shape, 0), places, dy], { axis: intAttr(node.attrs, 'axis', -1) }),
      null,
    ];
  },
  examples: [
    { inputs: [[2, 5], { int64: [2] }], outputs: 2, draw: 'spaced' },
    { inputs: [[4, 3], { int64: [2] }], attrs: { axis: 0, largest: 0 }, outputs: 2, draw: 'spaced' },
    { inputs: [[2, 3, 4], { int64: [1] }], attrs: { axis: -2, sorted: 0 }, outputs: 2, draw: 'spaced' },
  ],
};
