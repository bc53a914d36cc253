// What each mode trains, and what it leaves alone.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createGraph, type Graph } from '../../../electron/engine/training/graph.ts';
import { decodeModel, encodeModel } from '../../../electron/engine/training/onnx/proto.ts';
import { writeGraph } from '../../../electron/engine/training/onnx/write.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { type Prepared, prepare } from '../../../electron/engine/training/prepare.ts';
import { type Mode, markTrainable } from '../../../electron/engine/training/trainable.ts';
import { difference, drawn, prepareFixture, prepareVision, runGraph, withGradients } from './adapt.ts';

const mark = async (mode: Mode) => markTrainable(await prepareVision(), mode);

describe('markTrainable', () => {
  test('full: every parameter is an input; weight decay spares biases and norms', async () => {
    const { graph, parameters } = await mark({ kind: 'full' });
    expect(parameters).toHaveLength(40);
    expect(graph.inputs.map((x) => x.name)).toEqual(['pixel_values', ...parameters.map((p) => p.name)]);
    const decay = (name: string) => parameters.find((p) => p.name === name)!.decay;
    expect(decay('onnx::MatMul_248')).toBe(true);
    expect(decay('vision_model.embeddings.position_embedding.weight')).toBe(true);
    expect(decay('vision_model.pre_layrnorm.weight')).toBe(false);
    expect(decay('vision_model.encoder.layers.0.mlp.fc1.bias')).toBe(false);
    const all = markTrainable(await prepareVision(), { kind: 'full' }, { decay: 'all' });
    expect(all.parameters.every((p) => p.decay)).toBe(true);
  });

  test('last: the last block and the head; the rest is constant, without a copy, and has no gradient', async () => {
    const prepared = await prepareVision();
    const { graph, parameters } = markTrainable(prepared, { kind: 'last', blocks: 1 });
    expect(parameters.map((p) => p.block)).toEqual([...Array(10).fill(1), 'head', 'head', ...Array(6).fill(1), 'head']);
    const frozen = prepared.parameters.find((p) => p.name === 'onnx::MatMul_248')!;
    expect(graph.constants.get(frozen.name)!.data).toBe(frozen.data);
    expect(graph.inputs.some((x) => x.name === frozen.name)).toBe(false);
    const forward = graph.nodes.length;
    withGradients(
      graph,
      graph.outputs[0]!,
      parameters.map((p) => p.name),
    );
    const gradientNodes = graph.nodes.slice(forward);
    expect(gradientNodes.some((n) => n.inputs.some((x) => x?.name === 'onnx::MatMul_260'))).toBe(false);
    expect(gradientNodes.some((n) => n.inputs.some((x) => x?.name === 'onnx::MatMul_272'))).toBe(true);
  });

  test('biases: biases and norms only, no class token', async () => {
    const { parameters } = await mark({ kind: 'biases' });
    expect(parameters).toHaveLength(24);
    expect(parameters.every((p) => /\.bias$|norm\d?\.weight$/.test(p.name) && !p.decay)).toBe(true);
  });

  test('none: no parameter', async () => {
    const { graph, parameters } = await mark({ kind: 'none' });
    expect(parameters).toEqual([]);
    expect(graph.inputs.map((x) => x.name)).toEqual(['pixel_values']);
  });

  test('the forward pass stays what it was', async () => {
    const whole = await prepareVision();
    const feeds = Object.fromEntries([
      ['pixel_values', drawn([2, 3, 64, 64], 1)],
      ...whole.parameters.map((p) => [p.name, p.data]),
    ]);
    const before = await runGraph(whole.graph, feeds);
    const { graph } = await mark({ kind: 'last', blocks: 1 });
    const after = await runGraph(graph, feeds);
    // the runtime prepares constant weights otherwise than fed ones
    expect(difference(after.image_embeds!, before.image_embeds!)).toBeLessThan(1e-5);
  });

  test('batch norm: scale and bias are norms, running statistics no parameters', async () => {
    const prepared = await prepareFixture('tiny-resnet/onnx/model.onnx', { pixel_values: [2, 3, 64, 64] }, ['logits']);
    const { parameters } = markTrainable(prepared, { kind: 'biases' });
    expect(parameters.map((p) => p.name)).toContain('layer3.bn2.weight');
    expect(parameters.map((p) => p.name)).toContain('fc.bias');
    expect(parameters.some((p) => /running|conv/.test(p.name))).toBe(false);
  });
});

