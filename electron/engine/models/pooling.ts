// One feature row per image out of whatever shape an output has.

/**
 * [n, d] as it is; [n, tokens, d]: the class token, or the mean where there is none; [n, c, h, w]: the mean over places.
 * A grid of patches alone has a square number of tokens (49, 196), a class token makes it one more (197, 257): that is how it is told.
 */
export function poolRows(data: Float32Array, dims: number[], pool: 'row' | 'tokens' | 'mean'): Float32Array {
  const rows = dims[0] ?? 1;
  if (dims.length === 4) return meanOfPlaces(data, rows, dims[1]!, dims[2]! * dims[3]!);
  if (dims.length !== 3) return data;
  const [, tokens, dim] = dims as [number, number, number];
  const hasClassToken = !Number.isInteger(Math.sqrt(tokens));
  return pool === 'mean' || !hasClassToken
    ? meanOfTokens(data, rows, tokens, dim)
    : firstTokens(data, rows, tokens, dim);
}

function firstTokens(data: Float32Array, rows: number, tokens: number, dim: number): Float32Array {
  const out = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) out.set(data.subarray(row * tokens * dim, row * tokens * dim + dim), row * dim);
  return out;
}

function meanOfTokens(data: Float32Array, rows: number, tokens: number, dim: number): Float32Array {
  const sums = new Float64Array(rows * dim);
  for (let row = 0; row < rows; row++)
    for (let token = 0; token < tokens; token++) {
      const start = (row * tokens + token) * dim;
      for (let i = 0; i < dim; i++) sums[row * dim + i]! += data[start + i]!;
    }
  return Float32Array.from(sums, (sum) => sum / tokens);
}

function meanOfPlaces(data: Float32Array, rows: number, channels: number, places: number): Float32Array {
  const out = new Float32Array(rows * channels);
  for (let at = 0; at < out.length; at++) {
    let sum = 0;
    for (let i = at * places; i < (at + 1) * places; i++) sum += data[i]!;
    out[at] = sum / places;
  }
  return out;
}
