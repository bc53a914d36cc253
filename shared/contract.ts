// The whole boundary in one file: what a screen or the shell may ask of the engine, and what the engine announces.
// Each call takes one JSON object (validated here) and returns JSON. Bytes never travel here; they have URLs (shared/urls.ts).
import { z } from 'zod';
import {
  type FinetuneForecast,
  type FinetuneInfo,
  type FinetuneRun,
  finetuneParams,
  finetuneSettings,
  type ResolvedSettings,
  threadCount,
} from './finetune.ts';
import {
  type Crossing,
  METHOD_IDS,
  type Omission,
  type PointDetail,
  type Report,
  type ResultRow,
  type Shots,
  type SummaryRow,
} from './report.ts';

// ---------------------------------------------------------------- errors

export type ErrorCode =
  | 'bad-request' // the params do not fit, or name something that cannot be
  | 'not-found'
  | 'conflict' // it exists already, is in use, or is locked
  | 'offline' // the folder (a drive, a share) cannot be reached now
  | 'no-space'
  | 'unsupported'
  | 'cancelled'
  | 'network'
  | 'internal'
  | 'disconnected';

/** An error the user can act on: what, which, why and what to do. Anything else crosses as `internal` and is logged. */
export class LabError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
  }
}

// ---------------------------------------------------------------- datasets

export type Split = 'train' | 'val' | 'test';
export type ItemStatus = 'ok' | 'problem' | 'offline';
export type DatasetState = 'importing' | 'ready' | 'offline';

export type ClassCount = { name: string; train: number; val: number; test: number; unsplit: number };

export type Dataset = {
  id: number;
  name: string;
  /** Absolute path of the root folder. */
  path: string;
  state: DatasetState;
  /** Made by the lab at first start. */
  demo: boolean;
  /** Where classes come from: sub-folders, a CSV/JSON list, or nowhere yet. */
  labelSource: 'folders' | 'list' | 'none';
  splitSource: 'folders' | 'list' | 'stratified' | 'none';
  splitSeed: number;
  testFraction: number;
  /** Files found with an image's extension, whatever became of them. */
  files: number;
  /** Usable items: files minus problems. */
  items: number;
  labelled: number;
  classes: ClassCount[];
  problems: number;
  /** Files whose content is also elsewhere in the dataset. */
  duplicates: number;
  /** Test items whose content is in train or val: excluded from the test by default. */
  leaks: number;
  /** Contents that carry two labels. */
  conflicts: number;
  /** The full decode in the background: how many items were decoded, of how many. */
  verified: { done: number; total: number };
  createdAt: string;
};

export type Item = {
  id: number;
  /** Relative to the root, with forward slashes. */
  path: string;
  /** SHA-256 of the content, hex; '' when it could not be read. */
  hash: string;
  size: number;
  width: number;
  height: number;
  format: string;
  label: string | null;
  split: Split | null;
  status: ItemStatus;
  /** Why it is a problem, or null. */
  reason: string | null;
  /** Left out of the test because its content is in train or val. */
  leak: boolean;
};

export type Problem = { path: string; reason: string };
/** The same content at several places; labels and splits are listed with the paths. */
export type DuplicateGroup = {
  hash: string;
  items: { id: number; path: string; label: string | null; split: Split | null }[];
};

export type RescanResult = { added: number; changed: number; moved: number; deleted: number; unchanged: number };

const itemFilter = z.object({
  label: z.string().nullable().optional(), // null: items without a label
  split: z.enum(['train', 'val', 'test']).nullable().optional(),
  status: z.enum(['ok', 'problem', 'offline']).optional(),
  duplicates: z.boolean().optional(),
  leaks: z.boolean().optional(),
  text: z.string().optional(), // part of the path
});
export type ItemFilter = z.infer<typeof itemFilter>;

// ---------------------------------------------------------------- models

export type ModelSource = 'built-in' | 'bundled' | 'models-dir' | 'app' | 'catalog';

export type ModelInfo = {
  /** Folder name, or the catalog id; unique. */
  id: string;
  name: string;
  family: 'hog' | 'dual' | 'vision' | 'text';
  source: ModelSource;
  /** Folder on disk; null for built-in ones and those not downloaded. */
  path: string | null;
  /** True when it can run now. */
  installed: boolean;
  pretrained: boolean;
  hasText: boolean;
  /** Image features that can be chosen, best first, such as ['image_embeds', 'pooler_output']. */
  outputs: string[];
  dim: number | null;
  imageSize: number | null;
  /** Bytes on disk, or to download. */
  bytes: number;
  licence: string | null;
  repo: string | null;
  goodFor: string | null;
  /** What is wrong with the folder, naming the missing file; null when it is fine. */
  problem: string | null;
};

