// Which block each parameter belongs to: in exports with names, with some, and with none.
import { describe, expect, test } from 'vitest';
import { type Block, blocksOf } from '../../../electron/engine/training/blocks.ts';
import { flowOfPrepared } from '../../../electron/engine/training/blocks-flow.ts';
import { blocksByStructure } from '../../../electron/engine/training/blocks-structure.ts';
import { createGraph, type Value } from '../../../electron/engine/training/graph.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { type Prepared, prepare } from '../../../electron/engine/training/prepare.ts';
import { sharedPath } from '../../helpers/shared.ts';
import { prepareFixture, prepareVision } from './adapt.ts';

const members = (of: ReadonlyMap<string, Block>, block: Block) =>
  [...of].filter(([, b]) => b === block).map(([n]) => n);
const image = { pixel_values: [2, 3, 64, 64] };
const text = { input_ids: [2, 8], attention_mask: [2, 8] };
const bert = { ...text, token_type_ids: [2, 8] };

/** Residuals of one convolution each, its node as given, its weight named by a number or by `kept`; then an attention over the places. */
function residuals(nodes: readonly string[], kept: Readonly<Record<string, string>> = {}): Prepared {
  const g = createGraph(ops);
  const parameters: Prepared['parameters'] = [];
  const weight = (shape: number[], op: string, node: string) => {
    const name = kept[node] ?? `onnx::${op}_${parameters.length}`;
    const uses = [{ op, node, input: 1, index: g.nodes.length }];
    parameters.push({ name, shape, data: new Float32Array(shape.reduce((a, b) => a * b)), uses });
    return g.input(name, shape);
  };
  const conv = (x: Value, node: string) =>
    g.emit('Relu', [g.emit('Conv', [x, weight([4, 4, 3, 3], 'Conv', node)], { pads: [1, 1, 1, 1] })]);
  let x = conv(g.input('x', [1, 4, 8, 8]), '/visual/conv1/Conv');
  for (const node of nodes) x = g.add(x, conv(x, node));
  const places = g.transpose(g.reshape(x, [1, 4, 64]), [0, 2, 1]);
  const [q, k, v] = ['q', 'k', 'v'].map((n) =>
    g.matmul(places, weight([4, 4], 'MatMul', `/visual/attnpool/${n}/MatMul`)),
  );
  const scores = g.emit('Softmax', [g.matmul(q!, g.swapLast(k!))], { axis: -1 });
  g.outputs = [g.mean(g.matmul(scores, v!), [1], false)];
  return { graph: g, parameters, file: '' };
}

describe('CLIP’s ResNets, batch norm folded and an attention at the end', () => {
  test('members of a Sequential are blocks of their own, as the nodes of their unnamed weights say', () => {
    const at = ['layer1/layer1.0', 'layer1/layer1.1', 'layer2/layer2.0'].map((s) => `/visual/${s}/conv1/Conv`);
    const { names, of } = blocksOf(residuals(at));
    expect(names).toEqual(['layer1.0', 'layer1.1', 'layer2.0']);
    expect(members(of, 1)).toEqual(['onnx::Conv_2']);
    expect(members(of, 'head')).toHaveLength(3);
  });
  test('so are members of a Sequential in a Sequential, those that keep their names and those that do not', () => {
    const at = ['0', '1'].map((i) => `/visual/blocks/blocks.1/blocks.1.${i}/conv1/Conv`);
    const kept = 'visual.blocks.1.1.conv1.weight';
    const { names, of } = blocksOf(residuals(at, { [at[1]!]: kept }));
    expect(names).toEqual(['blocks.1.0', 'blocks.1.1']);
    expect(members(of, 1)).toEqual([kept]);
  });
  test('without any name the convolutions are the blocks, not the one attention that pools', () => {
    const prepared = residuals(['', '', '']);
    const { count, of } = blocksByStructure(prepared, flowOfPrepared(prepared));
    expect(count).toBe(3);
    expect(members(of, 'stem')).toEqual(['onnx::Conv_0']);
    expect(members(of, 2)).toEqual(['onnx::Conv_3']);
    expect(members(of, 'head')).toHaveLength(3);
  });
});

