// Ops of the runtime's own that stand for several of ONNX's: they cost one pass over memory instead of three, and save less for
// the backward pass. `fuse.ts` puts them in.
import { float, floatAttr, type OpRule } from '../rule.ts';

/** y = x s, s = sigmoid(alpha x). The slope s + alpha x s (1 - s) is s + q - q s with q = alpha y. */
export const QuickGelu: OpRule = {
  shapes: ([x]) => [x!.shape],
  vjp(g, { inputs: [x], outputs: [y], attrs }, dy) {
    const alpha = floatAttr(attrs, 'alpha', 1.702);
    const s = g.emit('Sigmoid', [g.scale(x!, alpha)]);
    const q = g.scale(y!, alpha);
    return [g.mul(dy, g.add(s, g.sub(q, g.mul(q, s))))];
  },
  examples: [{ inputs: [[2, 3]] }, { inputs: [[4, 5]], attrs: { alpha: float(1) }, draw: 'spaced' }],
};
