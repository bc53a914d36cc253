// Symmetric products of one matrix in doubles: of its rows, and of its columns.
import { createKernels, padded } from './kernels.ts';

/** Rows copied to the kernels at once. */
const BLOCK = 256;

/** X X^T [n,n] of `x` [n,dim]; for few rows, as all of x is copied. */
export function rowProducts(x: Float64Array, n: number, dim: number): Float64Array {
  const wasm = createKernels();
  const [rows, width] = [padded(n, 4), padded(dim, 2)];
  const xAt = wasm.reserve(rows * width * 8);
  const outAt = wasm.reserve(rows * rows * 8);
  const copy = new Float64Array(wasm.memory.buffer, xAt, rows * width);
  for (let i = 0; i < n; i++) copy.set(x.subarray(i * dim, (i + 1) * dim), i * width);
  wasm.dot64(xAt, xAt, outAt, rows, rows, width * 8, width * 8, width * 8, rows * 8);
  return unpadded(new Float64Array(wasm.memory.buffer, outAt, rows * rows), n, rows);
}

/** X^T X [dim,dim] of `x` [n,dim], summed block by block. */
export function columnProducts(x: Float64Array, n: number, dim: number): Float64Array {
  const wasm = createKernels();
  const width = padded(dim, 8);
  const xAt = wasm.reserve(BLOCK * width * 8);
  const outAt = wasm.reserve(width * width * 8);
  const copy = new Float64Array(wasm.memory.buffer, xAt, BLOCK * width);
  for (let from = 0; from < n; from += BLOCK) {
    const rows = Math.min(BLOCK, n - from);
    for (let i = 0; i < rows; i++) copy.set(x.subarray((from + i) * dim, (from + i + 1) * dim), i * width);
    wasm.sum64(xAt, xAt, outAt, rows, width, width * 8, width * 8, width * 8, width * 8);
  }
  return unpadded(new Float64Array(wasm.memory.buffer, outAt, width * width), dim, width);
}

function unpadded(matrix: Float64Array, n: number, width: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) out.set(matrix.subarray(i * width, i * width + n), i * n);
  return out;
}
