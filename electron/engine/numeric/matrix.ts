// Products of feature matrices in float32, cut into blocks so that any size runs in a few megabytes.
import { createKernels, type Kernels, padded } from './kernels.ts';

/** Rows of A and of B held at once: with 1,024 dimensions 1 MB and 4 MB. */
const A_BLOCK = 256;
const B_BLOCK = 1024;

let shared: Kernels | undefined;

/** Copies rows [from, from+count) of `source` (width k) to `target` (width kp, the rest of each row zero); rows beyond are never read out. */
function copyRows(
  source: Float32Array,
  from: number,
  count: number,
  k: number,
  target: Float32Array,
  kp: number,
): void {
  if (kp === k) {
    target.set(source.subarray(from * k, (from + count) * k));
    return;
  }
  target.fill(0);
  for (let i = 0; i < count; i++) target.set(source.subarray((from + i) * k, (from + i + 1) * k), i * kp);
}

/**
 * All dot products A[m,k] B[n,k]^T, block by block: `take(products, i, rows, j, columns, width)` is called with
 * A's rows [i, i+rows) against B's rows [j, j+columns), product (r, c) at products[r * width + c]; it is reused after.
 * Every block of A goes through all of B before the next.
 */
export function dotBlocks(
  a: Float32Array,
  m: number,
  b: Float32Array,
  n: number,
  k: number,
  take: (products: Float32Array, i: number, rows: number, j: number, columns: number, width: number) => void,
): void {
  if (m === 0 || n === 0) return;
  shared ??= createKernels();
  const wasm = shared;
  wasm.reset();
  const kp = padded(k, 4);
  const aRows = padded(Math.min(A_BLOCK, m), 2);
  const bRows = padded(Math.min(B_BLOCK, n), 4);
  const [aAt, bAt, cAt] = [wasm.reserve(aRows * kp * 4), wasm.reserve(bRows * kp * 4), wasm.reserve(aRows * bRows * 4)];
  const aBlock = new Float32Array(wasm.memory.buffer, aAt, aRows * kp);
  const bBlock = new Float32Array(wasm.memory.buffer, bAt, bRows * kp);
  const products = new Float32Array(wasm.memory.buffer, cAt, aRows * bRows);
  if (n <= bRows) copyRows(b, 0, n, k, bBlock, kp);
  for (let i = 0; i < m; i += aRows) {
    const rows = Math.min(aRows, m - i);
    copyRows(a, i, rows, k, aBlock, kp);
    for (let j = 0; j < n; j += bRows) {
      const columns = Math.min(bRows, n - j);
      if (n > bRows) copyRows(b, j, columns, k, bBlock, kp);
      wasm.dot32(aAt, bAt, cAt, padded(rows, 2), padded(columns, 4), kp * 4, kp * 4, kp * 4, bRows * 4);
      take(products, i, rows, j, columns, bRows);
    }
  }
}

/** A[m,k] B[n,k]^T as one [m,n] matrix. */
export function dotAll(a: Float32Array, m: number, b: Float32Array, n: number, k: number): Float32Array {
  const out = new Float32Array(m * n);
  dotBlocks(a, m, b, n, k, (products, i, rows, j, columns, width) => {
    for (let r = 0; r < rows; r++) out.set(products.subarray(r * width, r * width + columns), (i + r) * n + j);
  });
  return out;
}

/** Rows [from, to) of `x` scaled in place to unit length; a row of zeros stays. */
export function normaliseRows(x: Float32Array, dim: number, from = 0, to = x.length / dim): void {
  for (let i = from; i < to; i++) {
    let sum = 0;
    for (let j = i * dim; j < (i + 1) * dim; j++) sum += x[j]! * x[j]!;
    if (sum === 0) continue;
    const scale = 1 / Math.sqrt(sum);
    for (let j = i * dim; j < (i + 1) * dim; j++) x[j] = x[j]! * scale;
  }
}

/** The rows `items` of `x`, one after the other. */
export function gatherRows(x: Float32Array, dim: number, items: Int32Array): Float32Array {
  const out = new Float32Array(items.length * dim);
  for (const [i, item] of items.entries()) out.set(x.subarray(item * dim, (item + 1) * dim), i * dim);
  return out;
}

/** Softmax of each row of `scores` [rows, k] times `scale`, in doubles. */
export function softmaxRows(scores: ArrayLike<number>, k: number, scale = 1): Float64Array {
  const out = new Float64Array(scores.length);
  for (let start = 0; start < scores.length; start += k) {
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < k; c++) top = Math.max(top, scores[start + c]! * scale);
    let sum = 0;
    for (let c = 0; c < k; c++) {
      const e = Math.exp(scores[start + c]! * scale - top);
      out[start + c] = e;
      sum += e;
    }
    for (let c = 0; c < k; c++) out[start + c]! /= sum;
  }
  return out;
}
