// A program of its own: loss and every gradient of a small model, then steps of a trainer with micro-batches, clipping, a moving
// average and a state stored and read back, on the device of its argument. A driver that crashes takes only this process down.
// run-training.ts MODEL.onnx SIDE DEVICE; its last line is JSON.
import ort from 'onnxruntime-node';
import { crossEntropy } from '../../../electron/engine/training/losses.ts';
import { planTraining } from '../../../electron/engine/training/plan.ts';
import { prepare } from '../../../electron/engine/training/prepare.ts';
import { sizeOf } from '../../../electron/engine/training/shape.ts';
import { markTrainable } from '../../../electron/engine/training/trainable.ts';
import { createTrainer } from '../../../electron/engine/training/trainer.ts';
import { random } from './check-gradient.ts';

export type Numbers = Record<string, number[]>;
export type Result = {
  loss: number;
  gradients: Numbers;
  losses: number[];
  norms: number[];
  weights: Numbers;
  averages: Numbers;
};

const [file, side, device] = process.argv.slice(2) as [string, string, string];
const CLASSES = 5;
const STEPS = 3;
const next = random(11);
const draw = (n: number, scale: number) => Float32Array.from({ length: n }, () => (2 * next() - 1) * scale);

const shape = [4, 3, Number(side), Number(side)];
const prepared = await prepare(file, { inputs: { pixel_values: shape }, outputs: ['image_embeds'] });
const { graph, parameters } = markTrainable(prepared, { kind: 'full' });
const feature = graph.outputs[0]!;
const head = graph.input('head', [feature.shape[1]!, CLASSES]);
const logits = graph.matmul(feature, head);
const tensors = [...parameters, { name: head.name, shape: head.shape, data: draw(sizeOf(head.shape), 1), decay: true }];
const plan = planTraining(graph, tensors, [logits], (g) =>
  crossEntropy(g, logits, g.input('targets', [shape[0]!, CLASSES])),
);
const targets = Float32Array.from({ length: shape[0]! * CLASSES }, (_, i) =>
  i % CLASSES === Math.floor(i / CLASSES) ? 1 : 0,
);
const batches = [0, 1].map(() => ({ pixel_values: draw(sizeOf(shape), 1), targets }));
const numbers = (values: Iterable<readonly [string, ArrayLike<number>]>): Numbers =>
  Object.fromEntries([...values].map(([name, data]) => [name, Array.from(data)]));

async function once(): Promise<Pick<Result, 'loss' | 'gradients'>> {
  const session = await ort.InferenceSession.create(plan.training.bytes, {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    intraOpNumThreads: 1,
    enableMemPattern: false,
    logSeverityLevel: 3,
  });
  const weights = plan.tensors.map((t) => [t.name, new ort.Tensor('float32', t.data, t.shape)]);
  const out = await session.run({
    pixel_values: new ort.Tensor('float32', batches[0]!.pixel_values, shape),
    targets: new ort.Tensor('float32', targets, [shape[0]!, CLASSES]),
    ...Object.fromEntries(weights),
  });
  await session.release();
  const gradients = [...plan.gradients].map(([name, at]) => [name, out[at]!.data as Float32Array] as const);
  return { loss: Number(out[plan.loss]!.data[0]), gradients: numbers(gradients) };
}

async function steps(): Promise<Omit<Result, 'loss' | 'gradients'>> {
  const trainer = await createTrainer(plan, {
    optimizer: { kind: 'adamw' },
    threads: 1,
    device,
    average: 0.9,
    parts: batches.length,
    threadFile: new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url),
  });
  const losses: number[] = [];
  const norms: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    const { loss, norm } = await trainer.step(batches, { lr: 1e-3, clip: 0.5 });
    losses.push(loss);
    norms.push(norm);
    if (i === 0) await trainer.restore(await trainer.state()); // there and back
  }
  const weights = numbers(await trainer.tensors());
  const averages = numbers(await trainer.tensors('average'));
  await trainer.close();
  return { losses, norms, weights, averages };
}

const result: Result = { ...(await once()), ...(await steps()) };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
