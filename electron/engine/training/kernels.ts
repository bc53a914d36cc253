// The passes over weights, gradients and moments as WebAssembly SIMD over one shared memory, so that threads can share a step.
// Every address is in bytes; lengths are in bytes too, multiples of 16 and not 0. Constants come from a table of floats in
// the same memory.
import {
  add,
  assemble,
  below,
  type Code,
  div32,
  f32x4,
  get,
  int,
  load,
  loadSplat32,
  repeat,
  set,
  sqrt32,
  store,
  sub32,
  type WasmFunction,
  zero,
} from '../../../shared/wasm.ts';

const vector = (local: number) => get(local);

/**
 * AdamW (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2, in PyTorch's order of operations), one pass, in place:
 * w -= lr·decay·w; m += (1-β1)(g - m); v = β2 v + (1-β2) g²; w -= step · m / (sqrt(v)/c + ε), step = lr / (1-β1ᵗ), c = sqrt(1-β2ᵗ).
 * The table: [keep = 1 - lr·decay, 1-β1, β2, 1-β2, 1/c, ε, step, scale of the gradient (clipping)].
 */
function adamw(): WasmFunction {
  const [w, g, m, v, table, bytes, p] = [0, 1, 2, 3, 4, 5, 6] as const;
  const [keep, one1, beta2, one2, inverse, eps, step, clip, grad, mean, square] = [
    7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
  ] as const;
  const at = (base: number) => add(get(base), get(p));
  const inner: Code[] = [
    set(grad, f32x4.mul(load(at(g)), vector(clip))),
    set(mean, load(at(m))),
    set(mean, f32x4.add(vector(mean), f32x4.mul(vector(one1), sub32(vector(grad), vector(mean))))),
    set(
      square,
      f32x4.add(f32x4.mul(load(at(v)), vector(beta2)), f32x4.mul(vector(one2), f32x4.mul(vector(grad), vector(grad)))),
    ),
    store(at(m), vector(mean)),
    store(at(v), vector(square)),
    store(
      at(w),
      sub32(
        f32x4.mul(load(at(w)), vector(keep)),
        div32(
          f32x4.mul(vector(step), vector(mean)),
          f32x4.add(f32x4.mul(sqrt32(vector(square)), vector(inverse)), vector(eps)),
        ),
      ),
    ),
    set(p, add(get(p), int(16))),
  ];
  const constants = [keep, one1, beta2, one2, inverse, eps, step, clip].map((local, i) =>
    set(local, loadSplat32(get(table), 4 * i)),
  );
  return {
    name: 'adamw',
    params: 6,
    ints: 1,
    vectors: 11,
    body: [...constants, set(p, int(0)), repeat(inner, below(get(p), get(bytes)))],
  };
}

/** SGD with momentum as PyTorch has it: b = μ b + (g + decay·w); w -= lr·b. The table: [decay, μ, lr, scale of the gradient]. */
function sgd(): WasmFunction {
  const [w, g, b, table, bytes, p, decay, mu, lr, clip, weight, moment] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
  ] as const;
  const at = (base: number) => add(get(base), get(p));
  const inner: Code[] = [
    set(weight, load(at(w))),
    set(
      moment,
      f32x4.add(
        f32x4.mul(load(at(b)), vector(mu)),
        f32x4.add(f32x4.mul(load(at(g)), vector(clip)), f32x4.mul(vector(decay), vector(weight))),
      ),
    ),
    store(at(b), vector(moment)),
    store(at(w), sub32(vector(weight), f32x4.mul(vector(lr), vector(moment)))),
    set(p, add(get(p), int(16))),
  ];
  const constants = [decay, mu, lr, clip].map((local, i) => set(local, loadSplat32(get(table), 4 * i)));
  return {
    name: 'sgd',
    params: 5,
    ints: 1,
    vectors: 6,
    body: [...constants, set(p, int(0)), repeat(inner, below(get(p), get(bytes)))],
  };
}

/** Σ g² of the floats at g, stored as four partial sums at `out`. */
function squares(): WasmFunction {
  const [g, bytes, out, p, sum, x] = [0, 1, 2, 3, 4, 5] as const;
  const inner: Code[] = [
    set(x, load(add(get(g), get(p)))),
    set(sum, f32x4.add(vector(sum), f32x4.mul(vector(x), vector(x)))),
    set(p, add(get(p), int(16))),
  ];
  return {
    name: 'squares',
    params: 3,
    ints: 1,
    vectors: 2,
    body: [set(sum, zero), set(p, int(0)), repeat(inner, below(get(p), get(bytes))), store(get(out), vector(sum))],
  };
}

/** to += k · (from - to), k the float at `table`: an exponential moving average. */
function blend(): WasmFunction {
  const [to, from, table, bytes, p, k, x] = [0, 1, 2, 3, 4, 5, 6] as const;
  const at = (base: number) => add(get(base), get(p));
  const inner: Code[] = [
    set(x, load(at(to))),
    store(at(to), f32x4.add(vector(x), f32x4.mul(vector(k), sub32(load(at(from)), vector(x))))),
    set(p, add(get(p), int(16))),
  ];
  return {
    name: 'blend',
    params: 4,
    ints: 1,
    vectors: 2,
    body: [set(k, loadSplat32(get(table))), set(p, int(0)), repeat(inner, below(get(p), get(bytes)))],
  };
}

/** to += from: gradients of micro-batches. */
function accumulate(): WasmFunction {
  const [to, from, bytes, p] = [0, 1, 2, 3] as const;
  const at = (base: number) => add(get(base), get(p));
  const inner: Code[] = [store(at(to), f32x4.add(load(at(to)), load(at(from)))), set(p, add(get(p), int(16)))];
  return {
    name: 'accumulate',
    params: 3,
    ints: 1,
    vectors: 0,
    body: [set(p, int(0)), repeat(inner, below(get(p), get(bytes)))],
  };
}

export type Kernels = {
  adamw(w: number, g: number, m: number, v: number, table: number, bytes: number): void;
  sgd(w: number, g: number, b: number, table: number, bytes: number): void;
  squares(g: number, bytes: number, out: number): void;
  blend(to: number, from: number, table: number, bytes: number): void;
  accumulate(to: number, from: number, bytes: number): void;
};

let module: WebAssembly.Module | undefined;

/** The kernels over a shared memory of at most 4 GiB; every thread makes its own. */
export function kernelsOver(memory: WebAssembly.Memory): Kernels {
  module ??= new WebAssembly.Module(assemble([adamw(), sgd(), squares(), blend(), accumulate()], 'shared'));
  return new WebAssembly.Instance(module, { lab: { memory } }).exports as unknown as Kernels;
}
