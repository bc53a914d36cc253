// The three inner loops everything numeric rests on, in WebAssembly SIMD.
// No fused multiply-add, so the same numbers on every machine. One x64 core: 30 GFLOP/s in floats, 16 in doubles; plain
// typed-array loops with four sums 2 and 1.
import {
  add,
  assemble,
  below,
  type Code,
  f32x4,
  f64x2,
  get,
  int,
  type Lanes,
  load,
  loadSplat64,
  mul,
  repeat,
  set,
  store,
  sub,
  type WasmFunction,
  zero,
} from '../../../shared/wasm.ts';

const ROWS = 2;
const COLUMNS = 4;

/**
 * C[m,n] = A[m,k] B[n,k]^T, tiles of 2 x 4 dot products. Addresses and strides in bytes; m a multiple of 2, n of 4,
 * k of the lanes, none of them 0: the caller pads with zeros.
 */
function dotProducts(name: string, t: Lanes): WasmFunction {
  const [a, b, c, m, n, kBytes, lda, ldb, ldc] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
  const [p, rowsLeft, columnsLeft, aAt, cAt, bRow] = [9, 10, 11, 12, 13, 14] as const;
  const sums = Array.from({ length: ROWS * COLUMNS }, (_, i) => 15 + i);
  const [x0, x1, y] = [23, 24, 25] as const;
  const inner: Code[] = [
    set(x0, load(add(get(aAt), get(p)))),
    set(x1, load(add(add(get(aAt), get(lda)), get(p)))),
    set(bRow, add(get(b), get(p))),
  ];
  for (let j = 0; j < COLUMNS; j++) {
    inner.push(set(y, load(get(bRow))));
    if (j < COLUMNS - 1) inner.push(set(bRow, add(get(bRow), get(ldb))));
    for (const [i, x] of [x0, x1].entries()) {
      const sum = sums[i * COLUMNS + j]!;
      inner.push(set(sum, t.add(get(sum), t.mul(get(x), get(y)))));
    }
  }
  inner.push(set(p, add(get(p), int(16))));
  const tile = [
    ...sums.map((sum) => set(sum, zero)),
    set(p, int(0)),
    repeat(inner, below(get(p), get(kBytes))),
    ...sums.map((sum, i) =>
      t.storeSum(i < COLUMNS ? get(cAt) : add(get(cAt), get(ldc)), get(sum), (i % COLUMNS) * t.bytes),
    ),
    set(aAt, add(get(aAt), mul(get(lda), int(ROWS)))),
    set(cAt, add(get(cAt), mul(get(ldc), int(ROWS)))),
    set(rowsLeft, sub(get(rowsLeft), int(ROWS))),
  ];
  // Down the rows first: the four rows of B stay in the nearest cache.
  const panel = [
    set(aAt, get(a)),
    set(cAt, get(c)),
    set(rowsLeft, get(m)),
    repeat(tile, get(rowsLeft)),
    set(b, add(get(b), mul(get(ldb), int(COLUMNS)))),
    set(c, add(get(c), int(COLUMNS * t.bytes))),
    set(columnsLeft, sub(get(columnsLeft), int(COLUMNS))),
  ];
  return { name, params: 9, ints: 6, vectors: 11, body: [set(columnsLeft, get(n)), repeat(panel, get(columnsLeft))] };
}

/** C[k,d] += E[m,k]^T X[m,d] in doubles, tiles of 2 x 8. k a multiple of 2, d of 8, m at least 1. */
function weightedRowSums(name: string): WasmFunction {
  const [e, x, c, m, k, dBytes, lde, ldx, ldc] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
  const [kLeft, at, rowsLeft, eRow, xRow, cRow] = [9, 10, 11, 12, 13, 14] as const;
  const sums = Array.from({ length: 8 }, (_, i) => 15 + i);
  const [w0, w1, y] = [23, 24, 25] as const;
  const target = (i: number) => (i < 4 ? get(cRow) : add(get(cRow), get(ldc)));
  const inner: Code[] = [set(w0, loadSplat64(get(eRow))), set(w1, loadSplat64(get(eRow), 8))];
  for (let j = 0; j < 4; j++) {
    inner.push(set(y, load(get(xRow), 16 * j)));
    inner.push(set(sums[j]!, f64x2.add(get(sums[j]!), f64x2.mul(get(w0), get(y)))));
    inner.push(set(sums[4 + j]!, f64x2.add(get(sums[4 + j]!), f64x2.mul(get(w1), get(y)))));
  }
  inner.push(
    set(eRow, add(get(eRow), get(lde))),
    set(xRow, add(get(xRow), get(ldx))),
    set(rowsLeft, sub(get(rowsLeft), int(1))),
  );
  const tile = [
    set(cRow, add(get(c), get(at))),
    ...sums.map((sum, i) => set(sum, load(target(i), 16 * (i % 4)))),
    set(eRow, get(e)),
    set(xRow, add(get(x), get(at))),
    set(rowsLeft, get(m)),
    repeat(inner, get(rowsLeft)),
    ...sums.map((sum, i) => store(target(i), get(sum), 16 * (i % 4))),
    set(at, add(get(at), int(64))),
  ];
  const pair = [
    set(at, int(0)),
    repeat(tile, below(get(at), get(dBytes))),
    set(e, add(get(e), int(16))),
    set(c, add(get(c), mul(get(ldc), int(2)))),
    set(kLeft, sub(get(kLeft), int(2))),
  ];
  return { name, params: 9, ints: 6, vectors: 11, body: [set(kLeft, get(k)), repeat(pair, get(kLeft))] };
}

type Kernel = (
  a: number,
  b: number,
  c: number,
  m: number,
  n: number,
  kBytes: number,
  lda: number,
  ldb: number,
  ldc: number,
) => void;
type Exports = { memory: WebAssembly.Memory; dot32: Kernel; dot64: Kernel; sum64: Kernel };

let compiled: WebAssembly.Module | undefined;

/** Kernels with a memory of their own, where matrices are laid one after the other; dropped with the object. */
export function createKernels() {
  compiled ??= new WebAssembly.Module(
    assemble([dotProducts('dot32', f32x4), dotProducts('dot64', f64x2), weightedRowSums('sum64')]),
  );
  const wasm = new WebAssembly.Instance(compiled).exports as unknown as Exports;
  let top = 0;
  /** Room for `bytes`, aligned to 64; grows the memory, which detaches views made before. */
  const reserve = (bytes: number): number => {
    const at = top;
    top += Math.ceil(bytes / 64) * 64;
    const missing = top - wasm.memory.buffer.byteLength;
    if (missing > 0) wasm.memory.grow(Math.ceil(missing / 65536));
    return at;
  };
  return {
    ...wasm,
    reserve,
    reset: () => {
      top = 0;
    },
  };
}
export type Kernels = ReturnType<typeof createKernels>;

/** The next multiple of `step`. */
export const padded = (value: number, step: number): number => Math.ceil(value / step) * step;
