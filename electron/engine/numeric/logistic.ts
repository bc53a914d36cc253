// Multinomial logistic regression to its true optimum, for many strengths of one small problem.
//
// Minimises C * sum_i CE(softmax(W x_i + b), y_i) + 0.5 ||W||^2, b not penalised: scikit-learn's LogisticRegression for
// three classes and more. (For two it fits one vector; that is this objective at half its C.)
//
// With fewer items than dimensions the optimum lies in the span of the items (W = A^T X), so the problem is solved in the n
// coordinates of the Cholesky factor L of the Gram matrix X X^T = L L^T: an exact rotation, n instead of d wide and
// triangular. Solver: Newton, its steps by conjugate gradients (Hessian products only; Lin, Weng, Keerthi 2008), begun from
// the nearest C already solved, scaled along its ray. The objective is 1-strongly convex in W, so the gradient's norm
// bounds the distance to the optimum: an honest place to stop.
import { LabError } from '../../../shared/contract.ts';
import { cholesky, solveLowerTransposed } from './cholesky.ts';
import { createKernels, padded } from './kernels.ts';

/** The gradient's norm over the norm of W at which W counts as the optimum. */
const TOLERANCE = 1e-6;
const NEWTON_STEPS = 100;
const CG_STEPS = 1000;
/** Rows taken at once: few of the triangle, so that little of its empty half is touched. */
const TRIANGLE_ROWS = 16;
const DENSE_ROWS = 64;

/** Scores are weights . x + bias. */
export type LinearHead = { weights: Float64Array; bias: Float64Array };
export type LogisticFit = LinearHead & { C: number; steps: number; products: number };

export type Logistic = {
  /** The optimum at C; `weights` is [classes, dim]. */
  solve(C: number): LogisticFit;
};

