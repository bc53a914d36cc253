// Matrix products.
import { unbroadcast } from '../backward.ts';
import type { Graph, Shape, Value } from '../graph.ts';
import { float, floatAttr, intAttr, type OpRule } from '../rule.ts';
import { broadcast, sizeOf } from '../shape.ts';

/** Columns of B from which on it pays to turn A round first. */
const WIDE = 64;

/**
 * alpha Aᵀ·B, A [m,k], B [m,n]. Given transA, the runtime turns A round once for every few columns of B: on one thread 42 ms for
 * m, k, n = 800, 768, 3072, and 37 when it is turned round before; a whole step of a ViT-B/32 is 3 to 6 % faster. The third axis
 * keeps the runtime from undoing that.
 */
function transposedProduct(g: Graph, a: Value, b: Value, alpha = 1): Value {
  const [m, k] = a.shape as [number, number];
  if (b.shape[1]! < WIDE) return g.gemm(a, b, { transA: true, alpha });
  const turned = g.reshape(g.transpose(g.reshape(a, [m, 1, k]), [2, 0, 1]), [k, m]);
  return g.gemm(turned, b, { alpha });
}

/** dA = dY·Bᵀ and dB = Aᵀ·dY of a product of matrices. */
function productGradients(g: Graph, a: Value, b: Value, dy: Value): [Value, Value] {
  if (b.shape.length === 2 && a.shape.length > 2) {
    // one matrix for the whole batch: its gradient is one product over all rows
    const rows = (x: Value) => g.reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
    const da = g.gemm(rows(dy), b, { transB: true });
    return [g.reshape(da, a.shape), transposedProduct(g, rows(a), rows(dy))];
  }
  return [g.matmul(dy, g.swapLast(b)), g.matmul(g.swapLast(a), dy)];
}

/** A vector is a row on the left and a column on the right. */
const asRow = ({ shape }: Value): Shape => (shape.length === 1 ? [1, shape[0]!] : shape);
const asColumn = ({ shape }: Value): Shape => (shape.length === 1 ? [shape[0]!, 1] : shape);

/** A times B, batched and broadcast over the leading axes. */
export const MatMul: OpRule = {
  shapes([a, b]) {
    const [left, right] = [asRow(a!), asColumn(b!)];
    const [m, k] = left.slice(-2);
    const [k2, n] = right.slice(-2);
    if (k !== k2) throw new Error(`MatMul: shapes [${a!.shape}] and [${b!.shape}] do not fit.`);
    const rows = a!.shape.length === 1 ? [] : [m!];
    const columns = b!.shape.length === 1 ? [] : [n!];
    return [[...broadcast(left.slice(0, -2), right.slice(0, -2)), ...rows, ...columns]];
  },
  vjp(g, { inputs: [a, b] }, dy) {
    if (a!.shape.length === 1 || b!.shape.length === 1) {
      const [left, right] = [g.reshape(a!, asRow(a!)), g.reshape(b!, asColumn(b!))];
      const full = broadcast(left.shape.slice(0, -2), right.shape.slice(0, -2));
      const whole = g.reshape(dy, [...full, left.shape.at(-2)!, right.shape.at(-1)!]);
      const [da, db] = productGradients(g, left, right, whole);
      // a batch of gradients of one vector is summed by the caller
      return [sizeOf(da.shape) === sizeOf(a!.shape) ? g.reshape(da, a!.shape) : da, g.reshape(db, b!.shape)];
    }
    return productGradients(g, a!, b!, dy);
  },
  examples: [
    {
      inputs: [
        [2, 4],
        [4, 3],
      ],
    },
    {
      inputs: [
        [2, 3, 4],
        [4, 5],
      ],
    },
    {
      inputs: [
        [2, 1, 3, 4],
        [2, 4, 5],
      ],
    },
    {
      inputs: [
        [3, 4],
        [2, 4, 5],
      ],
    },
    { inputs: [[4], [4]] },
    { inputs: [[4], [4, 3]] },
    { inputs: [[4], [2, 4, 3]] },
    { inputs: [[3, 4], [4]] },
    { inputs: [[2, 3, 4], [4]] },
  ],
};

/** alpha A' B' + beta C, A' = A or its transpose, B' likewise; C broadcasts. */
export const Gemm: OpRule = {
  shapes([a, b], attrs) {
    const [m, k] = intAttr(attrs, 'transA', 0) ? [a!.shape[1], a!.shape[0]] : a!.shape;
    const [k2, n] = intAttr(attrs, 'transB', 0) ? [b!.shape[1], b!.shape[0]] : b!.shape;
    if (k !== k2) throw new Error(`Gemm: shapes [${a!.shape}] and [${b!.shape}] do not fit.`);
    return [[m!, n!]];
  },
  vjp(g, { inputs: [a, b, c], attrs }, dy) {
    const alpha = floatAttr(attrs, 'alpha', 1);
    const tA = intAttr(attrs, 'transA', 0) === 1;
    const tB = intAttr(attrs, 'transB', 0) === 1;
    const da = tA ? g.gemm(b!, dy, { transA: tB, transB: true, alpha }) : g.gemm(dy, b!, { transB: !tB, alpha });
    const db = tB
      ? g.gemm(dy, a!, { transA: true, transB: tA, alpha })
      : tA
        ? g.gemm(a!, dy, { alpha })
        : transposedProduct(g, a!, dy, alpha);
    // summed first: then there is less to multiply
    return [da, db, c ? g.scale(unbroadcast(g, dy, c), floatAttr(attrs, 'beta', 1)) : null];
  },
  examples: [
    { inputs: [[2, 4], [4, 3], [3]] },
    {
      inputs: [
        [4, 2],
        [4, 3],
        [2, 3],
      ],
      attrs: { transA: 1 },
    },
    {
      inputs: [
        [2, 4],
        [3, 4],
      ],
      attrs: { transB: 1 },
    },
    {
      inputs: [
        [4, 2],
        [3, 4],
        [1, 3],
      ],
      attrs: { transA: 1, transB: 1, alpha: float(0.5), beta: float(2) },
    },
  ],
};
