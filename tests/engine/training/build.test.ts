// Vision transformers from scratch: their gradients, and the folder that others read.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readModelFolder } from '../../../electron/engine/models/folder.ts';
import { blocksOf } from '../../../electron/engine/training/blocks.ts';
import { writeVisionModel } from '../../../electron/engine/training/build-folder.ts';
import { buildViT, type ViTConfig } from '../../../electron/engine/training/build-vit.ts';
import { prepare } from '../../../electron/engine/training/prepare.ts';
import { difference, drawn, gradientErrors, runGraph, tooLarge, withGradients } from './adapt.ts';

const config: ViTConfig = {
  image: 32,
  patch: 16,
  width: 16,
  layers: 2,
  heads: 2,
  mlp: 32,
  activation: 'quick_gelu',
  pool: 'cls',
  projection: 8,
};
const folder = mkdtempSync(path.join(tmpdir(), 'lab-vit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const pixels = drawn([2, 3, 32, 32], 1);

describe.each([
  ['CLIP', config],
  [
    'gelu, mean over tokens, classes',
    { ...config, activation: 'gelu', pool: 'mean', projection: 0, classes: 3 } as ViTConfig,
  ],
])('%s', (_name, settings) => {
  test('gradients of a sample of its tensors against finite differences', async () => {
    const { graph, parameters } = buildViT({ ...settings, batch: 2, seed: 0 });
    const marks = withGradients(
      graph,
      graph.outputs[0]!,
      parameters.map((p) => p.name),
    );
    // larger weights than at the start, so that attention is not even
    const feeds = {
      pixel_values: pixels,
      ...Object.fromEntries(
        parameters.map((p, i) => {
          const shift = drawn(p.shape, i);
          return [p.name, p.data.map((v, j) => v + 0.3 * shift[j]!)];
        }),
      ),
    };
    const sample = /class_embedding|patch|position|layers.0.*weight|layers.1.*bias|projection|classifier|post/;
    const names = parameters.map((p) => p.name).filter((name) => sample.test(name));
    expect(names.length).toBeGreaterThan(20);
    expect(tooLarge(await gradientErrors(graph, marks, feeds, names, 1e-2), 3e-2)).toEqual([]);
  });
});

test('one seed is one model, another another', () => {
  const weights = (seed: number) => buildViT({ ...config, batch: 1, seed }).parameters.map((p) => p.data);
  expect(weights(3)).toEqual(weights(3));
  expect(weights(3)[0]).not.toEqual(weights(4)[0]);
});

test('sizes that do not divide are refused', () => {
  expect(() => buildViT({ ...config, patch: 5, batch: 1, seed: 0 })).toThrow(
    'Patches of 5 do not divide an image of 32',
  );
  expect(() => buildViT({ ...config, heads: 3, batch: 1, seed: 0 })).toThrow('3 heads do not divide a width of 16');
});

test('the folder is read as any other, takes any batch, and gives what the built graph gives', async () => {
  writeVisionModel(folder, config, 7);
  const model = readModelFolder(folder);
  expect(model.vision?.outputs.map((o) => o.id)).toEqual([
    'image_embeds',
    'pooler_output',
    'last_hidden_state',
    'last_hidden_state:mean',
  ]);
  const built = buildViT({ ...config, batch: 2, seed: 7 });
  const read = await prepare(model.vision!.file, { inputs: { pixel_values: [2, 3, 32, 32] } });
  expect(read.parameters.map((p) => [p.name, p.data])).toEqual(built.parameters.map((p) => [p.name, p.data]));
  expect(blocksOf(read).count).toBe(2);
  const feeds = { pixel_values: pixels, ...Object.fromEntries(read.parameters.map((p) => [p.name, p.data])) };
  const [a, b] = [await runGraph(read.graph, feeds), await runGraph(built.graph, feeds)];
  expect(difference(a.image_embeds!, b.image_embeds!)).toBeLessThan(1e-5);
});