/** What is found to be a parameter in a file that stores these inputs, drawn, and the graph's constants. */
async function prepareStored(g: Graph, stored: readonly string[] = []): Promise<Prepared['parameters']> {
  const folder = mkdtempSync(path.join(tmpdir(), 'lab-stored-'));
  try {
    const file = path.join(folder, 'model.onnx');
    const model = decodeModel(writeGraph(g));
    const tensors = g.inputs.filter(({ name }) => stored.includes(name));
    model.graph.input = model.graph.input.filter(({ name }) => !stored.includes(name));
    model.graph.initializer = [...(model.graph.initializer ?? [])].concat(
      tensors.map(({ name, shape }, i) => {
        const { buffer } = drawn(shape, i);
        return { name, dims: [...shape], data_type: 1, raw_data: new Uint8Array(buffer) };
      }),
    );
    writeFileSync(file, encodeModel(model));
    return (await prepare(file, { inputs: {} })).parameters;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a bias of a few numbers is a parameter, as many numbers that scale the pixels are not', async () => {
  const g = createGraph(ops);
  const scaled = g.mul(g.input('x', [2, 1, 3]), g.input('normalise.scale', [3]));
  g.outputs = [g.add(g.matmul(scaled, g.input('fc.weight', [3, 3])), g.input('fc.bias', [3]))];
  const found = await prepareStored(g, ['normalise.scale', 'fc.weight', 'fc.bias']);
  expect(found.map((p) => p.name)).toEqual(['fc.weight', 'fc.bias']);
});

test('a mask of 0 and -100, as Swin adds to its scores, is no parameter', async () => {
  const g = createGraph(ops);
  const scores = g.matmul(g.input('x', [2, 4]), g.constant(drawn([4, 4], 1), [4, 4]));
  const mask = g.constant(Float32Array.of(0, 0, -100, -100, -100, -100, 0, 0), [2, 4]);
  g.outputs = [g.emit('Softmax', [g.add(scores, mask)], { axis: -1 })];
  expect((await prepareStored(g)).map((p) => p.shape)).toEqual([[4, 4]]);
});

/** Three residual blocks of 4 features, the middle one through an op that has no gradient. */
function withGap(): Prepared {
  const g = createGraph(ops);
  const names = ['blocks.0.w', 'blocks.1.w', 'blocks.2.w'];
  let x = g.input('x', [2, 4]);
  for (const [i, name] of names.entries()) {
    const y = g.matmul(x, g.input(name, [4, 4]));
    const bent = i === 1 ? g.emitForeign('com.example', 'Bend', [y], {}, y.shape) : y;
    x = g.add(x, bent);
  }
  g.outputs = [x];
  const parameters = names.map((name, i) => ({
    name,
    shape: [4, 4],
    data: drawn([4, 4], i),
    uses: [{ op: 'MatMul', node: '', input: 1, index: 2 * i }],
  }));
  return { graph: g, parameters, file: '' };
}

describe('refusals', () => {
  test('an op without a gradient: named, with what can be trained instead; the graph is left as it was', () => {
    const prepared = withGap();
    const before = [...prepared.graph.nodes];
    expect(() => markTrainable(prepared, { kind: 'full' })).toThrow(
      /com\.example\.Bend \(node Bend\.\d+\)\. The most that can be trained of this model is the last block\.$/,
    );
    expect(prepared.graph.nodes).toEqual(before);
    expect(markTrainable(prepared, { kind: 'last', blocks: 1 }).parameters.map((p) => p.name)).toEqual(['blocks.2.w']);
  });

  test('numbers that make no sense, and a model that is marked twice', async () => {
    const prepared = await prepareVision();
    expect(() => markTrainable(prepared, { kind: 'last', blocks: -1 })).toThrow('whole number from 0 on, not -1');
    expect(() => markTrainable(prepared, { kind: 'lora', rank: 0, alpha: 1, targets: ['q'] })).toThrow('rank');
    expect(() => markTrainable(prepared, { kind: 'lora', rank: 2, alpha: 1, targets: ['w'] })).toThrow(
      'q, k, v, o, mlp, all; w',
    );
    markTrainable(prepared, { kind: 'biases' });
    expect(() => markTrainable(prepared, { kind: 'full' })).toThrow('frozen already');
  });

  test('attention asked of a network that has none', async () => {
    const prepared = await prepareFixture('tiny-resnet/onnx/model_folded.onnx', { pixel_values: [2, 3, 64, 64] }, [
      'logits',
    ]);
    expect(() => markTrainable(prepared, { kind: 'lora', rank: 2, alpha: 1, targets: ['q', 'k', 'v'] })).toThrow(
      'no attention, so LoRA has no q, k, v to go on. Put it on all',
    );
  });
});
