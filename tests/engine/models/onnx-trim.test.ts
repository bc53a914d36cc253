// A model cut to one output: what else it computed is gone, what that output takes stays and gives the same numbers.
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { onlyOutput, withOutput } from '../../../electron/engine/models/onnx-trim.ts';
import { decodeModel, encodeModel } from '../../../electron/engine/training/onnx/proto.ts';
import { fixturePath } from '../../helpers/shared.ts';

const model = readFileSync(fixturePath('tiny-resnet/onnx/model.onnx'));
const pixels = () =>
  new ort.Tensor(
    'float32',
    Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => Math.sin(i)),
    [1, 3, 64, 64],
  );

async function outputs(bytes: Uint8Array): Promise<Record<string, number[]>> {
  const session = await ort.InferenceSession.create(bytes);
  const results = await session.run({ [session.inputNames[0]!]: pixels() });
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
  );
}

test('the features without the classifier are the same, and the classifier is gone', async () => {
  const [whole, features] = [await outputs(model), onlyOutput(model, 'pooler_output')];
  expect(Object.keys(whole)).toEqual(['logits', 'pooler_output']);
  expect(await outputs(features)).toEqual({ pooler_output: whole.pooler_output });
  expect([Buffer.from(model).includes('logits'), Buffer.from(features).includes('logits')]).toEqual([true, false]);
});

test('the last output keeps all that it takes', async () => {
  const whole = await outputs(model);
  expect(await outputs(onlyOutput(model, 'logits'))).toEqual({ logits: whole.logits });
});

test('nodes may stand before those they read, as half-precision converters write them', async () => {
  const reversed = decodeModel(model);
  reversed.graph.node.reverse();
  const { pooler_output } = await outputs(model);
  expect(await outputs(onlyOutput(encodeModel(reversed), 'pooler_output'))).toEqual({ pooler_output });
});

describe('a tensor inside the graph', () => {
  const inside = '/avgpool/GlobalAveragePool_output_0';

  test('becomes an output beside the others', async () => {
    const whole = await outputs(model);
    expect(await outputs(withOutput(model, inside))).toEqual({ ...whole, [inside]: whole.pooler_output });
  });

  test('or the only one', async () => {
    expect(await outputs(onlyOutput(model, inside))).toEqual({ [inside]: (await outputs(model)).pooler_output });
  });
});
