// Values worked out again give the gradients that kept ones give, and fewer are kept.
import { expect, test } from 'vitest';
import { crossEntropy } from '../../../electron/engine/training/losses.ts';
import { planTraining } from '../../../electron/engine/training/plan.ts';
import type { Prepared } from '../../../electron/engine/training/prepare.ts';
import { type Mode, markTrainable } from '../../../electron/engine/training/trainable.ts';
import { createTrainer } from '../../../electron/engine/training/trainer.ts';
import { drawn, prepareFixture, VISION } from './adapt.ts';

const threadFile = new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url);
const lora = { kind: 'lora', rank: 2, alpha: 1, targets: ['all'], dropout: 0.25 } as const;
const BATCH = 4;
const shape = { pixel_values: [BATCH, 3, 64, 64] };
const vision = () => prepareFixture(VISION, shape, ['image_embeds']);
const resnet = () => prepareFixture('tiny-resnet/onnx/model.onnx', shape, ['logits']);

test.each<[string, () => Promise<Prepared>, Mode, number]>([
  ['a ViT', vision, { kind: 'full' }, 0.8],
  ['a ViT with adapters and dropout', vision, lora, 0.8],
  ['a ResNet', resnet, { kind: 'full' }, 0.8],
])('%s', async (_name, load, mode, part) => {
  const seen: { losses: number[]; bytes: number }[] = [];
  for (const recompute of [false, true]) {
    const { graph, parameters, noise } = markTrainable(await load(), mode);
    const feature = graph.outputs[0]!;
    const head = graph.input('head', [feature.shape[1]!, 2]);
    const logits = graph.matmul(feature, head);
    const tensors = [...parameters, { name: 'head', shape: head.shape, data: drawn(head.shape, 3), decay: true }];
    const loss = (g: typeof graph) => crossEntropy(g, logits, g.input('targets', [BATCH, 2]));
    const plan = planTraining(graph, tensors, [logits], loss, { noises: noise ? [noise.name] : [], recompute });
    const trainer = await createTrainer(plan, {
      optimizer: { kind: 'adamw' },
      threads: 1,
      device: 'cpu',
      average: 0,
      parts: 1,
      threadFile,
    });
    const feeds = {
      pixel_values: drawn(shape.pixel_values, 1),
      targets: Float32Array.of(1, 0, 0, 1, 1, 0, 0, 1),
      ...(noise ? { [noise.name]: new Float32Array(noise.length).map((_, i) => (i % 4 === 0 ? 0 : 4 / 3)) } : {}),
    };
    const losses: number[] = [];
    for (let i = 0; i < 4; i++) losses.push((await trainer.step([feeds], { lr: 1e-3 })).loss);
    seen.push({ losses, bytes: plan.activationBytes });
    await trainer.close();
  }
  const [kept, again] = seen;
  for (const [i, loss] of again!.losses.entries()) expect(Math.abs(loss - kept!.losses[i]!)).toBeLessThan(1e-5);
  expect(kept!.losses[3]).toBeLessThan(kept!.losses[0]!);
  expect(again!.bytes).toBeLessThan(part * kept!.bytes);
});
