// What kinds of models are fine-tuned, what is refused and why, and what a control set says of them.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeVisionModel } from '../../../electron/engine/training/build-folder.ts';
import {
  decodeModel,
  encodeModel,
  type ModelProto,
  type NodeProto,
} from '../../../electron/engine/training/onnx/proto.ts';
import { readTensor } from '../../../electron/engine/training/onnx/tensors.ts';
import type { Job } from '../../../shared/contract.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { LOOK_NAMES, openLab, paint, SMALL, type TrainLab } from './lab.ts';

let lab: TrainLab;
let datasetId: number;
const quick = { ...SMALL, augment: 'none' as const };

/** A copy of a fixture's small files as a model of its own, with `write` making its onnx/ folder. */
function model(name: string, like: string, write: (onnx: string) => void) {
  const folder = path.join(lab.dir, 'models', name);
  cpSync(fixturePath(like), folder, { recursive: true, filter: (file) => !/[/\\](onnx|golden)$/.test(file) });
  mkdirSync(path.join(folder, 'onnx'), { recursive: true });
  write(path.join(folder, 'onnx'));
}
const load = (name: string) => decodeModel(readFileSync(fixturePath(name)));

beforeAll(async () => {
  const first = await openLab();
  const dir = first.dir;
  await first.running.close();
  lab = { ...first, dir };
  model('int8', 'tiny-resnet', (onnx) =>
    cpSync(fixturePath('training/resnet-int8.onnx'), path.join(onnx, 'model.onnx')),
  );
  model('fixed', 'tiny-clip', (onnx) => {
    const graph = load('tiny-clip/onnx/vision_model.onnx');
    for (const value of [...graph.graph.input, ...graph.graph.output])
      value.type!.tensor_type!.shape!.dim![0] = { dim_value: 3 };
    writeFileSync(path.join(onnx, 'vision_model.onnx'), encodeModel(graph));
  });
  model('both', 'tiny-clip', (onnx) => {
    const text = load('tiny-clip/onnx/text_model.onnx');
    writeFileSync(path.join(onnx, 'model.onnx'), encodeModel(joined(load('tiny-clip/onnx/vision_model.onnx'), text)));
  });
  writeVisionModel(path.join(dir, 'models/wide'), {
    image: 64,
    patch: 32,
    width: 64,
    layers: 2,
    heads: 4,
    mlp: 1024,
    projection: 32,
    activation: 'quick_gelu',
    pool: 'cls',
  });
  lab = await openLab({ dir, modelsDirs: [path.join(dir, 'models'), fixturePath('')] });
  await paint(lab.at('looks'), 15);
  datasetId = await lab.dataset('looks');
}, 60_000);
afterAll(() => lab.close());

const weightsOf = (file: string) =>
  new Map(
    (decodeModel(readFileSync(file)).graph.initializer ?? []).map((tensor) => {
      const { shape, data } = readTensor(tensor, path.dirname(file));
      return [tensor.name!, { shape, data }] as const;
    }),
  );

/** Both towers in one file, as `optimum-cli export onnx` writes CLIP: image_embeds and text_embeds beside each other. */
function joined(vision: ModelProto, text: ModelProto): ModelProto {
  const own = new Set(text.graph.input.map(({ name }) => name));
  const renamed = (name: string) => (name === '' || own.has(name) || name === 'text_embeds' ? name : `text/${name}`);
  const nodes = text.graph.node.map(
    (node): NodeProto => ({
      ...node,
      name: `text/${node.name ?? ''}`,
      input: (node.input ?? []).map(renamed),
      output: (node.output ?? []).map(renamed),
    }),
  );
  const weights = (text.graph.initializer ?? []).map((tensor) => ({ ...tensor, name: renamed(tensor.name!) }));
  return {
    ...vision,
    graph: {
      ...vision.graph,
      node: [...vision.graph.node, ...nodes],
      initializer: [...(vision.graph.initializer ?? []), ...weights],
      input: [...vision.graph.input, ...text.graph.input],
      output: [
        ...text.graph.output.filter(({ name }) => name === 'text_embeds'),
        ...vision.graph.output.filter(({ name }) => name === 'image_embeds'),
      ],
      value_info: [],
    },
  };
}

