// Newton's method for one logistic regression: directions by conjugate gradients, then an Armijo line search on scores alone.

import { padded } from './kernels.ts';
import type { Space, Vector } from './logistic.ts';

/** The gradient's norm over the norm of W at which W counts as the optimum. */
const TOLERANCE = 1e-6;
const NEWTON_STEPS = 100;
const CG_STEPS = 1000;

/** The state of one solve. `v` and `b` are the unknowns, `z` the scores they give, `p` their softmax. */
type State = { v: Vector; b: Float64Array; z: Vector; p: Vector };

const product = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};
const norm = (a: Float64Array): number => Math.sqrt(product(a, a));

/** A solver of one problem; `run` solves it for one C, from `start` if given. */
export function createSolver(space: Space, labels: Int32Array) {
  const { n, k, classes, width } = space;
  const state: State = {
    v: space.vector(k, width),
    b: new Float64Array(k),
    z: space.vector(padded(n, 4), k),
    p: space.vector(padded(n, 4), k),
  };
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
      products += cg.direction(
        C,
        gradient.v.values,
        gradient.b,
        Number.isFinite(open) ? forcing : 0.1,
        1 / Math.sqrt(curvature),
      );
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
function loss(
  state: State,
  along: { z: Vector; b: Float64Array } | null,
  t: number,
  labels: Int32Array,
  C: number,
  space: Space,
): number {
  let total = 0;
  for (let i = 0; i < space.n; i++) {
    const at = (c: number) =>
      state.z.values[i * space.k + c]! +
      state.b[c]! +
      (along ? t * (along.z.values[i * space.k + c]! + along.b[c]!) : 0);
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
  for (const values of [state.v.values, state.b, state.z.values])
    for (let j = 0; j < values.length; j++) values[j]! *= t;
}

/** Conjugate gradients on the Hessian at `state`; the direction and its scores stay in `d`, `db` and `dz`. */
function createCg(space: Space, state: State) {
  const { n, k, classes, width } = space;
  const [d, s, h] = [space.vector(k, width), space.vector(k, width), space.vector(k, width)];
  const [dz, sz, weighted] = [
    space.vector(padded(n, 4), k),
    space.vector(padded(n, 4), k),
    space.vector(padded(n, 4), k),
  ];
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

  const direction = (
    C: number,
    gradient: Float64Array,
    gradientB: Float64Array,
    forcing: number,
    scale: number,
  ): number => {
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
function lineSearch(
  state: State,
  cg: ReturnType<typeof createCg>,
  gradient: { v: Vector; b: Float64Array },
  labels: Int32Array,
  C: number,
  space: Space,
): boolean {
  const slope = product(gradient.v.values, cg.d.values) + product(gradient.b, cg.db);
  const [square, mixed, step] = [
    product(state.v.values, state.v.values),
    product(state.v.values, cg.d.values),
    product(cg.d.values, cg.d.values),
  ];
  const before = loss(state, null, 0, labels, C, space) + 0.5 * square;
  if (!(slope < 0)) return false;
  for (let t = 1; t > 1e-10; t /= 2) {
    const after =
      loss(state, { z: cg.dz, b: cg.db }, t, labels, C, space) + 0.5 * (square + 2 * t * mixed + t * t * step);
    if (after > before + 1e-4 * t * slope + 1e-13 * Math.abs(before)) continue;
    for (const [values, change] of [
      [state.v.values, cg.d.values],
      [state.b, cg.db],
      [state.z.values, cg.dz.values],
    ] as const) {
      for (let j = 0; j < values.length; j++) values[j]! += t * change[j]!;
    }
    return true;
  }
  return false;
}
