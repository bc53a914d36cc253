// What one step of fine-tuning costs: loss, gradients and AdamW on random pixels. Its last line is JSON.
// The same in PyTorch: tests/bench/train-reference.py, or --python PATH to run both in turn (--fused: its fused AdamW).
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { channelsLast, readModelFolder } from '../../electron/engine/models/folder.ts';
import { normal } from '../../electron/engine/training/build-init.ts';
import { crossEntropy } from '../../electron/engine/training/losses.ts';
import { giveBack, planTraining, type TrainedTensor, type TrainingPlan } from '../../electron/engine/training/plan.ts';
import { prepare } from '../../electron/engine/training/prepare.ts';
import { sizeOf } from '../../electron/engine/training/shape.ts';
import { type Mode, markTrainable } from '../../electron/engine/training/trainable.ts';
import { createTrainer, type Feeds, type Trainer } from '../../electron/engine/training/trainer.ts';

export const usage =
  'train --model DIR --mode full|lora|last2 [--batch 16] [--steps 6] [--threads 2] [--device cpu] [--recompute] [--python PATH [--fused]] [--json]';

type Speed = {
  /** Median over the steps: forward, backward and optimizer. */
  msPerImage: number;
  msForwardPerImage: number;
  /** The share of AdamW. */
  msOptimizerPerImage: number;
  /** On images seen before, unaugmented: what frozen blocks made of them is kept. The same where nothing is frozen. */
  msPerImageAgain: number;
  /** Of all threads, the step's: with --threads 1 what counts on a machine that does other work. */
  cpuMsPerImage: number;
  peakRssMb: number;
  mode: string;
  batch: number;
  device: string;
  /** Seconds, one by one. */
  steps: number[];
  forwards: number[];
};
type Settings = {
  model: string;
  mode: string;
  batch: number;
  steps: number;
  threads: number;
  device: string;
  recompute: boolean;
};

const CLASSES = 10;
const WARM_UP = 2;
const MODES: Record<string, Mode> = {
  full: { kind: 'full' },
  lora: { kind: 'lora', rank: 2, alpha: 1, targets: ['q', 'k', 'v'] },
  last2: { kind: 'last', blocks: 2 },
};

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
      fused: { type: 'boolean' },
      recompute: { type: 'boolean', default: false },
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
    recompute: values.recompute,
  };
  const tell = (line: string) => void (values.json || process.stderr.write(`${line}\n`));
  const result = values.python
    ? await inTurn(settings, values.python, values.fused ?? false, tell)
    : await measure(settings, tell, async () => {});
  console.log(JSON.stringify(result));
}

/** Called before every step and every forward pass, for whoever takes turns with the lab. */
type Turn = () => Promise<void>;

async function measure(settings: Settings, tell: (line: string) => void, turn: Turn): Promise<Speed> {
  const { batch, steps, device, mode } = settings;
  const { trainer, feeds } = await openRun(settings);
  const whole: number[] = [];
  const optimizer: number[] = [];
  const cpu: number[] = [];
  for (let i = -WARM_UP; i < steps; i++) {
    await turn();
    const start = performance.now();
    const before = process.cpuUsage();
    const { loss, graphMs, optimizerMs } = await trainer.step([feeds], { lr: 1e-5 });
    if (i < 0) continue;
    whole.push(performance.now() - start);
    optimizer.push(optimizerMs);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1000);
    tell(
      `step ${i + 1}: loss ${loss.toFixed(4)}, ${graphMs.toFixed(0)} ms in the graph, ${optimizerMs.toFixed(0)} AdamW`,
    );
  }
  const again: number[] = [];
  const kept = trainer.prefix && { ...feeds, ...(await trainer.prefix(feeds)) };
  for (let i = 0; kept && i < steps; i++) {
    const start = performance.now();
    await trainer.step([kept], { lr: 1e-5 });
    again.push(performance.now() - start);
  }
  const peakRssMb = peak(); // validation's session is not part of a step
  const forward: number[] = [];
  for (let i = -1; i < steps; i++) {
    await turn();
    const start = performance.now();
    await trainer.forward(feeds);
    if (i >= 0) forward.push(performance.now() - start);
  }
  await trainer.close();
  return {
    msPerImage: median(whole) / batch,
    msForwardPerImage: median(forward) / batch,
    msOptimizerPerImage: median(optimizer) / batch,
    msPerImageAgain: median(kept ? again : whole) / batch,
    cpuMsPerImage: median(cpu) / batch,
    peakRssMb,
    mode,
    batch,
    device,
    steps: whole.map((ms) => ms / 1000),
    forwards: forward.map((ms) => ms / 1000),
  };
}

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
  giveBack(plan, []);
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
async function planOf({ model, batch, mode, recompute }: Settings): Promise<TrainingPlan> {
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
  const chosen = MODES[mode];
  if (!chosen) throw new Error(`There is no mode ${mode}: full, lora or last2.`);
  const { graph, parameters } = markTrainable(prepared, chosen);
  const feature = graph.outputs[0]!;
  const dim = feature.shape[1]!;
  const head = graph.input('head.weight', [dim, CLASSES]);
  const logits = graph.matmul(feature, head);
  const tensors: TrainedTensor[] = [...parameters];
  tensors.push({ name: head.name, shape: head.shape, data: normal(dim * CLASSES, 0.02, 1, 0), decay: true });
  return planTraining(
    graph,
    tensors,
    [logits],
    (g) => crossEntropy(g, logits, g.input('targets', [batch, CLASSES])),
    { recompute, packed: Number.POSITIVE_INFINITY }, // as the lab does with frozen weights up to a sixteenth of the memory
  );
}

/**
 * The lab and PyTorch step by step in turn, so that both meet the same machine: ratios are medians over pairs of steps that
 * follow each other.
 */
async function inTurn(settings: Settings, python: string, fused: boolean, tell: (line: string) => void) {
  const { model, mode, batch, steps, threads } = settings;
  const options = Object.entries({ model, mode, batch, steps, threads }).flatMap(([k, v]) => [`--${k}`, String(v)]);
  const script = fileURLToPath(new URL('train-reference.py', import.meta.url));
  const child = spawn(python, [script, ...options, '--paced', ...(fused ? ['--fused'] : [])], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('The PyTorch side ended before its time; its error is above.');
    return value as string;
  };
  let line = await next(); // it is ready for its first step
  const turn = async () => {
    child.stdin.write('\n');
    line = await next(); // its step is done
  };
  const lab = await measure(settings, tell, turn).finally(() => child.stdin.end()); // else it waits for ever where we fail
  const reference = JSON.parse(line) as Speed;
  const ratios = (key: 'steps' | 'forwards') => median(lab[key].map((ms, i) => ms / reference[key][i]!));
  return {
    ...lab,
    python: reference,
    ratio: {
      msPerImage: ratios('steps'),
      msForwardPerImage: ratios('forwards'),
      cpuMsPerImage: lab.cpuMsPerImage / reference.cpuMsPerImage,
      peakRssMb: lab.peakRssMb / reference.peakRssMb,
    },
  };
}
