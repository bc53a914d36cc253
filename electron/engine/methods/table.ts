// Every method on frozen features; those that train the encoder are in engine/finetune/recipes.ts.
import type { FeatureMethodId } from '../../../shared/report.ts';
import { clap } from './clap.ts';
import { discriminant } from './discriminant.ts';
import { knn } from './knn.ts';
import { linearProbe } from './linear-probe.ts';
import type { Method } from './method.ts';
import { nearestMean } from './nearest-mean.ts';
import { zeroShot } from './zero-shot.ts';
import { zsProbe } from './zs-probe.ts';

export const METHODS: Record<FeatureMethodId, Method> = {
  'zero-shot': zeroShot,
  'nearest-mean': nearestMean,
  knn,
  'linear-probe': linearProbe,
  discriminant,
  'zs-probe': zsProbe,
  clap,
};
