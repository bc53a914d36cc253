// The golden matrices of tests/fixtures/probe (scikit-learn, FAISS, own Newton; see ../../../shared/fixtures/README.md).
import { readFileSync } from 'node:fs';
import { readNpy } from '../../electron/engine/npy.ts';
import { fixturePath } from './shared.ts';

const npy = (name: string) => readNpy(readFileSync(fixturePath(`probe/${name}`)), name).data;
export const floats = (name: string) => npy(name) as Float32Array;
export const doubles = (name: string) => npy(name) as Float64Array;
export const ints = (name: string) => npy(name) as Int32Array;
export const json = <T>(name: string): T => JSON.parse(readFileSync(fixturePath(`probe/${name}`), 'utf8')) as T;

export const DIM = 32;
export const CLASSES = 6;
export const SHOTS = [1, 2, 4, 8, 16];
export const FEATURES = [
  { name: 'raw', file: 'X.npy' },
  { name: 'l2', file: 'X_l2.npy' },
] as const;

type Splits = { test: number[]; splits: Record<string, { train: number[]; val: number[] }> };
export const splits = json<Splits>('splits.json');
export const trainOf = (seed: number, shots: number) =>
  Int32Array.from(splits.splits[`seed${seed}_shots${shots}`]!.train);
export const test = Int32Array.from(splits.test);
export const labelsOf = (items: Int32Array) => {
  const y = ints('y.npy');
  return items.map((i) => y[i]!);
};

/** Largest absolute difference, `b` read from `offset` on. */
export function farthest(a: ArrayLike<number>, b: ArrayLike<number>, offset = 0): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[offset + i]!));
  return worst;
}
