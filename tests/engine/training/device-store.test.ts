// Weights that stay on the device and are updated by a graph there: the same steps as in shared memory. Here on the CPU;
// webgpu.test.ts runs them on WebGPU.
import { describe, expect, test } from 'vitest';
import { createGraph } from '../../../electron/engine/training/graph.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import type { OptimizerSettings } from '../../../electron/engine/training/optimizer.ts';
import { planTraining, type TrainedTensor } from '../../../electron/engine/training/plan.ts';
import { createTrainer, type Trainer, type TrainerState } from '../../../electron/engine/training/trainer.ts';
import { random } from './check-gradient.ts';

const threadFile = new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url);
const MOST = 0.3;
const LR = 0.05;
const next = random(3);
const draw = (n: number) => Float32Array.from({ length: n }, () => 2 * next() - 1);

/** The mean square of (x w1 + b) w2 · s - y: tensors of every kind that the optimizer tells apart. */
function planOf() {
  const g = createGraph(ops);
  const x = g.input('x', [6, 5]);
  const [w1, b, w2] = [g.input('w1', [5, 4]), g.input('b', [4]), g.input('w2', [4, 3])];
  const s = g.input('s', []);
  const frozen = g.constant(draw(3 * 2000), [3, 2000], 'float32', 'frozen'); // large enough to be fed
  const y = g.mul(g.matmul(g.matmul(g.add(g.matmul(x, w1), b), w2), frozen), s);
  const tensors: TrainedTensor[] = [
    { name: 'w1', shape: w1.shape, data: draw(20), decay: true, rate: 0.5 },
    { name: 'b', shape: b.shape, data: Float32Array.of(-0.5, 0, 0.5, 1), decay: false, most: MOST },
    { name: 'w2', shape: w2.shape, data: draw(12), decay: true },
    { name: 's', shape: [], data: Float32Array.of(0.3), decay: false },
  ];
  return planTraining(g, tensors, [y], (graph) => {
    const wrong = graph.sub(y, graph.input('y', y.shape));
    const value = graph.mean(graph.mul(wrong, wrong), [0, 1], false);
    return { value, seeds: new Map([[value.name, graph.scalar(1)]]) };
  });
}

const batches = Array.from({ length: 8 }, () => ({ x: draw(30), y: draw(6 * 2000) }));
const plan = planOf();
const open = (onDevice: boolean, optimizer: OptimizerSettings, parts: number) =>
  createTrainer(plan, { optimizer, threads: 1, device: 'cpu', average: 0.9, parts, threadFile, onDevice });

async function steps(trainer: Trainer, from: number, to: number, parts: number, clip?: number) {
  const norms: number[] = [];
  for (let i = from; i < to; i++) {
    const now = Array.from({ length: parts }, (_, part) => batches[(i * parts + part) % batches.length]!);
    norms.push((await trainer.step(now, { lr: LR, ...(clip === undefined ? {} : { clip }) })).norm);
  }
  return norms;
}

const copied = ({ step, arrays }: TrainerState): TrainerState => ({
  step,
  arrays: Object.fromEntries(
    Object.entries(arrays).map(([array, values]) => [
      array,
      new Map([...values].map(([name, data]) => [name, data.slice()])),
    ]),
  ),
});

function expectAlike(one: TrainerState, other: TrainerState) {
  expect(one.step).toBe(other.step);
  expect(Object.keys(one.arrays)).toEqual(Object.keys(other.arrays));
  for (const [array, values] of Object.entries(one.arrays))
    for (const [name, data] of values) {
      const there = other.arrays[array as 'weights']!.get(name)!;
      const worst = data.reduce((most, v, i) => Math.max(most, Math.abs(v - there[i]!)), 0);
      expect(worst, `${array} of ${name}`).toBeLessThan(1e-6);
    }
}

const SETTINGS: OptimizerSettings[] = [
  { kind: 'adamw', weightDecay: 0.1 },
  { kind: 'sgd', momentum: 0.9, weightDecay: 0.1 },
];
describe.each(SETTINGS)('$kind as a graph', (optimizer) => {
  test.each([
    { name: 'plain', parts: 1 },
    { name: 'clipped', parts: 1, clip: 0.01 },
    { name: 'three micro-batches, clipped', parts: 3, clip: 0.01 },
  ])('gives the weights, moments and averages of the passes over memory: $name', async ({ parts, clip }) => {
    const [host, device] = [await open(false, optimizer, parts), await open(true, optimizer, parts)];
    const [wanted, got] = [await steps(host, 0, 5, parts, clip), await steps(device, 0, 5, parts, clip)];
    for (const [i, norm] of wanted.entries()) expect(got[i]).toBeCloseTo(norm, 5);
    expect(wanted.every((norm) => (clip === undefined ? norm === 0 : norm > clip))).toBe(true);
    const state = await host.state();
    expectAlike(await device.state(), state);
    await host.close();
    await device.close();
  });
});

test.each([false, true])('numbers above a tensor’s most are cut off (on the device: %s)', async (onDevice) => {
  const trainer = await open(onDevice, SETTINGS[0]!, 1);
  await steps(trainer, 0, 1, 1);
  const bias = (await trainer.tensors('weights', ['b'])).get('b')!;
  expect(bias[0]).toBeLessThan(MOST);
  expect([...bias.slice(2)]).toEqual([Math.fround(MOST), Math.fround(MOST)]);
  await trainer.close();
});

test('a state stored by one goes on in the other', async () => {
  const optimizer = SETTINGS[0]!;
  const [host, device] = [await open(false, optimizer, 1), await open(true, optimizer, 1)];
  await steps(host, 0, 2, 1);
  const stored = copied(await host.state());
  await device.restore(stored);
  await steps(host, 2, 5, 1);
  await steps(device, 2, 5, 1);
  expectAlike(await device.state(), await host.state());
  await host.restore(copied(await device.state()));
  expectAlike(await device.state(), await host.state());
  await host.close();
  await device.close();
});

test('weights that are put in place are what the next forward pass takes; averages beside them', async () => {
  const device = await open(true, SETTINGS[0]!, 1);
  await steps(device, 0, 2, 1);
  const { x } = batches[0]!;
  const average = await device.forward({ x }, 'average');
  await device.replace(new Map([...(await device.tensors('average'))].map(([name, data]) => [name, data.slice()])));
  expect(await device.forward({ x })).toEqual(average);
  await device.close();
});
