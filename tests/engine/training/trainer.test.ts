// Whole runs against PyTorch's: the losses of 20 AdamW steps, and the parameters after the first and the fifth.
import { describe, expect, test } from 'vitest';
import { createTrainer, type Feeds, type Trainer } from '../../../electron/engine/training/trainer.ts';
import {
  asGolden,
  classifierGolden,
  type Golden,
  goldenPath,
  gpt2Golden,
  outside,
  readGolden,
  readJson,
  readNames,
  zeroParts,
} from './golden.ts';

const threadFile = new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url);
const OPTIONS = { threads: 2, device: 'cpu', average: 0, parts: 1, threadFile };
const ADAMW = { kind: 'adamw', weightDecay: 0.01 } as const;
const LR = 1e-3;
const PARAMETER_TOLERANCE = 1e-4;
const LOSS_TOLERANCE = 1e-3;

const MODELS = [
  { model: 'tiny-clip', file: 'vision_model.onnx', output: 'image_embeds', names: 'onnx_names_vision.json' },
  { model: 'tiny-resnet', file: 'model.onnx', output: 'logits', names: 'onnx_names.json' },
];
type Train = { losses: number[]; loss_after_20_steps: number; analytically_zero_gradient?: string[] };

const feedsOf = ({ feeds }: Golden): Feeds =>
  Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, tensor.data as Float32Array]));

describe.each(MODELS)('$model', ({ model, file, output, names: namesFile }) => {
  const folder = `${model}/golden`;
  const missing = !goldenPath(`${folder}/train_step5.safetensors`);
  const load = () => classifierGolden(model, file, output, () => readNames(`${folder}/${namesFile}`));

  test.skipIf(missing).each([
    { where: 'in shared memory', onDevice: false },
    { where: 'as a graph', onDevice: true },
  ])(`20 steps of AdamW $where (needs fixtures/${folder}/train_step5.safetensors)`, async ({ onDevice }) => {
    const golden = await load();
    const { plan, names } = golden;
    const json = readJson<Train>(`${folder}/train.json`);
    const skipped = new Set(json.analytically_zero_gradient);
    const trainer = await createTrainer(plan, { ...OPTIONS, optimizer: ADAMW, onDevice });
    const batch = feedsOf(golden);
    for (const [i, expected] of json.losses.entries()) {
      const { loss } = await trainer.step([batch], { lr: LR });
      expect(Math.abs(loss - expected)).toBeLessThan(LOSS_TOLERANCE);
      if (i !== 0 && i !== 4) continue;
      const now = await trainer.tensors();
      for (const [name, { data }] of readGolden(`${folder}/train_step${i + 1}.safetensors`)) {
        if (skipped.has(name)) continue;
        const worst = asGolden(name, names, now, plan).reduce(
          (most, v, j) => Math.max(most, Math.abs(v - Number(data[j]!))),
          0,
        );
        expect(worst, `${name} after step ${i + 1}`).toBeLessThan(PARAMETER_TOLERANCE);
      }
    }
    await trainer.close();
  });

  test.skipIf(missing)(`goes on from a stored state to the same bits (needs fixtures/${folder})`, async () => {
    const golden = await load();
    const batch = feedsOf(golden);
    const open = () => createTrainer(golden.plan, { ...OPTIONS, average: 0.9, optimizer: ADAMW });
    const steps = async (trainer: Trainer, n: number) => {
      for (let i = 0; i < n; i++) await trainer.step([batch], { lr: LR, clip: 1 });
    };
    const whole = await open();
    await steps(whole, 6);
    const first = await open();
    await steps(first, 3);
    const { step, arrays } = await first.state();
    const stored = {
      step,
      arrays: Object.fromEntries(
        Object.entries(arrays).map(([array, values]) => [
          array,
          new Map([...values!].map(([name, data]) => [name, data.slice()])),
        ]),
      ),
    };
    await first.close();
    const second = await open();
    await second.restore(stored);
    await steps(second, 3);
    for (const array of ['weights', 'average'] as const)
      expect(await second.tensors(array), array).toEqual(await whole.tensors(array));
    await whole.close();
    await second.close();
  });

  test.skipIf(missing)(`micro-batches add up to the batch (needs fixtures/${folder})`, async () => {
    const golden = await load();
    const batch = feedsOf(golden);
    const one = await createTrainer(golden.plan, { ...OPTIONS, optimizer: ADAMW });
    await one.step([batch], { lr: LR });
    // the same images twice: the mean of their gradients is the gradient
    const two = await createTrainer(golden.plan, { ...OPTIONS, parts: 2, optimizer: ADAMW });
    await two.step([batch, batch], { lr: LR });
    const others = await two.tensors();
    for (const [name, data] of await one.tensors()) {
      const other = others.get(name)!;
      expect(data.every((v, i) => Math.abs(v - other[i]!) < 1e-6)).toBe(true);
    }
    await one.close();
    await two.close();
  });
});

