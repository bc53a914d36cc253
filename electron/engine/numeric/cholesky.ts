// The Cholesky factor of a symmetric positive semi-definite matrix, and solving with it. Doubles, row by row.

/** A pivot below this share of its diagonal entry counts as zero: the row depends on earlier ones. */
const DEPENDENT = 1e-12;

/**
 * Overwrites the lower triangle of `a` (n rows, `stride` apart) with L, A = L L^T, and clears the upper one. A row that
 * depends on earlier ones gets a zero column, as exact arithmetic would give, so that a singular A is no error.
 */
export function cholesky(a: Float64Array, n: number, stride: number): void {
  for (let i = 0; i < n; i++) {
    const row = i * stride;
    for (let j = 0; j < i; j++) {
      const pivot = a[j * stride + j]!;
      a[row + j] = pivot === 0 ? 0 : (a[row + j]! - dot(a, row, a, j * stride, j)) / pivot;
    }
    const diagonal = a[row + i]!;
    const rest = diagonal - dot(a, row, a, row, i);
    a[row + i] = rest > DEPENDENT * diagonal ? Math.sqrt(rest) : 0;
    a.fill(0, row + i + 1, row + stride);
  }
}

/** Four sums at once: the loop is bound by the latency of one. */
function dot(a: Float64Array, i: number, b: Float64Array, j: number, n: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let p = 0;
  for (; p + 3 < n; p += 4) {
    s0 += a[i + p]! * b[j + p]!;
    s1 += a[i + p + 1]! * b[j + p + 1]!;
    s2 += a[i + p + 2]! * b[j + p + 2]!;
    s3 += a[i + p + 3]! * b[j + p + 3]!;
  }
  for (; p < n; p++) s0 += a[i + p]! * b[j + p]!;
  return s0 + s1 + (s2 + s3);
}

/** Solves L x = b in place; where the pivot is zero x is 0. */
export function solveLower(l: Float64Array, n: number, stride: number, x: Float64Array): void {
  for (let i = 0; i < n; i++) {
    const pivot = l[i * stride + i]!;
    x[i] = pivot === 0 ? 0 : (x[i]! - dot(l, i * stride, x, 0, i)) / pivot;
  }
}

/** Solves L^T x = b in place; where the pivot is zero x is 0. */
export function solveLowerTransposed(l: Float64Array, n: number, stride: number, x: Float64Array): void {
  for (let i = n - 1; i >= 0; i--) {
    const pivot = l[i * stride + i]!;
    const value = pivot === 0 ? 0 : x[i]! / pivot;
    x[i] = value;
    if (value !== 0) for (let j = 0; j < i; j++) x[j]! -= l[i * stride + j]! * value;
  }
}