export type ProviderReport = {
  id: 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';
  available: boolean;
  reason: string | null;
};

/** What embedding a dataset will cost, measured on a few of its items. */
export type EmbedForecast = { items: number; cached: number; seconds: number; bytes: number; imagesPerSecond: number };

// ---------------------------------------------------------------- jobs

export const JOB_KINDS = ['import', 'rescan', 'verify', 'embed', 'compare', 'finetune', 'download'] as const;
export type JobKind = (typeof JOB_KINDS)[number];
export type JobStatus = 'queued' | 'running' | 'paused' | 'interrupted' | 'done' | 'failed' | 'cancelled';

export type Job = {
  id: number;
  kind: JobKind;
  /** What it works on, in words: "flowers12 with mobilenet-v2-imagenet". */
  title: string;
  params: unknown;
  status: JobStatus;
  done: number;
  total: number;
  /** What it does now. */
  note: string;
  /** Units a second, and seconds left by that rate; null while unknown. */
  rate: number | null;
  secondsLeft: number | null;
  /** Unit of done and total: "files", "images", "fits", "bytes". */
  unit: string;
  result: unknown;
  error: { code: ErrorCode; message: string } | null;
  /** True when `job.resume` goes on where it stopped. */
  resumable: boolean;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
};

export type Metric = { jobId: number; name: string; step: number; value: number };
export type LogLine = { at: string; level: 'info' | 'warn' | 'error'; text: string };

// ---------------------------------------------------------------- comparisons

const shots = z.union([z.number().int().min(1), z.literal('all')]);

export const compareParams = z.object({
  datasetId: z.number().int(),
  models: z.array(z.object({ id: z.string(), output: z.string().optional() })).min(1),
  /** Empty: every method that applies. */
  methods: z.array(z.enum(METHOD_IDS)).default([]),
  shots: z.array(shots).min(1).default([1, 2, 4, 8, 16]),
  seeds: z.number().int().min(1).max(100).default(5),
  /** With {} for the class name; empty: the default set. */
  templates: z.array(z.string()).default([]),
  /** Class -> the words used in captions; a class left out keeps its folder's name with _ and - as spaces. */
  classNames: z.record(z.string(), z.string()).default({}),
  /** Keep test items whose content is also in train or val. */
  keepLeaks: z.boolean().default(false),
  knnVote: z.enum(['similarity', 'majority']).default('similarity'),
  knnIndex: z.enum(['auto', 'exact', 'hnsw']).default('auto'),
  /** Settings of the methods that train the encoder, where they shall differ from each method's own. */
  training: finetuneSettings.default({}),
  device: z.string().optional(),
  threads: threadCount.optional(),
});
export type CompareParams = z.infer<typeof compareParams>;

export type ComparisonInfo = {
  id: number;
  jobId: number;
  datasetId: number;
  datasetName: string;
  models: string[];
  methods: string[];
  status: JobStatus;
  rows: number;
  expectedRows: number;
  createdAt: string;
};

/** A comparison while it fills in; `report` is there when it has ended. */
export type Comparison = ComparisonInfo & {
  results: ResultRow[];
  summary: SummaryRow[];
  crossings: Crossing[];
  omitted: Omission[];
  baselines: { chance: number; majority: number } | null;
  testItems: number;
  report: Report | null;
};

// ---------------------------------------------------------------- prompts

export type CaptionScore = {
  /** Over the chosen split's labelled items. */
  items: number;
  accuracy: number;
  perClass: Record<string, number>;
  /** Each template alone. */
  perTemplate: { template: string; accuracy: number }[];
  /** Chosen items with their class probabilities, aligned with `classes`. */
  chosen: { itemId: number; label: string | null; probabilities: number[] }[];
  classes: string[];
};

export type TemplateSelection = {
  templates: string[];
  steps: { template: string; trainAccuracy: number }[];
  trainAccuracy: number;
  items: number;
};
export type TemplateSet = { id: string; name: string; source: string; templates: string[] };

// ---------------------------------------------------------------- settings

const settings = {
  theme: z.enum(['system', 'light', 'dark']),
  device: z.string(),
  threads: threadCount,
  hubUrl: z.string(), // the Hub or a mirror of it
  hubToken: z.string(),
  proxy: z.string(),
  demoMade: z.boolean(), // the first start is behind us: no demo is made again
};
export const settingsShape = z.object({
  theme: settings.theme.default('system'),
  device: settings.device.default('auto'),
  threads: settings.threads.default(0),
  hubUrl: settings.hubUrl.default('https://huggingface.co'),
  hubToken: settings.hubToken.default(''),
  proxy: settings.proxy.default(''),
  demoMade: settings.demoMade.default(false),
});
export type Settings = z.infer<typeof settingsShape>;

