// Neighbours against FAISS, and the graph index against the exact search.
import { describe, expect, it } from 'vitest';
import { gatherRows, normaliseRows } from '../../../electron/engine/numeric/matrix.ts';
import { exactIndex, hnswIndex } from '../../../electron/engine/numeric/neighbours.ts';
import { randomOf } from '../../../shared/protocol.ts';
import { DIM, farthest, floats, ints, json } from '../../helpers/probe-fixture.ts';

type Knn = { q: number[]; db: number[]; ties: { db: number[]; tied_query_rank_rank: [number, number, number][] } };
const fixture = json<Knn>('knn.json');
const x = floats('X_l2.npy');
const queries = gatherRows(x, DIM, Int32Array.from(fixture.q));

describe('nearest neighbours', () => {
  it('finds the rows and scores FAISS finds', () => {
    const base = gatherRows(x, DIM, Int32Array.from(fixture.db));
    const found = exactIndex(base, fixture.db.length, DIM).search(queries, fixture.q.length, 20);
    expect([...found.ids]).toEqual([...ints('knn_ids.npy')]);
    expect(farthest(found.similarity, floats('knn_scores.npy'))).toBeLessThan(1e-6);
  });

  it('orders exact ties by row, and finds the same rows as FAISS around them', () => {
    const n = fixture.ties.db.length;
    const base = gatherRows(x, DIM, Int32Array.from(fixture.ties.db));
    const found = exactIndex(base, n, DIM).search(queries, fixture.q.length, 20);
    expect(farthest(found.similarity, floats('knn_ties_scores.npy'))).toBeLessThan(1e-6);
    for (const [query, first, second] of fixture.ties.tied_query_rank_rank) {
      expect(found.similarity[query * 20 + first]).toBe(found.similarity[query * 20 + second]);
      expect(found.ids[query * 20 + first]).toBeLessThan(found.ids[query * 20 + second]!);
    }
    const golden = ints('knn_ties_ids.npy');
    const tied = new Set(fixture.ties.tied_query_rank_rank.flatMap(([q, a, b]) => [q * 20 + a, q * 20 + b]));
    found.ids.forEach((id, at) => {
      // The twin of a tie on the last rank lies outside.
      if (!tied.has(at) && at % 20 !== 19) expect(id).toBe(golden[at]);
    });
  });

  it('gives all rows when fewer are there than asked for', () => {
    const found = exactIndex(Float32Array.from([1, 0, 0, 1]), 2, 2).search(Float32Array.from([0.6, 0.8]), 1, 10);
    expect(found.k).toBe(2);
    expect([...found.ids]).toEqual([1, 0]);
  });

  it('agrees between the graph index and the exact search, and with itself', () => {
    const [n, dim] = [3000, 64];
    const random = randomOf(5);
    const base = Float32Array.from(
      { length: n * dim },
      (_, at) => random() - 0.5 + (at % 17 === Math.floor(at / dim) % 17 ? 1 : 0),
    );
    normaliseRows(base, dim);
    const asked = base.slice(0, 200 * dim);
    const exact = exactIndex(base, n, dim).search(asked, 200, 10);
    const graph = hnswIndex(base, n, dim).search(asked, 200, 10);
    const shared = graph.ids.filter((id, at) =>
      exact.ids.subarray(Math.floor(at / 10) * 10, Math.floor(at / 10) * 10 + 10).includes(id),
    );
    expect(shared.length / graph.ids.length).toBeGreaterThan(0.95);
    expect(
      farthest(
        graph.similarity.filter((_, at) => at % 10 === 0),
        Array(200).fill(1),
      ),
    ).toBeLessThan(1e-6);
    expect(hnswIndex(base, n, dim).search(asked, 200, 10).ids).toEqual(graph.ids);
    expect(hnswIndex(base, 5, dim).search(asked, 3, 10).k).toBe(5);
  });
});
