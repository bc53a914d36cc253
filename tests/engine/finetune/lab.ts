// A whole engine with the tiny models for tests of training, and small folders of patterned images to train on.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { createEngine, type RunningEngine } from '../../../electron/engine/engine.ts';
import type { Job, Parsed } from '../../../shared/contract.ts';
import type { FinetuneForecast, FinetuneParams, FinetuneReport } from '../../../shared/finetune.ts';
import { randomOf } from '../../../shared/protocol.ts';
import { fixturePath } from '../../helpers/shared.ts';

/** Colours and stripes near enough to each other that a model with random weights makes mistakes before it has learnt them. */
const LOOKS = {
  amber: { colour: [165, 125, 85], stripe: 0 },
  blue: { colour: [95, 115, 165], stripe: 0 },
  checked: { colour: [100, 95, 95], stripe: 8 },
  grey: { colour: [128, 128, 128], stripe: 0 },
} as const;
export const LOOK_NAMES = Object.keys(LOOKS) as (keyof typeof LOOKS)[];

/** `each` PNGs of 64 px in FOLDER/NAME for each class, every one different; `from` numbers them. */
export async function paint(
  folder: string,
  each: number,
  {
    classes = LOOK_NAMES,
    names = classes,
    from = 0,
  }: { classes?: readonly (keyof typeof LOOKS)[]; names?: readonly string[]; from?: number } = {},
): Promise<void> {
  for (const [c, name] of classes.entries()) {
    const own = path.join(folder, names[c]!);
    mkdirSync(own, { recursive: true });
    for (let i = from; i < from + each; i++)
      await sharp(pixels(name, randomOf(i, 100 + c)), { raw: { width: 64, height: 64, channels: 3 } })
        .png()
        .toFile(path.join(own, `${i}.png`));
  }
}

function pixels(name: keyof typeof LOOKS, random: () => number): Buffer {
  const { colour, stripe } = LOOKS[name];
  const out = Buffer.alloc(64 * 64 * 3);
  const shift = Math.floor(random() * 16);
  const light = [0, 1, 2].map(() => 40 * (random() - 0.5));
  for (let p = 0; p < 64 * 64; p++) {
    const on = stripe > 0 && Math.floor(((p % 64) + shift) / stripe) % 2 === 0 ? 90 : 0;
    for (let ch = 0; ch < 3; ch++)
      out[3 * p + ch] = Math.max(0, Math.min(255, Math.round(colour[ch]! + on + light[ch]! + 80 * (random() - 0.5))));
  }
  return out;
}

/** What is not named is that of a small run. */
type Asked = Partial<FinetuneParams> & { datasetId: number };

export type TrainLab = {
  dir: string;
  running: RunningEngine;
  at(...names: string[]): string;
  dataset(name: string): Promise<number>;
  /** Starts a run; `ended` resolves with the job as it then stands. */
  start(params: Asked): Promise<{ id: number; ended: Promise<Job> }>;
  /** Runs to the end and returns the report. Throws what the job failed with. */
  report(params: Asked): Promise<FinetuneReport>;
  forecast(params: Asked): Promise<FinetuneForecast>;
  close(): Promise<void>;
};

export const SMALL: FinetuneParams['settings'] = { epochs: 2, batch: 8, lr: 1e-3 };

/** `dir`: an earlier lab's, to go on with its data. */
export async function openLab({
  dir = mkdtempSync(path.join(tmpdir(), 'lab-finetune-')),
  modelsDirs = [fixturePath('')],
}: {
  dir?: string;
  modelsDirs?: string[];
} = {}): Promise<TrainLab> {
  const running = await createEngine({ host: 'cli', dataDir: path.join(dir, 'data'), modelsDirs });
  const { handlers, engine } = running;
  await handlers['settings.set']({ device: 'cpu', threads: 1, demoMade: true });
  const at = (...names: string[]) => path.join(dir, ...names);
  const whole = (params: Asked): Parsed<'finetune.start'> => ({
    model: { id: 'tiny-clip' },
    method: 'fine-tune',
    shots: 4,
    seed: 0,
    settings: SMALL,
    templates: [],
    classNames: {},
    control: null,
    keepLeaks: false,
    threads: 1,
    ...params,
  });
  const start: TrainLab['start'] = async (params) => {
    const { finetuneId, job } = await handlers['finetune.start'](whole(params));
    return { id: finetuneId, ended: engine.jobs.ended(job.id) };
  };
  return {
    dir,
    running,
    at,
    async dataset(name) {
      const { datasetId, job } = await handlers['dataset.import']({ path: at(name), testFraction: 0.4, splitSeed: 0 });
      await engine.jobs.ended(job.id);
      return datasetId;
    },
    start,
    async report(params) {
      const { id, ended } = await start(params);
      const job = await ended;
      if (job.status !== 'done') throw new Error(`${job.status}: ${job.error?.message}`);
      return (await handlers['finetune.get']({ id })).report!;
    },
    forecast: async (params) => handlers['finetune.forecast'](whole(params)),
    async close() {
      await running.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** What must be the same whenever a run is repeated: everything but time, memory and the run's own id. */
export function numbersOf({
  epochs,
  best,
  ended,
  test,
  before,
  control,
  wise,
  counts,
  head,
  settings,
}: FinetuneReport) {
  return {
    epochs: epochs.map(({ imagesPerSecond: _, ...row }) => row),
    best,
    ended,
    test,
    before,
    control,
    wise,
    counts,
    head,
    settings,
  };
}
