// Losses as nodes at the end of a forward graph. Where the gradient has a short form it is stated, instead of being derived.
import type { Graph, Value } from './graph.ts';

/** `value`: mean loss in nats, shape []. `seeds`: its gradient with respect to values of the forward graph. */
export type Loss = { value: Value; seeds: ReadonlyMap<string, Value> };

const total = (g: Graph, x: Value): Value => g.reshape(g.sum(x, [...x.shape.keys()], false), []);

/**
 * Mean over the batch of -Σ target · log softmax(logits / temperature); logits [B, C], targets [B, C] whose rows sum to 1, so
 * label smoothing, mixing and a teacher's probabilities are all targets. The gradient is (softmax - target) / (B · temperature);
 * with a temperature it and the loss are multiplied with temperature² (Hinton et al., arXiv 1503.02531).
 */
export function crossEntropy(g: Graph, logits: Value, targets: Value, temperature = 1): Loss {
  const [batch] = logits.shape as [number, number];
  const z = g.scale(logits, 1 / temperature);
  const log = g.emit('LogSoftmax', [z], { axis: -1 });
  const value = g.scale(total(g, g.mul(log, targets)), (-temperature * temperature) / batch);
  const softmax = g.emit('Softmax', [z], { axis: -1 });
  return { value, seeds: new Map([[logits.name, g.scale(g.sub(softmax, targets), temperature / batch)]]) };
}

/**
 * Next-token or masked-token loss: logits [N, V], ids [N] int64, weights [N] that sum to 1 (0 where a position does not
 * count). The gradient is weight · (softmax - one-hot).
 */
export function tokenCrossEntropy(g: Graph, logits: Value, ids: Value, weights: Value): Loss {
  const [n] = logits.shape as [number, number];
  const index = g.reshape(ids, [n, 1]);
  const weight = g.reshape(weights, [n, 1]);
  const log = g.emit('LogSoftmax', [logits], { axis: -1 });
  const picked = g.emit('GatherElements', [log, index], { axis: 1 });
  const value = g.neg(total(g, g.mul(picked, weight)));
  const spread = g.mul(g.emit('Softmax', [logits], { axis: -1 }), weight);
  const seed = g.emit('ScatterElements', [spread, index, g.neg(weight)], { axis: 1, reduction: 'add' });
  return { value, seeds: new Map([[logits.name, seed]]) };
}

const unit = (g: Graph, x: Value): Value => g.div(x, g.emit('Sqrt', [g.sum(g.mul(x, x), [x.shape.length - 1])]));

/** Of every row of x [n, d] with every row of y [m, d]: [n, m]. */
export const cosines = (g: Graph, x: Value, y: Value): Value => g.matmul(unit(g, x), g.swapLast(unit(g, y)));

/**
 * CLIP's symmetric contrastive loss (Radford et al. 2021, figure 3): image and text features [B, d], not normalised; logScale
 * is the logarithm of what cosines are multiplied with, shape []. Row i of the images belongs to row i of the texts; `same`
 * [B, B] may name further pairs that match (captions that occur twice), its rows summing to 1 (FLYP with class captions).
 */
export function contrastive(g: Graph, image: Value, text: Value, logScale: Value, same?: Value): Loss {
  const [batch] = image.shape as [number, number];
  const pairs = same ?? g.constant(eye(batch), [batch, batch]);
  const logits = g.mul(cosines(g, image, text), g.emit('Exp', [logScale]));
  const side = (z: Value, target: Value) => total(g, g.mul(g.emit('LogSoftmax', [z], { axis: -1 }), target));
  const both = g.add(side(logits, pairs), side(g.swapLast(logits), pairs));
  const value = g.scale(both, -0.5 / batch);
  return { value, seeds: new Map([[value.name, g.scalar(1)]]) };
}

const eye = (n: number): Float32Array => Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