describe('refused with the reason', () => {
  test('a quantised model, by the run and by its forecast', async () => {
    const asked = { datasetId, model: { id: 'int8' }, settings: quick };
    const { ended } = await lab.start(asked);
    const reason = expect.stringMatching(/quantised model.*full-precision export/);
    expect(await ended).toMatchObject({ status: 'failed', error: { code: 'unsupported', message: reason } });
    await expect(lab.forecast(asked)).rejects.toMatchObject({
      code: 'unsupported',
      message: reason,
    });
  });
  test('the built-in features, at once', async () => {
    await expect(lab.start({ datasetId, model: { id: 'hog' } })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/no weights to train/),
    });
  });
  test('methods that begin at captions, without a text side', async () => {
    for (const method of ['zs-probe', 'clap', 'flyp'] as const)
      await expect(lab.start({ datasetId, model: { id: 'tiny-resnet' }, method })).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringMatching(/no text side/),
      });
  });
  test('a head from captions on an output that shares no space with them', async () => {
    const model = { id: 'tiny-clip', output: 'pooler_output' };
    const { ended } = await lab.start({ datasetId, model, method: 'clap' });
    expect((await ended).error!.message).toBe(
      'CLAP begins from captions, and pooler_output of tiny-clip is not in one space with them. Choose the output image_embeds.',
    );
  });
  test('a model that is not there, an output it lacks, a class too small', async () => {
    await expect(lab.start({ datasetId, model: { id: 'nope' } })).rejects.toMatchObject({ code: 'not-found' });
    const odd = await lab.start({ datasetId, model: { id: 'tiny-clip', output: 'nope' } });
    expect(await odd.ended).toMatchObject({ status: 'failed', error: { message: expect.stringMatching(/nope/) } });
    const many = await lab.start({ datasetId, shots: 99 });
    expect(await many.ended).toMatchObject({
      status: 'failed',
      error: { message: expect.stringMatching(/has 9 training items; 99 shots need 99/) },
    });
  });
  test('a rate at which the weights run away', async () => {
    const { ended } = await lab.start({ datasetId, settings: { ...quick, lr: 10, clip: 0, warmup: 0, epochs: 30 } });
    const job = await ended;
    // it may survive: what matters is that it never ends in numbers that are none
    if (job.status === 'failed') expect(job.error!.message).toMatch(/smaller learning rate/);
    else expect(job.status).toBe('done');
  });
});

describe('trained', () => {
  test('a file that takes three images at once: micro-batches of three', async () => {
    const settings = { ...quick, batch: 8, microBatch: 4 };
    const report = await lab.report({ datasetId, model: { id: 'fixed' }, settings });
    expect(report.settings).toMatchObject({ batch: 9, microBatch: 3 });
    expect(report.epochs.map((row) => row.step)).toEqual([2, 4]);
    expect(report.test.accuracy).toBeGreaterThan(1 / LOOK_NAMES.length);
    // two images in one batch of three
    await paint(lab.at('pair'), 2, { classes: ['amber', 'blue'] });
    const pair = await lab.dataset('pair');
    const few = await lab.report({ datasetId: pair, model: { id: 'fixed' }, shots: 1, settings });
    expect(few.counts.train).toBe(2);
    expect(few.settings).toMatchObject({ batch: 3, microBatch: 3 });
  });
  test('a hidden layer that is trained wider than it is, saved as it is', async () => {
    const { id, ended } = await lab.start({ datasetId, model: { id: 'wide' }, settings: { ...quick, lr: 1e-2 } });
    expect((await ended).status).toBe('done');
    const [as, at] = [0, 1].map((alpha) => lab.running.handlers['finetune.save']({ id, alpha, name: `wide ${alpha}` }));
    const [before, after] = [await as!, await at!].map(({ path: folder }) =>
      path.join(folder!, 'onnx/vision_model.onnx'),
    );
    const source = weightsOf(path.join(lab.dir, 'models/wide/onnx/vision_model.onnx'));
    const [still, trained] = [weightsOf(before!), weightsOf(after!)];
    const hidden = [...source.keys()].filter((name) => source.get(name)!.shape.includes(1024));
    expect(hidden).toHaveLength(6);
    for (const name of hidden) {
      expect(trained.get(name)!.shape).toEqual(source.get(name)!.shape);
      expect(still.get(name)).toEqual(source.get(name));
      expect(trained.get(name)!.data).not.toEqual(source.get(name)!.data);
    }
  });
  test('both towers in one file, to the numbers of the file in two', async () => {
    const one = await lab.report({ datasetId, model: { id: 'both' }, settings: quick });
    const two = await lab.report({ datasetId, settings: quick });
    expect(one.before.zeroShot).toBe(two.before.zeroShot);
    expect(one.trainedParameters).toBe(two.trainedParameters);
    for (const [i, { trainLoss }] of one.epochs.entries()) expect(trainLoss).toBeCloseTo(two.epochs[i]!.trainLoss, 3);
  });
  test.each(['pooler_output', 'last_hidden_state'])(
    'the output %s, which no caption is compared with',
    async (output) => {
      const report = await lab.report({ datasetId, model: { id: 'tiny-clip', output }, settings: quick });
      expect(report).toMatchObject({ head: 'probe', before: { zeroShot: null }, model: { output } });
      expect(report.test.accuracy).toBeGreaterThan(1 / LOOK_NAMES.length);
    },
  );
  test.each(['fine-tune', 'last-blocks', 'lora', 'biases', 'lp-ft'] as const)(
    'a convolutional network by %s',
    async (method) => {
      const settings = method === 'last-blocks' ? { ...quick, blocks: 1 } : quick;
      const report = await lab.report({ datasetId, model: { id: 'tiny-resnet' }, method, settings });
      expect(report.head).toBe('probe');
      expect(report.test.accuracy).toBeGreaterThan(1 / LOOK_NAMES.length);
      expect(report.parameters).toBeGreaterThan(report.trainedParameters - 1);
    },
  );
});

