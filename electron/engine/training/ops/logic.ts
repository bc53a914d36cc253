// Comparisons, integers and indices: no gradient passes, but gradients are written with them.
import type { OpRule } from '../rule.ts';
import { broadcast } from '../shape.ts';

const comparison: OpRule = {
  shapes: ([a, b]) => [broadcast(a!.shape, b!.shape)],
  dtypes: () => ['bool'],
  vjp: 'none',
  examples: [],
};
export const Greater = comparison;
export const GreaterOrEqual = comparison;
export const Less = comparison;
export const LessOrEqual = comparison;
export const Equal = comparison;
export const And = comparison;
export const Or = comparison;
