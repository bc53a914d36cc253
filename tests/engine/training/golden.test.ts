// Every parameter's gradient of the golden models against PyTorch's.
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { joinGraph } from '../../../electron/engine/training/join.ts';
import { contrastive } from '../../../electron/engine/training/losses.ts';
import { planTraining } from '../../../electron/engine/training/plan.ts';
import { type Prepared, prepare } from '../../../electron/engine/training/prepare.ts';
import type { Tensors } from '../../../electron/engine/training/safetensors.ts';
import { createTrainer, type Feeds } from '../../../electron/engine/training/trainer.ts';
import {
  asGolden,
  classifierGolden,
  difference,
  goldenPath,
  gpt2Golden,
  lossAndGradients,
  outside,
  readArray,
  readGolden,
  readJson,
  readNames,
  tensorsOf,
  zeroParts,
} from './golden.ts';

const TOLERANCE = 1e-4;
type TrainJson = { losses: number[]; loss: number; analytically_zero_gradient?: string[] };

const CLASSIFIERS = [
  { model: 'tiny-clip', file: 'vision_model.onnx', output: 'image_embeds', names: 'onnx_names_vision.json' },
  { model: 'tiny-resnet', file: 'model.onnx', output: 'logits', names: 'onnx_names.json' },
];

describe.each(CLASSIFIERS)('$model/$file', ({ model, file, output, names: namesFile }) => {
  const golden = `${model}/golden`;
  const missing = !goldenPath(`${golden}/train_grads.safetensors`);
  test.skipIf(missing)(`gradients of a linear head's cross-entropy (needs fixtures/${golden})`, async () => {
    const { plan, feeds, names } = await classifierGolden(model, file, output, () =>
      readNames(`${golden}/${namesFile}`),
    );
    const json = readJson<TrainJson>(`${golden}/train.json`);
    const { loss, gradients } = await lossAndGradients(plan, feeds);
    expect(loss).toBeCloseTo(json.losses[0]!, 5);
    const skipped = new Set(json.analytically_zero_gradient);
    const expected = [...readGolden(`${golden}/train_grads.safetensors`)].filter(([name]) => !skipped.has(name));
    expect(expected.length + skipped.size).toBe(plan.tensors.length);
    for (const [name, { data }] of expected)
      expect(difference(asGolden(name, names, gradients, plan), data as Float32Array), name).toBeLessThan(TOLERANCE);
  });
});

type Folded = { name: string; conv: string; norm: string; scale: Float32Array };
/** Which convolution with its batch norm each folded weight is, by value: w·γ/√(variance + ε) for each output channel. */
function foldedWeights(parameters: Prepared['parameters'], state: Tensors): Folded[] {
  const of = (name: string) => state.get(name)!.data as Float32Array;
  return [...state.keys()].flatMap((conv) => {
    const norm = conv.replace(/conv(\d)\.weight$/, 'bn$1').replace('downsample.0.weight', 'downsample.1');
    if (norm === conv || !state.has(`${norm}.weight`)) return [];
    const scale = of(`${norm}.weight`).map((w, i) => w / Math.sqrt(of(`${norm}.running_var`)[i]! + 1e-5));
    const w = of(conv).map((v, i, all) => v * scale[Math.floor((i * scale.length) / all.length)]!);
    const there = parameters.find(({ data }) => data.length === w.length && difference(data, w) < 1e-5);
    return [{ name: there!.name, conv, norm, scale }];
  });
}

describe('tiny-resnet/model_folded.onnx', () => {
  const missing = !goldenPath('tiny-resnet/golden/state_dict.safetensors');
  test.skipIf(missing)('gradients of convolutions with batch norm folded in (needs fixtures/tiny-resnet)', async () => {
    const state = readGolden('tiny-resnet/golden/state_dict.safetensors');
    const { plan, prepared, feeds } = await classifierGolden(
      'tiny-resnet',
      'model_folded.onnx',
      'logits',
      () => new Map(),
    );
    const { gradients } = await lossAndGradients(plan, feeds);
    const expected = readGolden('tiny-resnet/golden/train_grads.safetensors');
    const of = (name: string) => expected.get(name)!.data as Float32Array;
    const folded = foldedWeights(prepared.parameters, state);
    expect(folded).toHaveLength(9);
    for (const { name, conv, norm, scale } of folded) {
      // dL/dw = dL/d(folded w) · scale, and the folded bias moves as the norm's own
      const got = gradients.get(name)!.map((v, i, all) => v * scale[Math.floor((i * scale.length) / all.length)]!);
      expect(difference(got, of(conv)), conv).toBeLessThan(TOLERANCE);
      const bias = prepared.graph.nodes.find((n) => n.op === 'Conv' && n.inputs[1]?.name === name)!.inputs[2]!.name;
      expect(difference(gradients.get(bias)!, of(`${norm}.bias`)), norm).toBeLessThan(TOLERANCE);
    }
    for (const name of ['fc.weight', 'fc.bias', 'head.weight', 'head.bias'])
      expect(difference(gradients.get(name)!, of(name)), name).toBeLessThan(TOLERANCE);
  });
});

const ints = (values: readonly number[], shape: number[]) =>
  new ort.Tensor('int64', BigInt64Array.from(values, BigInt), shape);

