// Files as torch.onnx.export writes them (tests/fixtures/training/make.py), through the whole pipeline, against PyTorch's gradients.
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { planTraining } from '../../../electron/engine/training/plan.ts';
import { prepare } from '../../../electron/engine/training/prepare.ts';
import { readSafetensors } from '../../../electron/engine/training/safetensors.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { difference, type Feeds, lossAndGradients, tensorsOf } from './golden.ts';

const FILES = [
  { name: 'mixed', what: 'opset 20, external data, Einsum, indices, reductions' },
  { name: 'image', what: 'opset 11, convolutions, pooling, padding, resizing, normalisations' },
];

describe.each(FILES)('$name ($what)', ({ name }) => {
  test("every parameter's gradient is PyTorch's", async () => {
    const { tensors } = readSafetensors(fixturePath(`training/${name}/golden.safetensors`));
    const given = (prefix: string) =>
      [...tensors].filter(([n]) => n.startsWith(prefix)).map(([n, t]) => [n.slice(prefix.length), t] as const);
    const seed = tensors.get('seed')!;
    const prepared = await prepare(fixturePath(`training/${name}/model.onnx`), {
      inputs: Object.fromEntries(given('input.').map(([n, { shape }]) => [n, shape])),
    });
    const y = prepared.graph.outputs[0]!;
    const plan = planTraining(prepared.graph, tensorsOf(prepared), [y], (g) => {
      const weights = g.constant(seed.data, seed.shape);
      const all = [...y.shape.keys()];
      return { value: g.reshape(g.sum(g.mul(y, weights), all, false), []), seeds: new Map([[y.name, weights]]) };
    });
    const feeds: Feeds = Object.fromEntries(
      given('input.').map(([n, { shape, data }]) => [
        n,
        data instanceof BigInt64Array
          ? new ort.Tensor('int64', data, shape)
          : new ort.Tensor('float32', data as Float32Array, shape),
      ]),
    );
    const { gradients } = await lossAndGradients(plan, feeds);
    const expected = given('grad.');
    expect([...gradients.keys()].sort()).toEqual(expected.map(([n]) => n).sort());
    for (const [n, { data }] of expected)
      expect(difference(gradients.get(n)!, data as Float32Array), n).toBeLessThan(1e-5);
  });
});
