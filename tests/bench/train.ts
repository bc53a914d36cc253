// What one step of fine-tuning costs: loss, gradients and AdamW on random pixels. Its last line is JSON.
// The same in PyTorch: tests/bench/train-reference.py, or --python PATH to run both in turn.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { channelsLast, readModelFolder } from '../../electron/engine/models/folder.ts';
import { normal } from '../../electron/engine/training/build-init.ts';
import { crossEntropy } from '../../electron/engine/training/losses.ts';
import { planTraining, type TrainedTensor, type TrainingPlan } from '../../electron/engine/training/plan.ts';
import { prepare } from '../../electron/engine/training/prepare.ts';
import { sizeOf } from '../../electron/engine/training/shape.ts';
import { createTrainer, type Feeds, type Trainer } from '../../electron/engine/training/trainer.ts';

export const usage =
  'train --model DIR --mode full|lora|last2 [--batch 16] [--steps 6] [--threads 2] [--device cpu] [--python PATH] [--rounds 3] [--json]';

type Speed = {
  /** Median over the steps: forward, backward and optimizer. */
  msPerImage: number;
  msForwardPerImage: number;
  /** The share of AdamW. */
  msOptimizerPerImage: number;
  peakRssMb: number;
  mode: string;
  batch: number;
  device: string;
};
type Settings = {
  model: string;
  mode: string;
  batch: number;
  steps: number;
  threads: number;
  device: string;
};

const CLASSES = 10;
const WARM_UP = 2;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      mode: { type: 'string', default: 'full' },
      batch: { type: 'string', default: '16' },
      steps: { type: 'string', default: '6' },
      threads: { type: 'string', default: '2' },
      device: { type: 'string', default: 'cpu' },
      python: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'boolean' },
    },
  });
  if (!values.model) throw new Error(`Usage: npm run bench -- ${usage}`);
  const settings: Settings = {
    model: path.resolve(values.model),
    mode: values.mode,
    batch: Number(values.batch),
    steps: Number(values.steps),
    threads: Number(values.threads),
    device: values.device,
  };
  const result = values.python
    ? inTurn(settings, values.python, Number(values.rounds))
    : await measure(settings, (line) => values.json || process.stderr.write(`${line}\n`));
  console.log(JSON.stringify(result));
}

async function measure(settings: Settings, tell: (line: string) => void): Promise<Speed> {
  const { batch, steps, device, mode } = settings;
  const { trainer, feeds } = await openRun(settings);
  const whole: number[] = [];
  const optimizer: number[] = [];
  for (let i = -WARM_UP; i < steps; i++) {
    const start = performance.now();
    const { loss, graphMs, optimizerMs } = await trainer.step([feeds], { lr: 1e-5 });
    if (i < 0) continue;
    whole.push(performance.now() - start);
    optimizer.push(optimizerMs);
    tell(
      `step ${i + 1}: loss ${loss.toFixed(4)}, ${graphMs.toFixed(0)} ms in the graph, ${optimizerMs.toFixed(0)} AdamW`,
    );
  }
  const peakRssMb = peak(); // validation's session is not part of a step
  const forward: number[] = [];
  for (let i = -1; i < steps; i++) {
    const start = performance.now();
    await trainer.forward(feeds);
    if (i >= 0) forward.push(performance.now() - start);
  }
  await trainer.close();
  return {
    msPerImage: median(whole) / batch,
    msForwardPerImage: median(forward) / batch,
    msOptimizerPerImage: median(optimizer) / batch,
    peakRssMb,
    mode,
    batch,
    device,
  };
}

/** In a function of its own, so that the model's file can be collected before the first step. */
async function openRun(settings: Settings): Promise<{ trainer: Trainer; feeds: Feeds }> {
  const plan = await planOf(settings);
  const { batch, threads, device } = settings;
  const trainer = await createTrainer(plan, {
    optimizer: { kind: 'adamw' },
    threads,
    device,
    average: 0,
    parts: 1,
    threadFile: new URL('../../electron/engine/workers/optimizer.ts', import.meta.url),
  });
  const pixels = plan.data.find((value) => value.name !== 'targets')!;
  const x = Float32Array.from({ length: sizeOf(pixels.shape) }, () => Math.random() * 2 - 1);
  const targets = Float32Array.from({ length: batch * CLASSES }, (_, i) =>
    i % CLASSES === Math.floor(i / CLASSES) % CLASSES ? 1 : 0,
  );
  return { trainer, feeds: { [pixels.name]: x, targets } };
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
const peak = () => Math.round(process.resourceUsage().maxRSS / 1024);

/** The model's graph with a linear head of ten classes, and what the mode trains of it. */
async function planOf({ model, batch, mode }: Settings): Promise<TrainingPlan> {
  const { vision } = readModelFolder(model);
  if (!vision) throw new Error(`${model} has no vision tower.`);
  const { height, width } = vision.preprocessing;
  const output = vision.outputs.find((found) => found.pool === 'row' && !found.inside);
  if (!output) throw new Error(`${model} gives no row of numbers for an image.`);
  const prepared = await prepare(vision.file, {
    inputs: {
      [vision.pixels.name]: channelsLast(vision.pixels) ? [batch, height, width, 3] : [batch, 3, height, width],
    },
    outputs: [output.tensor],
  });
  if (mode !== 'full') throw new Error(`There is no mode ${mode}.`);
  const { graph } = prepared;
  const feature = graph.outputs[0]!;
  const dim = feature.shape[1]!;
  const head = graph.input('head.weight', [dim, CLASSES]);
  const logits = graph.matmul(feature, head);
  const tensors: TrainedTensor[] = prepared.parameters.map(({ name, shape, data }) => ({
    name,
    shape,
    data,
    decay: shape.length > 1,
  }));
  tensors.push({ name: head.name, shape: head.shape, data: normal(dim * CLASSES, 0.02, 1, 0), decay: true });
  return planTraining(graph, tensors, [logits], (g) => crossEntropy(g, logits, g.input('targets', [batch, CLASSES])));
}

/** The lab and PyTorch in processes of their own, one after the other; medians over the rounds, ratios round by round. */
function inTurn(settings: Settings, python: string, rounds: number) {
  const { model, mode, batch, steps, threads, device } = settings;
  const options = { model, mode, batch, steps, threads };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const script = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const speedOf = (command: string, rest: string[]): Speed => {
    const out = execFileSync(command, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    return JSON.parse(out.trim().split('\n').at(-1)!) as Speed;
  };
  const lab: Speed[] = [];
  const reference: Speed[] = [];
  for (let round = 0; round < rounds; round++) {
    lab.push(speedOf(process.execPath, [script('run.ts'), 'train', ...args, '--device', device, '--json']));
    reference.push(speedOf(python, [script('train-reference.py'), ...args]));
  }
  const keys = ['msPerImage', 'msForwardPerImage', 'peakRssMb'] as const;
  const per = (value: (round: number) => (key: (typeof keys)[number]) => number) =>
    Object.fromEntries(keys.map((key) => [key, median(lab.map((_, round) => value(round)(key)))]));
  return {
    ...lab[0]!,
    ...per((round) => (key) => lab[round]![key]),
    python: per((round) => (key) => reference[round]![key]),
    ratio: per((round) => (key) => lab[round]![key] / reference[round]![key]),
  };
}