export type AppInfo = {
  version: string;
  host: 'window' | 'server' | 'cli';
  dataDir: string;
  modelsDirs: string[];
  logFile: string;
  platform: string;
  node: string;
  onnxruntime: string | null;
  cpus: number;
  /** What the device "auto" came to here; null while nobody has tried. */
  autoDevice: string | null;
  /** Resident bytes of the engine now. */
  memory: number;
};
export type CacheInfo = { id: 'thumbnails' | 'features'; bytes: number; entries: number };
export type FolderListing = {
  path: string;
  parent: string | null;
  places: { name: string; path: string }[];
  entries: { name: string; path: string; folder: boolean; images: number | null }[];
};

// ---------------------------------------------------------------- the calls

const none = z.object({}).default({});
const byId = z.object({ id: z.number().int() });
const captions = z.object({
  datasetId: z.number().int(),
  model: z.string(),
  classNames: z.record(z.string(), z.string()).default({}),
  templates: z.array(z.string()).min(1),
  split: z.enum(['train', 'test', 'all']).default('test'),
});

/** Call name -> the shape of its params. */
export const calls = {
  'app.info': none,
  'app.doctor': none,
  'folder.list': z.object({ path: z.string().nullable().default(null), files: z.boolean().default(false) }),
  'settings.get': none,
  /** Without defaults, which would be set as well: what is not named stays as it is. */
  'settings.set': z.object(settings).partial(),
  'cache.list': none,
  'cache.clear': z.object({ id: z.enum(['thumbnails', 'features']) }),

  'dataset.list': none,
  'dataset.get': byId,
  /** `path`: a folder, or a CSV/JSON list of path,label[,split]. The job's params hold the new dataset's id. */
  'dataset.import': z.object({
    path: z.string().min(1),
    name: z.string().optional(),
    testFraction: z.number().gt(0).lt(1).default(0.2),
    splitSeed: z.number().int().min(0).default(0),
  }),
  'dataset.rename': z.object({ id: z.number().int(), name: z.string().min(1) }),
  'dataset.rescan': byId,
  'dataset.relink': z.object({ id: z.number().int(), path: z.string().min(1) }),
  'dataset.delete': byId,
  'dataset.items': z.object({
    id: z.number().int(),
    filter: itemFilter.default({}),
    offset: z.number().int().min(0).default(0),
    limit: z.number().int().min(1).max(1000).default(200),
  }),
  'dataset.item': z.object({ itemId: z.number().int() }),
  'dataset.problems': z.object({ id: z.number().int(), limit: z.number().int().min(1).max(10000).default(1000) }),
  'dataset.duplicates': z.object({
    id: z.number().int(),
    only: z.enum(['all', 'leaks', 'conflicts']).default('all'),
    limit: z.number().int().min(1).max(10000).default(500),
  }),
  'dataset.split': z.object({
    id: z.number().int(),
    mode: z.enum(['folders', 'stratified']),
    testFraction: z.number().gt(0).lt(1).optional(),
    seed: z.number().int().min(0).optional(),
  }),

  'model.list': none,
  'model.providers': none,
  /** A folder in the Hugging Face ONNX layout, or a zip of one. Copied into the app's models folder. */
  'model.add': z.object({ path: z.string().min(1) }),
  'model.download': z.object({ id: z.string() }),
  'model.remove': z.object({ id: z.string() }),
  /** One image: class probabilities over `labels` (zero-shot), or over the model's own classes. */
  'model.try': z.object({
    id: z.string(),
    itemId: z.number().int().optional(),
    path: z.string().optional(),
    labels: z.array(z.string()).default([]),
  }),
  'embed.forecast': z.object({ datasetId: z.number().int(), model: z.string(), output: z.string().optional() }),
  'embed.start': z.object({ datasetId: z.number().int(), model: z.string(), output: z.string().optional() }),
  search: z.object({
    datasetId: z.number().int(),
    model: z.string(),
    output: z.string().optional(),
    device: z.string().optional(),
    threads: threadCount.optional(),
    text: z.string().optional(),
    imagePath: z.string().optional(),
    k: z.number().int().min(1).max(1000).default(20),
  }),

  'compare.start': compareParams,
  'compare.list': none,
  'compare.get': byId,
  'compare.point': z.object({
    id: z.number().int(),
    method: z.enum(METHOD_IDS),
    model: z.string(),
    shots: z.union([shots, z.literal(0)]),
    seed: z.number().int().nullable(),
  }),
  'compare.delete': byId,

  'finetune.start': finetuneParams,
  'finetune.list': none,
  'finetune.get': byId,
  /** Every setting spelt out as the run would use it; at once. */
  'finetune.settings': finetuneParams,
  /** Runs a few steps to measure them: some seconds. */
  'finetune.forecast': finetuneParams,
  /** Ends a run after its step and keeps the best epoch; cancelling the job keeps nothing. */
  'finetune.stop': byId,
  /** Saves the weights at `alpha` between before (0) and after (1) as a model of its own. */
  'finetune.save': z.object({
    id: z.number().int(),
    alpha: z.number().min(0).max(1).default(1),
    name: z.string().min(1).max(100),
  }),
  'finetune.delete': byId,

  'prompt.sets': none,
  /** Throws `conflict` while the dataset's images are not all embedded with the model: run `embed.start` first. */
  'prompt.score': captions.extend({ chosen: z.array(z.number().int()).max(64).default([]) }),
  'prompt.select': captions.extend({ max: z.number().int().min(1).max(100).default(10) }),

  'job.list': z.object({ limit: z.number().int().min(1).max(1000).default(200) }).default({ limit: 200 }),
  'job.get': byId,
  'job.cancel': byId,
  'job.resume': byId,
  'job.delete': byId,
  'job.log': byId,
  'job.metrics': z.object({ id: z.number().int(), afterStep: z.number().int().default(-1) }),
} as const;

