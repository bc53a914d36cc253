// The nearest rows by inner product: exactly, by matrix product, or approximately, by an HNSW index (usearch).
import { createRequire } from 'node:module';
import { LabError } from '../../../shared/contract.ts';
import { dotBlocks } from './matrix.ts';

/** Row i of a query's neighbours, nearest first: `ids` and `similarity` are [queries, k]; equal ones by ascending id. */
export type Neighbours = { k: number; ids: Int32Array; similarity: Float32Array };

export type NeighbourIndex = { search(queries: Float32Array, n: number, k: number): Neighbours };

/** Looks at every row of `base` [n, dim]. */
export function exactIndex(base: Float32Array, n: number, dim: number): NeighbourIndex {
  return {
    search(queries, count, wanted) {
      const k = Math.min(wanted, n);
      const ids = new Int32Array(count * k);
      const similarity = new Float32Array(count * k).fill(Number.NEGATIVE_INFINITY);
      dotBlocks(queries, count, base, n, dim, (products, i, rows, j, columns, width) => {
        for (let r = 0; r < rows; r++) {
          const start = (i + r) * k;
          const last = start + k - 1;
          for (let c = 0; c < columns; c++) {
            const value = products[r * width + c]!;
            if (!(value > similarity[last]!)) continue;
            let at = last;
            for (; at > start && value > similarity[at - 1]!; at--) {
              similarity[at] = similarity[at - 1]!;
              ids[at] = ids[at - 1]!;
            }
            similarity[at] = value;
            ids[at] = j + c;
          }
        }
      });
      return { k, ids, similarity };
    },
  };
}

/** Loaded when first wanted: it has no binary for every platform, and all else works without it. */
function loadUsearch(): typeof import('usearch') {
  try {
    return createRequire(import.meta.url)('usearch') as typeof import('usearch');
  } catch (cause) {
    throw new LabError(
      'unsupported',
      'The HNSW index (usearch) has no binary for this platform. Choose the exact search.',
      { cause },
    );
  }
}

/** Rows added at once. */
const SLICE = 4096;

/**
 * A graph index over half-precision copies: recall@10 0.998 at 100,000 x 512 (research/dependencies.md). What it finds is
 * scored again exactly. One thread, so that the same rows give the same graph.
 */
export function hnswIndex(base: Float32Array, n: number, dim: number): NeighbourIndex {
  const { Index, MetricKind, ScalarKind } = loadUsearch();
  const index = new Index({
    dimensions: dim,
    metric: MetricKind.IP,
    quantization: ScalarKind.F16,
    connectivity: 16,
    expansion_add: 128,
    expansion_search: 64,
    multi: false,
  });
  for (let from = 0; from < n; from += SLICE) {
    const rows = Math.min(SLICE, n - from);
    index.add(
      BigUint64Array.from({ length: rows }, (_, i) => BigInt(from + i)),
      base.slice(from * dim, (from + rows) * dim),
      1,
    );
  }
  return {
    search(queries, count, wanted) {
      const k = Math.min(wanted, n);
      const ids = new Int32Array(count * k);
      const similarity = new Float32Array(count * k);
      for (let q = 0; q < count; q++) {
        const query = queries.slice(q * dim, (q + 1) * dim);
        const found = Array.from(index.search(query, k, 1).keys as BigUint64Array, Number)
          .map((id) => ({ id, value: dot(query, base, id * dim) }))
          .sort((a, b) => b.value - a.value || a.id - b.id);
        // The graph may reach fewer than k; the last found stands in, so that rows stay k long.
        for (let i = 0; i < k; i++) {
          const { id, value } = found[Math.min(i, found.length - 1)]!;
          ids[q * k + i] = id;
          similarity[q * k + i] = value;
        }
      }
      return { k, ids, similarity };
    },
  };
}

function dot(query: Float32Array, base: Float32Array, at: number): number {
  let sum = 0;
  for (let j = 0; j < query.length; j++) sum += query[j]! * base[at + j]!;
  return Math.fround(sum);
}
