// How the weights of a new model are drawn: seeded, so that the same seed is the same model.
import { randomOf } from '../../../shared/protocol.ts';

/** `n` numbers from a normal distribution of mean 0 (Box-Muller); `stream` tells the tensors of one seed apart. */
export function normal(n: number, deviation: number, seed: number, stream: number): Float32Array {
  const random = randomOf(seed, stream);
  const out = new Float32Array(n);
  for (let i = 0; i < n; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random())); // 1 - [0, 1) is never 0
    const angle = 2 * Math.PI * random();
    out[i] = radius * Math.cos(angle);
    if (i + 1 < n) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

/** `n` numbers spread evenly over (-limit, limit). */
export function uniform(n: number, limit: number, seed: number, stream: number): Float32Array {
  const random = randomOf(seed, stream);
  return Float32Array.from({ length: n }, () => limit * (2 * random() - 1));
}
