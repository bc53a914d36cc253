// Low-rank adapters: where they go, their gradients, and that merging them changes no output.
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../electron/engine/training/graph.ts';
import { fillNoise, mergeLora } from '../../../electron/engine/training/lora.ts';
import type { Prepared } from '../../../electron/engine/training/prepare.ts';
import { markTrainable, type Trainable } from '../../../electron/engine/training/trainable.ts';
import {
  difference,
  drawn,
  gradientErrors,
  type Numbers,
  prepareFixture,
  prepareVision,
  runGraph,
  tooLarge,
  withGradients,
} from './adapt.ts';

const pixels = { pixel_values: drawn([2, 3, 64, 64], 1) };
const text = { input_ids: [2, 6], attention_mask: [2, 6] };
const ids = {
  input_ids: BigInt64Array.from([5, 9, 12, 3, 7, 2, 8, 1, 30, 4, 11, 2].map(BigInt)),
  attention_mask: new BigInt64Array(12).fill(1n),
};

/** The adapters' tensors with B no longer zero, as after some training. */
const trained = ({ parameters }: Trainable): Record<string, Float32Array> =>
  Object.fromEntries(
    parameters.map((p, i) => [p.name, /lora_B$/.test(p.name) ? drawn(p.shape, 100 + i).map((v) => v * 0.3) : p.data]),
  );

const outputOf = async (g: Graph, feeds: Numbers) => (await runGraph(g, feeds))[g.outputs[0]!.name]!;

const cases: [string, () => Promise<Prepared>, Numbers, string[], number][] = [
  ['CLIP vision, q k v', prepareVision, pixels, ['q', 'k', 'v'], 6],
  ['CLIP vision, all', prepareVision, pixels, ['all'], 12],
  ['CLIP text, v o', () => prepareFixture('tiny-clip/onnx/text_model.onnx', text, ['text_embeds']), ids, ['v', 'o'], 4],
  [
    'BERT, q mlp',
    () => prepareFixture('tiny-bert/onnx/model.onnx', { ...text, token_type_ids: [2, 6] }),
    { ...ids, token_type_ids: new BigInt64Array(12) },
    ['q', 'mlp'],
    6,
  ],
  [
    'ResNet, all',
    () => prepareFixture('tiny-resnet/onnx/model_folded.onnx', { pixel_values: [2, 3, 64, 64] }, ['logits']),
    pixels,
    ['all'],
    8,
  ],
];

describe.each(cases)('%s', (_name, load, feeds, targets, count) => {
  const mode = { kind: 'lora', rank: 3, alpha: 6, targets } as const;

  test('starts as the frozen model; merged weights give what the adapters give', async () => {
    const whole = await load();
    const weights = Object.fromEntries(whole.parameters.map((p) => [p.name, p.data]));
    const lora = markTrainable(await load(), mode);
    expect(lora.adapters).toHaveLength(count);
    expect(lora.parameters).toHaveLength(2 * count);
    const before = await outputOf(whole.graph, { ...feeds, ...weights });
    const first = Object.fromEntries(lora.parameters.map((p) => [p.name, p.data]));
    expect(difference(await outputOf(lora.graph, { ...feeds, ...first }), before)).toBeLessThan(1e-6);
    const values = trained(lora);
    const adapted = await outputOf(lora.graph, { ...feeds, ...values });
    expect(difference(adapted, before)).toBeGreaterThan(1e-2);
    const merged = Object.fromEntries(mergeLora(lora.adapters, new Map(Object.entries(values))));
    expect(difference(await outputOf(whole.graph, { ...feeds, ...weights, ...merged }), adapted)).toBeLessThan(1e-5);
  });
});

describe('gradients', () => {
  test.each(['layers.0', 'layers.1'])('against finite differences in a CLIP tower, %s', async (layer) => {
    const lora = markTrainable(await prepareVision(), { kind: 'lora', rank: 2, alpha: 1, targets: ['all'] });
    const block = layer === 'layers.0' ? 0 : 1;
    const marks = withGradients(
      lora.graph,
      lora.graph.outputs[0]!,
      lora.parameters.map((p) => p.name),
    );
    const feeds = { ...pixels, ...trained(lora) };
    const own = lora.parameters.filter((p) => p.block === block);
    expect(own).toHaveLength(12);
    const errors = await gradientErrors(
      lora.graph,
      marks,
      feeds,
      own.map((p) => p.name),
      2e-2,
    );
    expect(tooLarge(errors, 2e-2)).toEqual([]);
  });

  test('of convolution adapters', async () => {
    const prepared = await prepareFixture('tiny-resnet/onnx/model_folded.onnx', { pixel_values: [2, 3, 64, 64] }, [
      'logits',
    ]);
    const lora = markTrainable(prepared, { kind: 'lora', rank: 2, alpha: 1, targets: ['all'] });
    const marks = withGradients(
      lora.graph,
      lora.graph.outputs[0]!,
      lora.parameters.map((p) => p.name),
    );
    const feeds = { ...pixels, ...trained(lora) };
    const names = lora.parameters.map((p) => p.name).slice(-4);
    expect(tooLarge(await gradientErrors(lora.graph, marks, feeds, names, 1e-2), 3e-2)).toEqual([]);
  });
});

describe('dropout', () => {
  test('one stretch of noise for query, key and value; nothing dropped is the model without it', async () => {
    const settings = { kind: 'lora', rank: 2, alpha: 1, targets: ['q', 'k', 'v'] } as const;
    const plain = markTrainable(await prepareVision(), settings);
    const lora = markTrainable(await prepareVision(), { ...settings, dropout: 0.25 });
    expect(lora.noise).toMatchObject({ name: 'lora.noise', rate: 0.25, length: 2 * 17 * 64 + 4099 });
    expect(lora.graph.nodes.filter((n) => n.op === 'Slice' && n.inputs[0]!.name === 'lora.noise')).toHaveLength(2);
    const noise = new Float32Array(lora.noise!.length);
    const run = (seed: number, step: number | null) => {
      fillNoise(lora.noise!, noise, seed, step);
      return outputOf(lora.graph, { ...pixels, ...trained(lora), 'lora.noise': noise });
    };
    const whole = await outputOf(plain.graph, { ...pixels, ...trained(plain) });
    expect(difference(await run(0, null), whole)).toBeLessThan(1e-6);
    expect(difference(await run(0, 3), whole)).toBeGreaterThan(1e-4);
    expect(await run(0, 3)).toEqual(await run(0, 3));
    expect(await run(0, 4)).not.toEqual(await run(0, 3));
    fillNoise(lora.noise!, noise, 1, 1);
    expect(noise.reduce((sum, v) => sum + v, 0) / noise.length).toBeCloseTo(1, 1);
    expect(new Set(noise)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
  });
});

test('query, key and value read what feeds them in one product', async () => {
  const { graph, blocks } = markTrainable(await prepareVision(), {
    kind: 'lora',
    rank: 3,
    alpha: 6,
    targets: ['q', 'k', 'v'],
  });
  const together = graph.nodes.filter((n) => n.op === 'Concat' && n.inputs.every((x) => /lora_A$/.test(x!.name)));
  expect(together.map((node) => node.inputs.length)).toEqual(new Array(blocks.count).fill(3));
});
