// What the frozen blocks make of images is kept by content, and a step with it is the step without.
import { expect, test } from 'vitest';
import { crossEntropy } from '../../../electron/engine/training/losses.ts';
import { planTraining } from '../../../electron/engine/training/plan.ts';
import { createPrefixCache } from '../../../electron/engine/training/prefix-cache.ts';
import { markTrainable } from '../../../electron/engine/training/trainable.ts';
import { createTrainer, type Trainer } from '../../../electron/engine/training/trainer.ts';
import { drawn, prepareVision } from './adapt.ts';

const threadFile = new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url);
const pixels = drawn([2, 3, 64, 64], 1);
const targets = Float32Array.of(1, 0, 0, 1);

async function openTrainer(): Promise<Trainer> {
  const { graph, parameters } = markTrainable(await prepareVision(), { kind: 'last', blocks: 1 });
  const feature = graph.outputs[0]!;
  const head = graph.input('head', [32, 2]);
  const logits = graph.matmul(feature, head);
  const tensors = [...parameters, { name: 'head', shape: head.shape, data: drawn(head.shape, 3), decay: true }];
  const plan = planTraining(graph, tensors, [logits], (g) => crossEntropy(g, logits, g.input('targets', [2, 2])));
  expect(plan.data.map((value) => value.name)).toEqual(['pixel_values', 'targets']);
  return createTrainer(plan, {
    optimizer: { kind: 'adamw' },
    threads: 2,
    device: 'cpu',
    average: 0,
    parts: 1,
    threadFile,
  });
}

test('the same losses and logits, bit for bit, with the images in another order and without their pixels', async () => {
  const losses: number[][] = [];
  const logits: Float32Array[] = [];
  for (const keeps of [false, true]) {
    const trainer = await openTrainer();
    const cache = createPrefixCache(trainer, 'pixel_values');
    let runs = 0;
    const { prefix } = trainer;
    trainer.prefix = (feeds) => {
      runs++;
      return prefix!(feeds);
    };
    const kept: boolean[] = [];
    const feedsOf = async (keys: string[], images: Float32Array) => {
      if (!keeps) return { pixel_values: images };
      const found = await cache.feeds({ pixel_values: images }, keys);
      kept.push(found.kept);
      return found.feeds;
    };
    const turned = Float32Array.from([...pixels.subarray(pixels.length / 2), ...pixels.subarray(0, pixels.length / 2)]);
    const seen: number[] = [];
    for (const [keys, images] of [
      [['a', 'b'], pixels],
      [['b', 'a'], keeps ? new Float32Array(pixels.length) : turned],
      [['a', 'b'], keeps ? new Float32Array(pixels.length) : pixels],
    ] as const)
      seen.push((await trainer.step([{ ...(await feedsOf([...keys], images)), targets }], { lr: 1e-3 })).loss);
    losses.push(seen);
    logits.push(Object.values(await trainer.forward(await feedsOf(['a', 'b'], pixels)))[0]!.slice());
    // once, and once more in another order to see that rows follow their images
    if (keeps) expect({ runs, kept }).toEqual({ runs: 2, kept: [true, true, true, true] });
    await trainer.close();
  }
  expect(losses[1]).toEqual(losses[0]);
  expect(logits[1]).toEqual(logits[0]);
});

test('a row without a key is not kept, a batch of none is left to the trainer', async () => {
  let runs = 0;
  const prefix = async ({ x }: Record<string, unknown>) => {
    runs++;
    return { y: (x as Float32Array).map((v) => 2 * v) };
  };
  const cache = createPrefixCache({ prefix } as unknown as Trainer, 'x');
  expect(await cache.feeds({ x: Float32Array.of(1, 2) }, [null, null])).toEqual({
    feeds: { x: Float32Array.of(1, 2) },
    kept: false,
  });
  await cache.feeds({ x: Float32Array.of(1, 2) }, ['a', null]);
  expect(runs).toBe(2);
  expect((await cache.feeds({ x: Float32Array.of(9, 9) }, ['a', null])).feeds.y).toEqual(Float32Array.of(2, 0));
  expect((await cache.feeds({ x: Float32Array.of(7, 3) }, ['a', 'b'])).feeds.y).toEqual(Float32Array.of(14, 6));
  expect(runs).toBe(3);
});

test('nothing is kept of a prefix that mixes images, or puts another axis first', async () => {
  const prefix = async ({ x }: Record<string, unknown>) => ({ y: (x as Float32Array).toReversed() });
  const cache = createPrefixCache({ prefix } as unknown as Trainer, 'x');
  for (let i = 0; i < 2; i++)
    expect(await cache.feeds({ x: Float32Array.of(1, 2, 5) }, ['a', 'b', 'c'])).toMatchObject({
      feeds: { y: Float32Array.of(5, 2, 1) },
      kept: false,
    });
});
