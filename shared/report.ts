// The result of one comparison: what report.json holds, what the chart draws. Fractions, never percent (DESIGN.md 5).

import { TRAINED_METHOD_IDS } from './finetune.ts';

/** Labelled training images per class, or every one outside the validation reserve. Zero-shot rows have 0. */
export type Shots = number | 'all';

/** Methods on frozen features. */
export const FEATURE_METHOD_IDS = [
  'zero-shot',
  'nearest-mean',
  'knn',
  'linear-probe',
  'discriminant',
  'zs-probe',
  'clap',
] as const;
export type FeatureMethodId = (typeof FEATURE_METHOD_IDS)[number];
export const METHOD_IDS = [...FEATURE_METHOD_IDS, ...TRAINED_METHOD_IDS] as const;
export type MethodId = (typeof METHOD_IDS)[number];

export type Metrics = {
  /** Top-1 over the test items. */
  accuracy: number;
  macroF1: number;
  /** Mean nats per item, probabilities clipped at 1e-15. */
  logLoss: number;
  /** Expected calibration error, 15 equal bins (lo, hi]. */
  ece: number;
  /** Mean over items of the summed squared error over classes. */
  brier: number;
  /** Recall of each class; a class without a test item is absent. */
  perClass: Record<string, number>;
};

/** One fit: a method on a backbone at a shot count under a seed. Zero-shot has shots 0 and seed null. */
export type ResultRow = Metrics & {
  method: MethodId;
  model: string;
  shots: Shots;
  seed: number | null;
  /** The hyper-parameter sweep and the final fit, milliseconds, without embedding. */
  fitMs: number;
  /** What validation chose, such as { C: 1 } or { k: 8 }; empty when there was nothing to choose. */
  choice: Record<string, number>;
  /** Validation items used per class at most; 0 when the method looked at none. */
  validation: number;
};

export type SummaryRow = {
  method: MethodId;
  model: string;
  shots: Shots;
  seeds: number;
  mean: number;
  /** n-1 in the denominator; null for one seed. */
  sd: number | null;
  /** Half-width of the 95 % interval by Student's t over seeds; null for one seed. */
  ci95: number | null;
  macroF1: number;
  logLoss: number;
  ece: number;
  brier: number;
  fitMs: number;
};

/** `shots`: the first measured shot count at which the mean of `method` exceeds that of `over`; maybe the very first. */
export type Crossing = { method: MethodId; over: MethodId; model: string; shots: Shots };

/** Mean over the common seeds of accuracy(method) - accuracy(over), at one shot count. */
export type PairedDifference = {
  method: MethodId;
  over: MethodId;
  model: string;
  shots: Shots;
  seeds: number;
  mean: number;
  ci95: number | null;
};

export type Omission = { method?: MethodId; model?: string; shots?: Shots; seed?: number; reason: string };

export type ReportModel = {
  id: string;
  name: string;
  /** Dimensions of the feature. */
  dim: number;
  /** Which output is the feature, such as image_embeds or pooler_output. */
  output: string;
  pretrained: boolean;
  licence: string | null;
  hash: string;
  device: string;
  /** Milliseconds spent embedding in this run, and how many items that was (the rest came from the cache). */
  embedMs: number;
  embedded: number;
};

export type Report = {
  version: 1;
  id: string;
  createdAt: string;
  dataset: { name: string; path: string; items: number };
  classes: string[];
  /** Items used, by split and in all; `excluded` counts the list below. */
  counts: {
    train: number;
    val: number;
    test: number;
    unlabelled: number;
    excluded: number;
    perClass: Record<string, { train: number; val: number; test: number }>;
  };
  excluded: { path: string; reason: string }[];
  /** The backbone's id; several are joined with ", ". */
  model: string;
  models: ReportModel[];
  environment: {
    lab: string;
    node: string;
    platform: string;
    cpu: string;
    onnxruntime: string | null;
    threads: number;
  };
  protocol: {
    shots: Shots[];
    seeds: number;
    methods: MethodId[];
    templates: string[];
    classNames: Record<string, string>;
    validation: string;
    splitSource: string;
  };
  results: ResultRow[];
  summary: SummaryRow[];
  crossings: Crossing[];
  paired: PairedDifference[];
  /** Accuracy of guessing: 1/classes, and always saying the commonest training class. */
  baselines: { chance: number; majority: number };
  /** Rows that were asked for and are not there, each with its reason. */
  omitted: Omission[];
  /** True when every row asked for is there. */
  complete: boolean;
};

/** One dot of the chart opened up: who was confused with whom, how sure it was, and what went wrong. */
export type PointDetail = {
  row: ResultRow;
  classes: string[];
  /** [true][predicted] counts. */
  confusion: number[][];
  /** 15 bins of (lo, hi]: how many items, their mean confidence and their accuracy. */
  reliability: { lo: number; hi: number; count: number; confidence: number; accuracy: number }[];
  right: number;
  total: number;
  /** Most confident first. */
  wrong: { itemId: number; hash: string; path: string; label: string; predicted: string; p: number }[];
};
