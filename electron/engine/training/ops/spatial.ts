// Ops over the spatial axes of images: convolution, pooling, padding, resizing.
import { type OpRule, TrainingError, textAttr } from '../rule.ts';
import { range } from '../shape.ts';

/** Constant padding (zeros, unless input 2 says otherwise). */
export const Pad: OpRule = {
  shapes([x, pads], _attrs, g) {
    const by = g.intsOf(pads, 'The padding of Pad');
    const rank = x!.shape.length;
    return [x!.shape.map((d, i) => d + by[i]! + by[rank + i]!)];
  },
  vjp(g, { inputs: [x, pads], attrs }, dy) {
    if (textAttr(attrs, 'mode', 'constant') !== 'constant')
      throw new TrainingError('Pad is differentiated in its constant mode only.');
    const by = g.intsOf(pads, 'The padding of Pad');
    const starts = x!.shape.map((_, i) => by[i]!);
    const ends = x!.shape.map((d, i) => by[i]! + d);
    return [g.emit('Slice', [dy, g.ints(starts), g.ints(ends), g.ints(range(x!.shape.length))]), null, null];
  },
  examples: [{ inputs: [[2, 3], { int64: [1, 0, 2, 1] }] }],
};
