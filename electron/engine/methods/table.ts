// Every method the lab has, in the order of charts and tables.
import type { MethodId } from '../../../shared/report.ts';
import { discriminant } from './discriminant.ts';
import { knn } from './knn.ts';
import { linearProbe } from './linear-probe.ts';
import type { Method } from './method.ts';
import { nearestMean } from './nearest-mean.ts';
import { zeroShot } from './zero-shot.ts';

export const METHODS: Record<MethodId, Method> = {
  'zero-shot': zeroShot,
  'nearest-mean': nearestMean,
  knn,
  'linear-probe': linearProbe,
  discriminant,
};
