// The SIMD kernels and what is built on them against plain loops, at sizes that need padding and several blocks.
import { describe, expect, it } from 'vitest';
import { cholesky, solveLower, solveLowerTransposed } from '../../../electron/engine/numeric/cholesky.ts';
import { columnProducts, rowProducts } from '../../../electron/engine/numeric/gram.ts';
import { dotAll, gatherRows, normaliseRows, softmaxRows } from '../../../electron/engine/numeric/matrix.ts';
import { randomOf } from '../../../shared/protocol.ts';

const random = randomOf(3);
const numbers = (n: number) => Float32Array.from({ length: n }, () => random() - 0.5);

describe('matrix products', () => {
  it.each([
    [1, 1, 1],
    [3, 5, 7],
    [257, 1025, 33],
    [520, 9, 130],
  ])('A B^T, %i x %i of width %i', (m, n, k) => {
    const [a, b] = [numbers(m * k), numbers(n * k)];
    const product = dotAll(a, m, b, n, k);
    for (let i = 0; i < m; i += 3) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) sum += a[i * k + p]! * b[j * k + p]!;
        if (Math.abs(product[i * n + j]! - sum) > 1e-5)
          throw new Error(`(${i}, ${j}): ${product[i * n + j]} is not ${sum}`);
      }
    }
    expect(product.length).toBe(m * n);
  });

  it('gives an empty product for no rows', () => {
    expect(dotAll(new Float32Array(0), 0, numbers(6), 2, 3)).toEqual(new Float32Array(0));
  });

  it.each([
    [5, 3],
    [300, 21],
    [7, 40],
  ])('X X^T and X^T X in doubles, %i x %i', (n, dim) => {
    const x = Float64Array.from(numbers(n * dim));
    const rows = rowProducts(x, n, dim);
    const columns = columnProducts(x, n, dim);
    const at = (i: number, j: number) => x[i * dim + j]!;
    let worst = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < dim; p++) sum += at(i, p) * at(j, p);
        worst = Math.max(worst, Math.abs(rows[i * n + j]! - sum));
      }
    }
    for (let a = 0; a < dim; a++) {
      for (let b = 0; b < dim; b++) {
        let sum = 0;
        for (let i = 0; i < n; i++) sum += at(i, a) * at(i, b);
        worst = Math.max(worst, Math.abs(columns[a * dim + b]! - sum));
      }
    }
    expect(worst).toBeLessThan(1e-12);
  });

  it('normalises rows, leaving zeros, and gathers them', () => {
    const x = Float32Array.from([3, 4, 0, 0, 0, 2]);
    normaliseRows(x, 2);
    expect([...gatherRows(x, 2, Int32Array.from([2, 0]))]).toEqual([0, 1, Math.fround(0.6), Math.fround(0.8)]);
    expect([...x.subarray(2, 4)]).toEqual([0, 0]);
  });

  it('takes a softmax of scores of any size', () => {
    const p = softmaxRows([1000, 1000, -1000, 0, Math.log(3), Number.NEGATIVE_INFINITY], 3);
    expect([...p].map((v) => Number(v.toFixed(12)))).toEqual([0.5, 0.5, 0, 0.25, 0.75, 0]);
  });
});

describe('Cholesky', () => {
  it('solves A x = b, and takes a dependent row for what it is', () => {
    const n = 30;
    const x = Float64Array.from(numbers(n * n));
    const a = rowProducts(x, n, n);
    const l = a.slice();
    cholesky(l, n, n);
    const b = Float64Array.from(numbers(n));
    const solution = b.slice();
    solveLower(l, n, n, solution);
    solveLowerTransposed(l, n, n, solution);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += a[i * n + j]! * solution[j]!;
      expect(sum).toBeCloseTo(b[i]!, 6);
    }
    const singular = Float64Array.from([4, 4, 2, 4, 4, 2, 2, 2, 5]);
    cholesky(singular, 3, 3);
    expect([...singular]).toEqual([2, 0, 0, 2, 0, 0, 1, 0, 2]);
  });
});