type Space = {
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
type Vector = { at: number; values: Float64Array };

/** The state of one solve. `v` and `b` are the unknowns, `z` the scores they give, `p` their softmax. */
type State = { v: Vector; b: Float64Array; z: Vector; p: Vector };

/** Prepares `x` [n, dim] with class indices `labels`; every later `solve` shares the Gram matrix and starts warm. */
export function createLogistic(x: Float32Array, labels: Int32Array, dim: number, classes: number): Logistic {
  const solver = createSolver(createSpace(x, labels.length, dim, classes), labels);
  const solved: { C: number; v: Float64Array; b: Float64Array }[] = [];
  return {
    solve(C) {
      const far = (other: number) => Math.abs(Math.log(other / C));
      const start = solved.reduce<(typeof solved)[number] | undefined>((best, s) => (!best || far(s.C) < far(best.C) ? s : best), undefined);
      const { v, b, steps, products } = solver.run(C, start);
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
  const vectors = 5 * k * width + 5 * rows * k + (rotated ? rows * width + rows * k + k * xWidth : 0);
  const bytes = 8 * (rows * xWidth + vectors) + 64 * 16;
  if (bytes > 4e9) throw new LabError('unsupported', `A linear probe on ${n} items of ${dim} dimensions needs ${(bytes / 1e9).toFixed(1)} GB; 4 GB is the most it can have. Leave out the row "all", or use a smaller training set.`);
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
        wasm.dot64(basis.at + i * width * 8, v.at, out.at + i * k * 8, padded(Math.min(step, n - i), 2), k, used(i), width * 8, width * 8, k * 8);
      }
    },
    backward(e, out) {
      out.values.fill(0);
      for (let i = 0; i < n; i += step) {
        wasm.sum64(e.at + i * k * 8, basis.at + i * width * 8, out.at, Math.min(step, n - i), k, used(i), k * 8, width * 8, width * 8);
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

const product = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};
const norm = (a: Float64Array): number => Math.sqrt(product(a, a));

function createSolver(space: Space, labels: Int32Array) {
  const { n, k, classes, width } = space;
  const state: State = { v: space.vector(k, width), b: new Float64Array(k), z: space.vector(padded(n, 4), k), p: space.vector(padded(n, 4), k) };
  const error = space.vector(padded(n, 4), k);
  const gradient = { v: space.vector(k, width), b: new Float64Array(k) };
  const cg = createCg(space, state);

  /** Softmax of the scores and the gradient; returns its norms. */
  const differentiate = (C: number) => {
    softmax(state, n, k, classes);
    gradient.b.fill(0);
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < classes; c++) {
        const e = C * (state.p.values[i * k + c]! - (labels[i] === c ? 1 : 0));
        error.values[i * k + c] = e;
        gradient.b[c]! += e;
      }
    }
    space.backward(error, gradient.v);
    for (let j = 0; j < k * width; j++) gradient.v.values[j]! += state.v.values[j]!;
  };

  const run = (C: number, start?: { v: Float64Array; b: Float64Array }) => {
    state.v.values.fill(0);
    state.b.fill(0);
    if (start) {
      state.v.values.set(start.v);
      state.b.set(start.b);
    }
    space.scores(state.v, state.z);
    if (start) scaleAlongRay(state, labels, C, space);
    // The bias has no penalty: its curvature is about C n / classes. Below 1 that is made up for.
    const curvature = Math.min(1, (C * n) / classes);
    let products = 0;
    let steps = 0;
    for (; steps < NEWTON_STEPS; steps++) {
      differentiate(C);
      const size = norm(state.v.values);
      const open = Math.max(norm(gradient.v.values), norm(gradient.b) / curvature) / size;
      if (open <= TOLERANCE) break;
      // Solve roughly while far away, and no finer at the end than is asked for.
      const forcing = Math.max(Math.min(0.1, Math.sqrt(open)), (0.3 * TOLERANCE) / open) || 0.1;
      products += cg.direction(C, gradient.v.values, gradient.b, Number.isFinite(open) ? forcing : 0.1, 1 / Math.sqrt(curvature));
      if (!lineSearch(state, cg, gradient, labels, C, space)) break;
    }
    return { v: state.v.values.slice(), b: state.b.slice(), steps, products };
  };
  return { space, run };
}

/** p = softmax(z + b), padding columns 0. */
function softmax({ z, b, p }: State, n: number, k: number, classes: number): void {
  for (let i = 0; i < n; i++) {
    const row = i * k;
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) top = Math.max(top, z.values[row + c]! + b[c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      const e = Math.exp(z.values[row + c]! + b[c]! - top);
      p.values[row + c] = e;
      sum += e;
    }
    for (let c = 0; c < classes; c++) p.values[row + c]! /= sum;
  }
}

/** C * the summed cross-entropy of z + t dz (and b + t db). */
function loss(state: State, along: { z: Vector; b: Float64Array } | null, t: number, labels: Int32Array, C: number, space: Space): number {
  let total = 0;
  for (let i = 0; i < space.n; i++) {
    const at = (c: number) => state.z.values[i * space.k + c]! + state.b[c]! + (along ? t * (along.z.values[i * space.k + c]! + along.b[c]!) : 0);
    const own = at(labels[i]!);
    let rest = 0;
    let top = 0;
    for (let c = 0; c < space.classes; c++) top = Math.max(top, at(c) - own);
    for (let c = 0; c < space.classes; c++) rest += Math.exp(at(c) - own - top);
    total += top + Math.log(rest);
  }
  return C * total;
}

/**
 * A start for a new C: t (v, b) with the t that minimises the objective, by Newton on that one number; only scores are needed.
 * Doubling and halving at most per step keeps it safe far away.
 */
function scaleAlongRay(state: State, labels: Int32Array, C: number, space: Space): void {
  const { n, k, classes } = space;
  const square = product(state.v.values, state.v.values);
  const base = state.z.values.map((z, j) => z + state.b[j % k]!);
  let t = 1;
  for (let round = 0; round < 40 && square > 0; round++) {
    let slope = t * square;
    let bend = square;
    for (let i = 0; i < n; i++) {
      const row = i * k;
      let [top, sum, first, second] = [Number.NEGATIVE_INFINITY, 0, 0, 0];
      for (let c = 0; c < classes; c++) top = Math.max(top, t * base[row + c]!);
      for (let c = 0; c < classes; c++) {
        const e = Math.exp(t * base[row + c]! - top);
        sum += e;
        first += e * base[row + c]!;
        second += e * base[row + c]! ** 2;
      }
      first /= sum;
      slope += C * (first - base[row + labels[i]!]!);
      bend += C * (second / sum - first * first);
    }
    const next = Math.min(2 * t, Math.max(t / 2, t - slope / bend));
    const moved = Math.abs(next - t) / t;
    t = next;
    if (moved < 0.02) break;
  }
  for (const values of [state.v.values, state.b, state.z.values]) for (let j = 0; j < values.length; j++) values[j]! *= t;
}

/** Conjugate gradients on the Hessian at `state`; the direction and its scores stay in `d`, `db` and `dz`. */
function createCg(space: Space, state: State) {
  const { n, k, classes, width } = space;
  const [d, s, h] = [space.vector(k, width), space.vector(k, width), space.vector(k, width)];
  const [dz, sz, weighted] = [space.vector(padded(n, 4), k), space.vector(padded(n, 4), k), space.vector(padded(n, 4), k)];
  const [db, sb, hb] = [new Float64Array(k), new Float64Array(k), new Float64Array(k)];
  const r = new Float64Array(k * width);
  const rb = new Float64Array(k);

  /** h = Hessian s: row i of the weights is (diag p - p p^T)(s x_i + sb). `scale` stretches the bias. */
  const curve = (C: number, scale: number) => {
    space.scores(s, sz);
    hb.fill(0);
    const p = state.p.values;
    for (let i = 0; i < n; i++) {
      const row = i * k;
      let mean = 0;
      for (let c = 0; c < classes; c++) {
        const u = sz.values[row + c]! + scale * sb[c]!;
        sz.values[row + c] = u;
        mean += p[row + c]! * u;
      }
      for (let c = 0; c < classes; c++) {
        const e = C * p[row + c]! * (sz.values[row + c]! - mean);
        weighted.values[row + c] = e;
        hb[c]! += scale * e;
      }
    }
    space.backward(weighted, h);
    for (let j = 0; j < k * width; j++) h.values[j]! += s.values[j]!;
  };

  const direction = (C: number, gradient: Float64Array, gradientB: Float64Array, forcing: number, scale: number): number => {
    for (let j = 0; j < r.length; j++) r[j] = -gradient[j]!;
    for (let c = 0; c < k; c++) rb[c] = -scale * gradientB[c]!;
    d.values.fill(0);
    db.fill(0);
    dz.values.fill(0);
    s.values.set(r);
    sb.set(rb);
    let square = product(r, r) + product(rb, rb);
    const enough = forcing * forcing * square;
    let steps = 0;
    while (steps < CG_STEPS) {
      steps++;
      curve(C, scale);
      const step = square / (product(s.values, h.values) + product(sb, hb));
      if (!Number.isFinite(step)) break;
      for (let j = 0; j < r.length; j++) {
        d.values[j]! += step * s.values[j]!;
        r[j]! -= step * h.values[j]!;
      }
      for (let c = 0; c < k; c++) {
        db[c]! += step * sb[c]!;
        rb[c]! -= step * hb[c]!;
      }
      for (let j = 0; j < n * k; j++) dz.values[j]! += step * sz.values[j]!;
      const next = product(r, r) + product(rb, rb);
      if (next <= enough) break;
      const ratio = next / square;
      for (let j = 0; j < r.length; j++) s.values[j] = r[j]! + ratio * s.values[j]!;
      for (let c = 0; c < k; c++) sb[c] = rb[c]! + ratio * sb[c]!;
      square = next;
    }
    // `dz` holds the bias' part already; it is taken apart again so that scores and bias stay separate in the state.
    for (let c = 0; c < k; c++) db[c]! *= scale;
    for (let i = 0; i < n; i++) for (let c = 0; c < classes; c++) dz.values[i * k + c]! -= db[c]!;
    return steps;
  };
  return { d, db, dz, direction };
}

/** Halves the step until the objective falls enough (Armijo), then takes it. False when rounding leaves nothing to gain. */
function lineSearch(state: State, cg: ReturnType<typeof createCg>, gradient: { v: Vector; b: Float64Array }, labels: Int32Array, C: number, space: Space): boolean {
  const slope = product(gradient.v.values, cg.d.values) + product(gradient.b, cg.db);
  const [square, mixed, step] = [product(state.v.values, state.v.values), product(state.v.values, cg.d.values), product(cg.d.values, cg.d.values)];
  const before = loss(state, null, 0, labels, C, space) + 0.5 * square;
  if (!(slope < 0)) return false;
  for (let t = 1; t > 1e-10; t /= 2) {
    const after = loss(state, { z: cg.dz, b: cg.db }, t, labels, C, space) + 0.5 * (square + 2 * t * mixed + t * t * step);
    if (after > before + 1e-4 * t * slope + 1e-13 * Math.abs(before)) continue;
    for (const [values, change] of [[state.v.values, cg.d.values], [state.b, cg.db], [state.z.values, cg.dz.values]] as const) {
      for (let j = 0; j < values.length; j++) values[j]! += t * change[j]!;
    }
    return true;
  }
  return false;
}