describe('by name', () => {
  test('a CLIP vision tower, its matrices named onnx::MatMul_NNN', async () => {
    const { count, of, names } = blocksOf(await prepareVision());
    expect({ count, names }).toEqual({ count: 2, names: ['layers.0', 'layers.1'] });
    expect(members(of, 'stem')).toHaveLength(5);
    expect(members(of, 0)).toHaveLength(16);
    expect(members(of, 1)).toHaveLength(16);
    expect(members(of, 'head')).toEqual([
      'vision_model.post_layernorm.weight',
      'vision_model.post_layernorm.bias',
      'onnx::MatMul_274',
    ]);
  });

  test('a CLIP text tower', async () => {
    const { count, of } = blocksOf(await prepareFixture('tiny-clip/onnx/text_model.onnx', text, ['text_embeds']));
    expect(count).toBe(2);
    expect(members(of, 0)).toHaveLength(16);
    expect(members(of, 'head')).toContain('onnx::MatMul_376');
  });

  test('BERT: the last norm belongs to the last layer', async () => {
    const { count, of } = blocksOf(await prepareFixture('tiny-bert/onnx/model.onnx', bert));
    expect(count).toBe(2);
    expect([members(of, 0).length, members(of, 1).length, members(of, 'head').length]).toEqual([16, 16, 0]);
  });

  test.each(['model', 'model_folded'])('a ResNet (%s.onnx)', async (file) => {
    const { count, of, names } = blocksOf(await prepareFixture(`tiny-resnet/onnx/${file}.onnx`, image));
    expect({ count, names }).toEqual({ count: 3, names: ['layer1', 'layer2', 'layer3'] });
    expect(members(of, 'head')).toEqual(['fc.weight', 'fc.bias']);
    expect(members(of, 'stem').length).toBeGreaterThan(0);
  });
});

describe('by structure', () => {
  test('agrees with the names of a CLIP tower and of a ResNet', async () => {
    for (const prepared of [await prepareVision(), await prepareFixture('tiny-resnet/onnx/model_folded.onnx', image)]) {
      const byName = blocksOf(prepared);
      const byShape = blocksByStructure(prepared, flowOfPrepared(prepared));
      expect(byShape.count).toBe(byName.count);
      expect([...byShape.of].sort()).toEqual([...byName.of].sort());
    }
  });

  const mobilenet = sharedPath('models/mobilenet-v2-imagenet/onnx/model.onnx');
  test.skipIf(!mobilenet)(
    'MobileNetV2 without a single name (needs ../shared/models/mobilenet-v2-imagenet)',
    async () => {
      const prepared = await prepare(mobilenet!, { inputs: { pixel_values: [1, 3, 224, 224] } });
      const { count, of } = blocksOf(prepared);
      expect(count).toBe(18); // 17 inverted residuals and the last convolution
      expect(members(of, 'stem')).toEqual(['w1', 'b1']);
      expect(members(of, 0)).toEqual(['w2', 'b2', 'w3', 'b3']);
      expect(members(of, 16)).toEqual(['w59', 'b59', 'w60', 'b60', 'w61', 'b61']);
      expect(members(of, 17)).toEqual(['w62', 'b62']);
      expect(members(of, 'head')).toEqual(['w64', 'b64']);
    },
  );
});

describe('in models beside the checkout', () => {
  const gpt = sharedPath('fixtures/tiny-gpt2/onnx/model.onnx');
  test.skipIf(!gpt)('GPT-2 (needs ../shared/fixtures/tiny-gpt2)', async () => {
    const past = Object.fromEntries(
      [0, 1].flatMap((l) => ['key', 'value'].map((kv) => [`past_key_values.${l}.${kv}`, [2, 4, 0, 16]])),
    );
    const inputs = { ...text, position_ids: [2, 8], ...past };
    const { count, of } = blocksOf(await prepare(gpt!, { inputs, outputs: ['logits'] }));
    expect(count).toBe(2);
    expect(members(of, 1)).toHaveLength(12);
    expect(members(of, 'head')).toEqual(['transformer.ln_f.weight', 'transformer.ln_f.bias']);
    expect(members(of, 'stem')).toEqual(['transformer.wte.weight', 'transformer.wpe.weight']);
  });

  const minilm = sharedPath('models/all-minilm-l6-v2/onnx/model.onnx');
  test.skipIf(!minilm)('a BERT whose nodes name no layer (needs ../shared/models/all-minilm-l6-v2)', async () => {
    const { count, of } = blocksOf(await prepare(minilm!, { inputs: bert }));
    expect(count).toBe(6);
    for (let layer = 0; layer < 6; layer++) expect(members(of, layer)).toHaveLength(16);
  });
});