describe('a control set', () => {
  let control: number;
  beforeAll(async () => {
    // named as two classes of the tiny ResNet, and one that it does not know
    await paint(lab.at('things'), 6, { classes: ['amber', 'checked', 'grey'], names: ['cat', 'ships', 'teapot'] });
    control = await lab.dataset('things');
  }, 60_000);

  test('is told apart by captions where there are any', async () => {
    const totals = new Set<string>();
    lab.running.on((event, payload) => {
      if (event !== 'job.changed') return;
      const { status, note, total, unit } = payload as Job;
      if (status === 'running' && total > 0) totals.add(`${note}: ${total} ${unit}`);
    });
    const report = await lab.report({
      datasetId,
      settings: { ...quick, lr: 5e-3 },
      control: { datasetId: control, labels: [] },
    });
    expect(report.controlProblem).toBeNull();
    expect(report.control).toMatchObject({ name: 'things', items: 18, classes: 3, by: 'captions' });
    expect(report.control!.before).toBe(report.wise[0]!.control);
    expect(report.control!.after).toBe(report.wise.at(-1)!.control);
    const { test, validation } = report.counts;
    expect(totals, 'progress counts the images that are looked at').toContain(`testing: ${test} images`);
    expect(totals).toContain(`between before and after: ${11 * (validation + 18)} images`);
    const renamed = await lab.report({
      datasetId,
      settings: { ...quick, epochs: 1 },
      control: { datasetId: control, labels: ['a heron', 'a kettle', 'a tent'] },
    });
    expect(renamed.control).toMatchObject({ classes: 3, by: 'captions' });
  });
  test('else by the model’s own classes, those it knows', async () => {
    const report = await lab.report({
      datasetId,
      model: { id: 'tiny-resnet' },
      settings: { ...quick, lr: 5e-3 },
      control: { datasetId: control, labels: [] },
    });
    expect(report.control).toMatchObject({ items: 18, classes: 2, by: 'own-classes' });
    // before training it is what the file itself says of the two classes
    const tried: boolean[] = [];
    const { items } = await lab.running.handlers['dataset.items']({ id: control, filter: {}, offset: 0, limit: 100 });
    for (const item of items) {
      if (item.label === 'teapot') continue;
      const { labels, probabilities } = await lab.running.handlers['model.try']({
        id: 'tiny-resnet',
        itemId: item.id,
        labels: [],
      });
      const p = (name: string) => probabilities[labels.indexOf(name)]!;
      tried.push(item.label === (p('cat') > p('ship') ? 'cat' : 'ships'));
    }
    expect(tried).toHaveLength(12);
    expect(report.control!.before).toBeCloseTo(tried.filter(Boolean).length / 12, 12);
    expect(report.wise[0]!.control).toBe(report.control!.before);
  });
  test('that the model cannot tell apart at all is said, and the run goes on', async () => {
    const asked = { datasetId, model: { id: 'tiny-resnet' }, settings: { ...quick, epochs: 1 } };
    const unknown = await lab.report({ ...asked, control: { datasetId, labels: [] } });
    expect(unknown.control).toBeNull();
    expect(unknown.controlProblem).toMatch(/None of the control set’s classes/);
    const wrong = await lab.report({ ...asked, control: { datasetId: control, labels: ['cat', 'dog'] } });
    expect(wrong.controlProblem).toMatch(/things has 3 classes \(cat, ships, teapot\), but 2 names/);
    const still = await lab.report({ datasetId, method: 'clap', control: { datasetId: control, labels: [] } });
    expect(still.controlProblem).toMatch(/not changed/);
  });
});

describe('the line between before and after', () => {
  test.each(['fine-tune', 'lora'] as const)('begins at zero-shot and ends at what was trained (%s)', async (method) => {
    const settings = {
      ...quick,
      lr: method === 'lora' ? 0.05 : 5e-3,
      epochs: 3,
      ...(method === 'lora' ? { targets: ['all' as const], rank: 4 } : {}),
    };
    const report = await lab.report({ datasetId, method, settings, control: { datasetId, labels: [] } });
    // the control set is the dataset itself: its captions are the head before training
    expect(report.wise[0]!.control).toBe(report.control!.before);
    expect(report.wise.at(-1)!.control).toBe(report.control!.after);
    expect(report.wise.at(-1)!.validation).toBe(report.epochs[report.best - 1]!.valAccuracy);
    expect(new Set(report.wise.map(({ control }) => control)).size).toBeGreaterThan(1);
  });
});
