// The op table: an op is supported exactly when a file here exports its ONNX name.
import type { OpRule } from '../rule.ts';
import * as activations from './activations.ts';
import * as convolution from './convolution.ts';
import * as einsum from './einsum.ts';
import * as elementwise from './elementwise.ts';
import { QuickGelu } from './fused.ts';
import * as indexing from './indexing.ts';
import * as logic from './logic.ts';
import * as matmul from './matmul.ts';
import * as movement from './movement.ts';
import * as normalise from './normalise.ts';
import * as pooling from './pooling.ts';
import * as reduce from './reduce.ts';
import * as spatial from './spatial.ts';

/** Only the exports that are rules: a family may export helpers too, in lower case. */
const rulesOf = (family: Record<string, unknown>): Record<string, OpRule> =>
  Object.fromEntries(Object.entries(family).filter(([name]) => /^[A-Z]/.test(name))) as Record<string, OpRule>;

export const ops: Readonly<Record<string, OpRule>> = {
  ...rulesOf(activations),
  ...rulesOf(convolution),
  ...rulesOf(einsum),
  ...rulesOf(elementwise),
  'com.microsoft.QuickGelu': QuickGelu,
  ...rulesOf(indexing),
  ...rulesOf(logic),
  ...rulesOf(matmul),
  ...rulesOf(movement),
  ...rulesOf(normalise),
  ...rulesOf(pooling),
  ...rulesOf(reduce),
  ...rulesOf(spatial),
};