test.skipIf(!goldenPath('tiny-gpt2/golden/train_step5.safetensors'))(
  'tiny-gpt2: 20 steps of AdamW (needs fixtures/tiny-gpt2/golden/train_step5.safetensors)',
  async () => {
    const { json, plan, feeds, rowsOf } = await gpt2Golden();
    const zero = zeroParts(json.analytically_zero_gradient ?? []);
    const trainer = await createTrainer(plan, { ...OPTIONS, optimizer: ADAMW });
    const batch = Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => [name, tensor.data as Float32Array]),
    );
    for (const [i, expected] of json.losses.entries()) {
      const { loss } = await trainer.step([batch], { lr: LR });
      expect(Math.abs(loss - expected)).toBeLessThan(LOSS_TOLERANCE);
      if (i !== 0 && i !== 4) continue;
      const now = await trainer.tensors();
      for (const [name, { data }] of readGolden(`tiny-gpt2/golden/train_step${i + 1}.safetensors`)) {
        const part = zero.get(name) ?? [0, 0];
        const [got, wanted] = [rowsOf(name, now), data as Float32Array].map((all) => outside(all, part));
        const worst = got!.reduce((most, v, j) => Math.max(most, Math.abs(v - wanted![j]!)), 0);
        expect(worst, `${name} after step ${i + 1}`).toBeLessThan(PARAMETER_TOLERANCE);
      }
    }
    await trainer.close();
  },
);

test('a loss that is no number ends the run in words', async () => {
  if (!goldenPath('tiny-clip/golden/train_init.safetensors')) return;
  const golden = await classifierGolden('tiny-clip', 'vision_model.onnx', 'image_embeds', () => new Map());
  const trainer = await createTrainer(golden.plan, { ...OPTIONS, optimizer: ADAMW });
  const batch = { ...feedsOf(golden), targets: new Float32Array(32).fill(Number.NaN) };
  await expect(trainer.step([batch], { lr: LR })).rejects.toThrow(/learning rate/);
  await trainer.close();
});

test('a state of other tensors is refused, and changes nothing', async () => {
  if (!goldenPath('tiny-clip/golden/train_init.safetensors')) return;
  const golden = await classifierGolden('tiny-clip', 'vision_model.onnx', 'image_embeds', () => new Map());
  const trainer = await createTrainer(golden.plan, { ...OPTIONS, optimizer: ADAMW });
  await trainer.step([feedsOf(golden)], { lr: LR });
  const copy = async () => new Map([...(await trainer.tensors())].map(([name, data]) => [name, data.slice()] as const));
  const before = await copy();
  const other = new Map([...before].map(([name, data]) => [name, new Float32Array(data.length)] as const));
  const { arrays } = await trainer.state();
  const last = [...other.keys()].at(-1)!;
  other.set(last, other.get(last)!.slice(1));
  await expect(trainer.restore({ step: 9, arrays: { ...arrays, weights: other } })).rejects.toThrow(last);
  expect(await copy()).toEqual(before);
  expect(trainer.steps()).toBe(1);
  await trainer.close();
});