export type CallName = keyof typeof calls;
/** What a caller passes (defaults may be left out). */
export type Params<C extends CallName> = z.input<(typeof calls)[C]>;
/** What a handler gets, validated. */
export type Parsed<C extends CallName> = z.output<(typeof calls)[C]>;

export type Results = {
  'app.info': AppInfo;
  'app.doctor': { checks: { name: string; ok: boolean; detail: string }[] };
  'folder.list': FolderListing;
  'settings.get': Settings;
  'settings.set': Settings;
  'cache.list': CacheInfo[];
  'cache.clear': null;
  'dataset.list': Dataset[];
  'dataset.get': Dataset;
  'dataset.import': { datasetId: number; job: Job };
  'dataset.rename': Dataset;
  'dataset.rescan': Job;
  'dataset.relink': Job;
  'dataset.delete': null;
  'dataset.items': { total: number; items: Item[] };
  'dataset.item': Item & { datasetId: number };
  'dataset.problems': { total: number; problems: Problem[] };
  'dataset.duplicates': { total: number; groups: DuplicateGroup[] };
  'dataset.split': Dataset;
  'model.list': ModelInfo[];
  'model.providers': ProviderReport[];
  'model.add': ModelInfo;
  'model.download': Job;
  'model.remove': null;
  'model.try': { labels: string[]; probabilities: number[]; milliseconds: number };
  'embed.forecast': EmbedForecast;
  'embed.start': Job;
  search: { itemId: number; path: string; hash: string; label: string | null; similarity: number }[];
  'compare.start': { comparisonId: number; job: Job };
  'compare.list': ComparisonInfo[];
  'compare.get': Comparison;
  'compare.point': PointDetail;
  'compare.delete': null;
  'finetune.start': { finetuneId: number; job: Job };
  'finetune.list': FinetuneInfo[];
  'finetune.get': FinetuneRun;
  'finetune.settings': ResolvedSettings;
  'finetune.forecast': FinetuneForecast;
  'finetune.stop': Job;
  'finetune.save': ModelInfo;
  'finetune.delete': null;
  'prompt.sets': TemplateSet[];
  'prompt.score': CaptionScore;
  'prompt.select': TemplateSelection;
  'job.list': Job[];
  'job.get': Job;
  'job.cancel': Job;
  'job.resume': Job;
  'job.delete': null;
  'job.log': LogLine[];
  'job.metrics': Metric[];
};
export type Result<C extends CallName> = Results[C];

export type Handlers = { [C in CallName]: (params: Parsed<C>) => Result<C> | Promise<Result<C>> };

// ---------------------------------------------------------------- the events

export type Events = {
  'job.changed': Job;
  /** Taken off the list, and with a comparison's job its comparison. */
  'job.deleted': { id: number };
  'job.metrics': Metric[];
  /** A dataset was added, changed, deleted, or its counts moved. */
  'dataset.changed': { id: number };
  'model.changed': { id: string };
  'settings.changed': Settings;
  /** New rows of a running comparison; `compare.get` has them all. */
  'compare.changed': { id: number; results: ResultRow[]; shots: Shots[] };
  /** A run of fine-tuning began, finished an epoch, ended, was saved or deleted. */
  'finetune.changed': { id: number };
  /** Something the user should know that no call was waiting for, such as a device that fell back. */
  notice: { level: 'info' | 'warn' | 'error'; text: string };
};
export type EventName = keyof Events;
