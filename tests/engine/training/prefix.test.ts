// A cut graph gives what the whole one gives, and keeps little at the cut.
import { describe, expect, test } from 'vitest';
import { splitPrefix } from '../../../electron/engine/training/prefix.ts';
import type { Prepared } from '../../../electron/engine/training/prepare.ts';
import { type Mode, markTrainable } from '../../../electron/engine/training/trainable.ts';
import { difference, drawn, type Numbers, prepareFixture, prepareVision, runGraph, withGradients } from './adapt.ts';

const pixels = { pixel_values: drawn([2, 3, 64, 64], 1) };
const text = {
  input_ids: BigInt64Array.from([5, 9, 12, 3, 7, 2, 8, 1, 30, 4, 11, 2].map(BigInt)),
  attention_mask: BigInt64Array.from([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0].map(BigInt)),
};
const resnet = () => prepareFixture('tiny-resnet/onnx/model.onnx', { pixel_values: [2, 3, 64, 64] }, ['logits']);
const textTower = () =>
  prepareFixture('tiny-clip/onnx/text_model.onnx', { input_ids: [2, 6], attention_mask: [2, 6] }, ['text_embeds']);
const lora = { kind: 'lora', rank: 2, alpha: 1, targets: ['q', 'k', 'v'] } as const;

const cases: [string, () => Promise<Prepared>, Numbers, Mode, number[][]][] = [
  ['ViT, last block', prepareVision, pixels, { kind: 'last', blocks: 1 }, [[2, 17, 64]]],
  ['ViT, LoRA in every block: the patches alone', prepareVision, pixels, lora, [[2, 16, 64]]],
  ['ViT, head only', prepareVision, pixels, { kind: 'none' }, [[2, 32]]],
  ['ViT, what follows the last block', prepareVision, pixels, { kind: 'last', blocks: 0 }, [[2, 64]]],
  ['ResNet, last block', resnet, pixels, { kind: 'last', blocks: 1 }, [[2, 16, 8, 8]]],
  ['ResNet, head', resnet, pixels, { kind: 'last', blocks: 0 }, [[2, 32]]],
];

describe.each(cases)('%s', (_name, load, feeds, mode, shapes) => {
  test('prefix and rest give what the whole gives', async () => {
    const whole = markTrainable(await load(), mode);
    const values = Object.fromEntries(whole.parameters.map((p) => [p.name, p.data]));
    const output = whole.graph.outputs[0]!.name;
    const expected = (await runGraph(whole.graph, { ...feeds, ...values }))[output]!;

    const cut = markTrainable(await load(), mode);
    const names = cut.parameters.map((p) => p.name);
    const { prefix, rest, boundary } = splitPrefix(cut.graph, names, Object.keys(feeds));
    expect(boundary.map((v) => v.shape)).toEqual(shapes);
    const kept = await runGraph(prefix!, feeds);
    expect(rest.inputs.map((x) => x.name)).toEqual([...boundary.map((v) => v.name), ...names]);
    if (mode.kind === 'none') return expect(kept[output]).toEqual(expected);
    const got = (await runGraph(rest, { ...kept, ...values }))[output]!;
    expect(difference(got, expected)).toBeLessThan(1e-6);
  });
});

test('a text tower: the mask and the position of the last token are worked out again, not kept', async () => {
  const mode = { kind: 'last', blocks: 1 } as const;
  const whole = markTrainable(await textTower(), mode);
  const values = Object.fromEntries(whole.parameters.map((p) => [p.name, p.data]));
  const expected = (await runGraph(whole.graph, { ...text, ...values })).text_embeds!;
  const cut = markTrainable(await textTower(), mode);
  const { prefix, rest, boundary } = splitPrefix(
    cut.graph,
    cut.parameters.map((p) => p.name),
    Object.keys(text),
  );
  expect(boundary.filter((v) => v.dtype === 'float32').map((v) => v.shape)).toContainEqual([2, 6, 32]);
  const kept = await runGraph(prefix!, text);
  expect(difference((await runGraph(rest, { ...text, ...kept, ...values })).text_embeds!, expected)).toBeLessThan(1e-6);
});

test('the rest has the gradients of the whole', async () => {
  const mode = { kind: 'last', blocks: 1 } as const;
  const gradients = async (cutIt: boolean) => {
    const { graph, parameters } = markTrainable(await prepareVision(), mode);
    const names = parameters.map((p) => p.name);
    let feeds: Numbers = { ...pixels, ...Object.fromEntries(parameters.map((p) => [p.name, p.data])) };
    if (cutIt) feeds = { ...feeds, ...(await runGraph(splitPrefix(graph, names, ['pixel_values']).prefix!, feeds)) };
    const marks = withGradients(graph, graph.outputs[0]!, names);
    const out = await runGraph(graph, feeds);
    return names.map((name) => out[marks.gradients.get(name)!]!);
  };
  const whole = await gradients(false);
  const rest = await gradients(true);
  for (const [i, gradient] of rest.entries()) expect(difference(gradient, whole[i]!)).toBeLessThan(1e-5);
});

test('everything trained: there is nothing to run once', async () => {
  const { graph, parameters } = markTrainable(await prepareVision(), { kind: 'full' });
  const { prefix, boundary } = splitPrefix(
    graph,
    parameters.map((p) => p.name),
    ['pixel_values'],
  );
  expect({ prefix, boundary }).toEqual({ prefix: null, boundary: [] });
});
