// Multinomial logistic regression to its true optimum, for many strengths of one small problem.
//
// Minimises C * sum_i CE(softmax(W x_i + b), y_i) + 0.5 ||W||^2, b not penalised: scikit-learn's LogisticRegression for
// three classes and more. For two it fits one vector w, that is W = (-w/2, w/2) of this objective at half its C; so that the
// same C means the same classifier in both, two classes are solved at C / 2.
//
// With fewer items than dimensions the optimum lies in the span of the items (W = A^T X), so the problem is solved in the n
// coordinates of the Cholesky factor L of the Gram matrix X X^T = L L^T: an exact rotation, n instead of d wide and
// triangular. Solver: Newton, its steps by conjugate gradients (Hessian products only; Lin, Weng, Keerthi 2008), begun from
// the nearest C already solved, scaled along its ray. The objective is 1-strongly convex in W, so the gradient's norm
// bounds the distance to the optimum: an honest place to stop.
import { LabError } from '../../../shared/contract.ts';
import { cholesky, solveLowerTransposed } from './cholesky.ts';
import { createKernels, padded } from './kernels.ts';
import { createSolver } from './newton.ts';

/** Rows taken at once: few of the triangle, so that little of its empty half is touched. */
const TRIANGLE_ROWS = 16;
const DENSE_ROWS = 64;

/** Scores are weights . x + bias. */
export type LinearHead = { weights: Float64Array; bias: Float64Array };
export type LogisticFit = LinearHead & { C: number; steps: number; products: number };

export type Logistic = {
  /** The optimum at scikit-learn's C; `weights` is [classes, dim]. */
  solve(C: number): LogisticFit;
};

/** The coordinates a problem is solved in. */
export type Space = {
  n: number;
  classes: number;
  /** `classes` padded to 4, and the width padded to 8. */
  k: number;
  width: number;
  /** scores [n, k] = rows . v^T, v [k, width]. */
  scores(v: Vector, out: Vector): void;
  /** out [k, width] = e^T rows, e [n, k]. */
  backward(e: Vector, out: Vector): void;
  vector(rows: number, columns: number): Vector;
  /** W [classes, dim] of v. */
  toWeights(v: Float64Array): Float64Array;
};
/** A matrix in the kernels' memory: its address, and a view of it. */
export type Vector = { at: number; values: Float64Array };

/** Prepares `x` [n, dim] with class indices `labels`; every later `solve` shares the Gram matrix and starts warm. */
export function createLogistic(x: Float32Array, labels: Int32Array, dim: number, classes: number): Logistic {
  const solver = createSolver(createSpace(x, labels.length, dim, classes), labels);
  const share = classes === 2 ? 0.5 : 1;
  const solved: { C: number; v: Float64Array; b: Float64Array }[] = [];
  return {
    solve(C) {
      const far = (other: number) => Math.abs(Math.log(other / C));
      const start = solved.reduce<(typeof solved)[number] | undefined>(
        (best, s) => (!best || far(s.C) < far(best.C) ? s : best),
        undefined,
      );
      const { v, b, steps, products } = solver.run(share * C, start);
      solved.push({ C, v, b });
      return { C, weights: solver.space.toWeights(v), bias: b.slice(0, classes), steps, products };
    },
  };
}

function createSpace(x: Float32Array, n: number, dim: number, classes: number): Space {
  const rotated = n < dim;
  const k = padded(classes, 4);
  const width = padded(rotated ? n : dim, 8);
  const xWidth = padded(dim, 8);
  const rows = padded(n, 4);
  // Five vectors of weights and six of scores belong to the solver, the rest to the rotation; each is aligned to 64 bytes.
  const own = 5 * k * width + 6 * rows * k;
  const bytes = 8 * (rows * xWidth + own + (rotated ? rows * width + rows * k + k * xWidth : 0)) + 64 * 16;
  if (bytes > 4e9)
    throw new LabError(
      'unsupported',
      `A linear probe on ${n} items of ${dim} dimensions needs ${(bytes / 1e9).toFixed(1)} GB; 4 GB is the most it can have. Leave out the row "all", or use a smaller training set.`,
    );
  const wasm = createKernels();
  const all = wasm.reserve(bytes);
  let top = all;
  const vector = (r: number, c: number): Vector => {
    const at = top;
    top += 64 * Math.ceil((r * c * 8) / 64);
    return { at, values: new Float64Array(wasm.memory.buffer, at, r * c) };
  };
  const features = vector(rows, xWidth);
  for (let i = 0; i < n; i++) features.values.set(x.subarray(i * dim, (i + 1) * dim), i * xWidth);
  const basis = rotated ? vector(rows, width) : features;
  if (rotated) {
    wasm.dot64(features.at, features.at, basis.at, rows, rows, xWidth * 8, xWidth * 8, xWidth * 8, width * 8);
    cholesky(basis.values, n, width);
  }
  const step = rotated ? TRIANGLE_ROWS : DENSE_ROWS;
  const used = (i: number) => (rotated ? Math.min(width, padded(i + step, 8)) : width) * 8;
  const expanded = rotated ? { a: vector(rows, k), w: vector(k, xWidth) } : null;

  return {
    n,
    classes,
    k,
    width,
    vector,
    scores(v, out) {
      for (let i = 0; i < n; i += step) {
        wasm.dot64(
          basis.at + i * width * 8,
          v.at,
          out.at + i * k * 8,
          padded(Math.min(step, n - i), 2),
          k,
          used(i),
          width * 8,
          width * 8,
          k * 8,
        );
      }
    },
    backward(e, out) {
      out.values.fill(0);
      for (let i = 0; i < n; i += step) {
        wasm.sum64(
          e.at + i * k * 8,
          basis.at + i * width * 8,
          out.at,
          Math.min(step, n - i),
          k,
          used(i),
          k * 8,
          width * 8,
          width * 8,
        );
      }
    },
    toWeights(v) {
      const out = new Float64Array(classes * dim);
      if (expanded) {
        const { a, w } = expanded;
        a.values.fill(0);
        w.values.fill(0);
        const column = new Float64Array(n);
        for (let c = 0; c < classes; c++) {
          column.set(v.subarray(c * width, c * width + n));
          solveLowerTransposed(basis.values, n, width, column);
          for (let i = 0; i < n; i++) a.values[i * k + c] = column[i]!;
        }
        wasm.sum64(a.at, features.at, w.at, n, k, xWidth * 8, k * 8, xWidth * 8, xWidth * 8);
      }
      const [source, stride] = expanded ? [expanded.w.values, xWidth] : [v, width];
      for (let c = 0; c < classes; c++) out.set(source.subarray(c * stride, c * stride + dim), c * dim);
      return out;
    },
  };
}