describe('tiny-gpt2', () => {
  const golden = 'tiny-gpt2/golden';
  const file = goldenPath('tiny-gpt2/onnx/model.onnx');
  test.skipIf(!file)('gradients of next-token cross-entropy, embedding tied (needs fixtures/tiny-gpt2)', async () => {
    const { json, plan, names, feeds, rowsOf } = await gpt2Golden();
    const { loss, gradients } = await lossAndGradients(plan, feeds);
    expect(loss).toBeCloseTo(json.losses[0]!, 4);
    const zero = zeroParts(json.analytically_zero_gradient ?? []);
    const wte = asGolden('transformer.wte.weight', names, gradients, plan);
    expect(wte.reduce((sum, v) => sum + v * v, 0) ** 0.5).toBeCloseTo(json.wte_summary.grads.l2, 5);
    for (const [name, { data }] of readGolden(`${golden}/train_grads.safetensors`)) {
      const got = rowsOf(name, gradients);
      const part = zero.get(name) ?? [0, 0];
      expect(difference(outside(got, part), outside(data as Float32Array, part)), name).toBeLessThan(TOLERANCE);
    }
  });
});

type Infonce = TrainJson & {
  logit_scale: number;
  logit_scale_grad: number;
  logit_scale_after_step: number;
  loss_after_step: number;
  token_embedding_rows: number[];
};

/** Both towers of tiny-clip and the scale, against PyTorch's run; `rowsOf`: a stored tensor's own out of values by the plan's names. */
async function infonceGolden() {
  const golden = 'tiny-clip/golden';
  const json = readJson<Infonce>(`${golden}/infonce.json`);
  const vision = await prepare(goldenPath('tiny-clip/onnx/vision_model.onnx')!, {
    inputs: { pixel_values: [8, 3, 64, 64] },
    outputs: ['image_embeds'],
  });
  const text = await prepare(goldenPath('tiny-clip/onnx/text_model.onnx')!, {
    inputs: { input_ids: [8, 77], attention_mask: [8, 77] },
    outputs: ['text_embeds'],
  });
  const g = vision.graph;
  const inText = joinGraph(g, text.graph, 'text/');
  const scale = { name: 'logit_scale', shape: [], data: Float32Array.of(json.logit_scale), decay: true };
  const textTensors = tensorsOf(text).map((t) => ({ ...t, name: `text/${t.name}` }));
  const embeds = [g.outputs[0]!, inText(text.graph.outputs[0]!)] as const;
  const plan = planTraining(g, [...tensorsOf(vision), ...textTensors, scale], embeds, () =>
    contrastive(g, ...embeds, g.input('logit_scale', [])),
  );
  const rows = (name: string, n: number) =>
    Array.from((readArray(`${golden}/${name}`).data as Int32Array).subarray(0, n));
  const pixels = readArray(`${golden}/pixel_values.npy`).data as Float32Array;
  const feeds = {
    pixel_values: new ort.Tensor('float32', pixels.slice(0, 8 * 3 * 64 * 64), [8, 3, 64, 64]),
    'text/input_ids': ints(rows('input_ids_77.npy', 8 * 77), [8, 77]),
    'text/attention_mask': ints(rows('attention_mask_77.npy', 8 * 77), [8, 77]),
  };
  const names = new Map([
    ...readNames(`${golden}/onnx_names_vision.json`),
    ...readNames(`${golden}/onnx_names_text.json`, 'text/'),
  ]);
  const skipped = new Set(json.analytically_zero_gradient);
  const stored = (what: 'grads' | 'step1') =>
    [...readGolden(`${golden}/infonce_${what}.safetensors`)].filter(([name]) => !skipped.has(name));
  const rowsOf = (name: string, values: ReadonlyMap<string, Float32Array>): Float32Array => {
    const whole = name.replace('[rows]', '');
    const all = asGolden(whole, names, values, plan);
    if (name === whole) return all;
    return Float32Array.from(json.token_embedding_rows.flatMap((row) => [...all.subarray(32 * row, 32 * row + 32)]));
  };
  return { json, plan, feeds, stored, rowsOf };
}

describe('tiny-clip, both towers', () => {
  const missing = !goldenPath('tiny-clip/golden/infonce_grads.safetensors');
  test.skipIf(missing)('gradients of the contrastive loss (needs fixtures/tiny-clip/golden)', async () => {
    const { json, plan, feeds, stored, rowsOf } = await infonceGolden();
    const { loss, gradients } = await lossAndGradients(plan, feeds);
    expect(loss).toBeCloseTo(json.loss, 4);
    expect(gradients.get('logit_scale')![0]! / json.logit_scale_grad).toBeCloseTo(1, 4);
    for (const [name, { data }] of stored('grads'))
      expect(difference(rowsOf(name, gradients), data as Float32Array), name).toBeLessThan(TOLERANCE);
  });

  test.skipIf(missing)('a step of AdamW on it (needs fixtures/tiny-clip/golden)', async () => {
    const { json, plan, feeds, stored, rowsOf } = await infonceGolden();
    const trainer = await createTrainer(plan, {
      optimizer: { kind: 'adamw', weightDecay: 0.01 },
      threads: 1,
      device: 'cpu',
      average: 0,
      parts: 1,
      threadFile: new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url),
    });
    const batch = Object.fromEntries(Object.entries(feeds).map(([name, { data }]) => [name, data])) as Feeds;
    await trainer.step([batch], { lr: 1e-3 });
    const now = await trainer.tensors();
    expect(now.get('logit_scale')![0]).toBeCloseTo(json.logit_scale_after_step, 5);
    for (const [name, { data }] of stored('step1')) {
      const got = rowsOf(name, now);
      const worst = got.reduce((most, v, i) => Math.max(most, Math.abs(v - Number(data[i]!))), 0);
      expect(worst, name).toBeLessThan(TOLERANCE);
    }
    const { loss } = await trainer.step([batch], { lr: 1e-3 });
    expect(Math.abs(loss - json.loss_after_step)).toBeLessThan(1e-3);
    await trainer.close();
  });
});
