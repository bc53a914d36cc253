// Training against captions as users run it: both towers change, a cut-off run goes on to the same numbers, the saved model tells
// classes apart by captions as the run did, and a comparison has its row.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { againstCaptions, captionOfEach } from '../../../electron/engine/finetune/captions.ts';
import { rateAt, resolveSettings } from '../../../electron/engine/finetune/recipes.ts';
import { readModelFolder } from '../../../electron/engine/models/folder.ts';
import { classTextFeatures } from '../../../electron/engine/models/text-features.ts';
import { readSafetensors } from '../../../electron/engine/training/safetensors.ts';
import type { CompareParams } from '../../../shared/contract.ts';
import type { FinetuneParams } from '../../../shared/finetune.ts';
import { fixturePath, sharedPath } from '../../helpers/shared.ts';
import { numbersOf, openLab, paint, type TrainLab } from './lab.ts';

const TEMPLATES = ['a photo of a {}.', 'a picture that is {}, small', '{}'];
const SETTINGS: FinetuneParams['settings'] = { epochs: 6, batch: 12, lr: 2e-3, augment: 'none', warmup: 0 };
const FLYP = { method: 'flyp' as const, settings: SETTINGS, templates: TEMPLATES };
const LORA = {
  method: 'lora' as const,
  settings: { ...SETTINGS, lr: 2e-2, rank: 4, alpha: 8, dropout: 0.1 },
  templates: TEMPLATES,
};
/** A method, and how many tensors of each tower it changes at least and at most. */
const RUNS = [
  ['flyp', FLYP, 31, 99],
  ['lora', LORA, 6, 6],
] as const;

const models = mkdtempSync(path.join(tmpdir(), 'lab-flyp-'));
let lab: TrainLab;
let looks = 0;
let control = 0;
beforeAll(async () => {
  lab = await openLab({ modelsDirs: [fixturePath(''), models] });
  if (WHOLE) {
    const one = path.join(models, 'one-file');
    mkdirSync(path.join(one, 'onnx'), { recursive: true });
    for (const name of ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json'])
      copyFileSync(path.join(fixturePath('tiny-clip'), name), path.join(one, name));
    copyFileSync(WHOLE, path.join(one, 'onnx', 'model.onnx'));
  }
  await paint(lab.at('looks'), 12);
  await paint(lab.at('others'), 4, {
    classes: ['blue', 'checked'],
    names: ['sea', 'a longer name of a board'],
    from: 50,
  });
  looks = await lab.dataset('looks');
  control = await lab.dataset('others');
}, 60_000);
afterAll(async () => {
  await lab.close();
  rmSync(models, { recursive: true, force: true });
});

const WHOLE = sharedPath('fixtures/tiny-clip/onnx/model.onnx');

const sha = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('what a step is trained against', () => {
  const sets = { own: { from: 0, classes: 3, templates: 4 }, control: null };
  const labels = Int32Array.of(0, 2, 0, 1);

  test('each image belongs to the captions of its class alike, and rows sum to 1', () => {
    const { targets } = againstCaptions({ sets }, labels, { seed: 1, step: 0, smoothing: 0 });
    expect([...targets]).toEqual([0.5, 0, 0.5, 0, 0, 1, 0, 0, 0.5, 0, 0.5, 0, 0, 0, 0, 1]);
    const smooth = againstCaptions({ sets }, labels, { seed: 1, step: 0, smoothing: 0.2 }).targets;
    for (let i = 0; i < 4; i++) expect(smooth.slice(4 * i, 4 * i + 4).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    expect(smooth[1]).toBeCloseTo(0.05, 6);
  });

  test('or to one caption of each class', () => {
    const draw = (step: number) => [...captionOfEach({ sets }, 1, step)];
    expect(draw(3)).toEqual(draw(3));
    const drawn = Array.from({ length: 64 }, (_, step) => draw(step));
    expect(drawn.map((rows) => rows.map((row) => Math.floor(row / 4)))).toEqual(Array(64).fill([0, 1, 2]));
    for (const c of [0, 1, 2]) expect(new Set(drawn.map((rows) => rows[c]! % 4)).size).toBe(4);
  });

  test('templates are drawn by seed and step, of the image’s own class', () => {
    const draw = (seed: number, step: number) => [
      ...againstCaptions({ sets }, labels, { seed, step, smoothing: 0 }).captions,
    ];
    expect(draw(1, 7)).toEqual(draw(1, 7));
    const drawn = Array.from({ length: 64 }, (_, step) => draw(1, step));
    expect(drawn.map((rows) => rows.map((row) => Math.floor(row / 4)))).toEqual(Array(64).fill([...labels]));
    expect(new Set(drawn.map((rows) => rows[0]! % 4)).size).toBe(4);
    expect(drawn).not.toEqual(Array.from({ length: 64 }, (_, step) => draw(2, step)));
  });
});

describe('LoRA’s settings', () => {
  const of = { family: 'transformer' as const, items: 192, classes: 12, captions: true };

  test('are CLIP-LoRA’s, on both encoders where there are two', () => {
    const own = resolveSettings('lora', {}, of);
    expect(own).toMatchObject({
      rank: 2,
      alpha: 1,
      dropout: 0.25,
      targets: ['q', 'k', 'v'],
      encoders: 'both',
      lr: 2e-4,
      weightDecay: 0.01,
      batch: 32,
      microBatch: 32,
      warmup: 0,
    });
    expect(rateAt(0, 100, own, 'lora')).toBe(2e-4);
    expect(rateAt(100, 100, own, 'lora')).toBeCloseTo(1e-6, 12);
    expect(resolveSettings('lora', {}, { ...of, captions: false }).encoders).toBe('vision');
    expect(resolveSettings('lora', { encoders: 'vision' }, of).encoders).toBe('vision');
    expect(resolveSettings('fine-tune', {}, of).encoders).toBeUndefined();
  });

  test('500 steps a shot are as many epochs as come nearest', () => {
    // 8000 steps in batches of 32 of 192 images
    expect(resolveSettings('lora', { stepsPerShot: 500 }, of).epochs).toBe(1333);
    expect(resolveSettings('lora', { stepsPerShot: 1 }, { ...of, items: 12 }).epochs).toBe(1);
    expect(() => resolveSettings('lora', { stepsPerShot: 500, epochs: 3 }, of)).toThrow(/Give one of them/);
  });

  test('a head’s learning rate is refused where there is no head', async () => {
    const { headLr } = resolveSettings('lora', {}, of);
    expect(headLr).toBeUndefined();
    expect(resolveSettings('lora', { encoders: 'vision' }, of).headLr).toBe(1e-4);
    const asked = { datasetId: looks, ...LORA, settings: { ...LORA.settings, headLr: 1e-3 } };
    await expect(lab.report(asked)).rejects.toThrow(
      /so that there is no head. Leave the head’s learning rate out, or train the vision encoder alone/,
    );
  });

  test('both encoders are refused where there are not two, with the way out', async () => {
    const asked = { datasetId: looks, ...LORA, settings: { ...LORA.settings, encoders: 'both' as const } };
    await expect(lab.report({ ...asked, model: { id: 'tiny-resnet' } })).rejects.toThrow(
      /LoRA on both encoders tells images apart by captions, and tiny-resnet has no text side. Choose/,
    );
    await expect(lab.report({ ...asked, model: { id: 'tiny-clip', output: 'pooler_output' } })).rejects.toThrow(
      /pooler_output of tiny-clip is not in one space with them. Choose the output image_embeds/,
    );
  });
});

describe('a batch is whole', () => {
  const of = { family: 'transformer' as const, items: 100, classes: 4, captions: true };
  test('micro-batches are refused with the way out', () => {
    expect(resolveSettings('flyp', { batch: 16 }, { ...of, family: 'convolution' })).toMatchObject({
      batch: 16,
      microBatch: 16,
    });
    expect(() => resolveSettings('flyp', { batch: 16, microBatch: 4 }, of)).toThrow(
      /cannot be taken 4 at a time. Leave the micro-batch out, or choose a batch of 4/,
    );
    expect(() => resolveSettings('flyp', { batch: 1 }, of)).toThrow(/two images or more/);
  });

  test('an output that captions share no space with is refused', async () => {
    await expect(
      lab.report({ datasetId: looks, ...FLYP, model: { id: 'tiny-clip', output: 'pooler_output' } }),
    ).rejects.toThrow(/pooler_output of tiny-clip is not in one space with them. Choose the output image_embeds/);
  });
});

describe.each(RUNS)('a run (%s)', (method, RUN, fewest, most) => {
  let id = 0;
  beforeAll(async () => {
    const run = await lab.start({
      datasetId: looks,
      ...RUN,
      control: { datasetId: control, labels: [] },
      classNames: { blue: 'very blue' },
    });
    id = run.id;
    expect((await run.ended).error).toBeNull();
  }, 120_000);
  const report = async () => (await lab.running.handlers['finetune.get']({ id })).report!;

  test('lowers the loss, and says what it began with and ended with', async () => {
    const { epochs, test: after, before, control: kept, wise, parameters, trainedParameters } = await report();
    expect(epochs.at(-1)!.trainLoss).toBeLessThan(0.7 * epochs[0]!.trainLoss);
    expect(after.accuracy).toBeGreaterThan(before.zeroShot!);
    expect(kept).toMatchObject({ by: 'captions', classes: 2, items: 8 });
    expect(wise).toHaveLength(11);
    expect(wise[0]!.control).toBe(kept!.before);
    // both towers and the scale and nothing else, or A and B of three matrices of 64 x 64 and 32 x 32 in two layers
    expect(trainedParameters).toBe(method === 'flyp' ? parameters : 2 * 3 * 4 * 2 * (64 + 32));
  });

  test('is repeated to the same numbers, and by another seed to others', async () => {
    const again = await lab.report({
      datasetId: looks,
      ...RUN,
      control: { datasetId: control, labels: [] },
      classNames: { blue: 'very blue' },
    });
    expect(numbersOf(again)).toEqual(numbersOf(await report()));
    const other = await lab.report({ datasetId: looks, ...RUN, settings: { ...RUN.settings, epochs: 1 }, seed: 1 });
    expect(other.epochs[0]!.trainLoss).not.toBe(again.epochs[0]!.trainLoss);
  }, 120_000);

  describe.each([1, 0.5])('saved at %d', (alpha) => {
    const name = `${method}-${alpha}`;
    let folder = '';
    beforeAll(async () => {
      const saved = await lab.running.handlers['finetune.save']({ id, alpha, name });
      folder = saved.path!;
      expect(saved).toMatchObject({ id: name, family: 'dual', hasText: true, problem: null });
    });

    test('has new weights in both towers', () => {
      const { vision, text } = readModelFolder(folder);
      const base = readModelFolder(fixturePath('tiny-clip'));
      expect(sha(vision!.file)).not.toBe(sha(base.vision!.file));
      expect(sha(text!.file)).not.toBe(sha(base.text!.file));
      const changed = readSafetensors(path.join(folder, 'finetuned-text.safetensors')).tensors;
      expect(changed.size).toBeGreaterThanOrEqual(fewest);
      expect(changed.size).toBeLessThanOrEqual(most);
      expect([...changed.keys()].some((key) => key.startsWith('lab.'))).toBe(false);
      expect(existsSync(path.join(folder, 'README.md'))).toBe(true);
      expect(readFileSync(path.join(folder, 'README.md'), 'utf8')).toContain('The text side was trained');
    });

    test('its captions and its logits say the same, at its own scale', async () => {
      const { models } = lab.running.engine;
      const embedder = await models.embedder(name);
      const logits = await models.embedder(name, { output: 'logits' });
      const text = await classTextFeatures(embedder, ['amber', 'very blue', 'checked', 'grey'], TEMPLATES);
      const files = ['amber', 'blue', 'checked', 'grey'].map((look) => lab.at('looks', look, '3.png'));
      const { features } = await embedder.images(files);
      const said = (await logits.images(files)).features;
      const { scale } = embedder;
      for (let i = 0; i < 4; i++) {
        const row = features.subarray(32 * i, 32 * i + 32);
        for (let c = 0; c < 4; c++) {
          const product = row.reduce((sum, x, j) => sum + x * text[32 * c + j]!, 0);
          expect(said[4 * i + c]!).toBeCloseTo((scale! * product) / Math.hypot(...row), 2);
        }
      }
      expect(logits.labels).toEqual(['amber', 'blue', 'checked', 'grey']);
      expect(scale).not.toBeNull();
    });
  });

  test('zero-shot of the saved model is the run’s test accuracy', async () => {
    const { test: after } = await report();
    const { results } = await compare({ models: [{ id: `${method}-1` }, { id: 'tiny-clip' }], methods: ['zero-shot'] });
    const accuracy = (model: string) =>
      results.find((row) => row.model === model && row.method === 'zero-shot')!.accuracy;
    expect(accuracy(`${method}-1`)).toBe(after.accuracy);
    expect(accuracy('tiny-clip')).toBe((await report()).before.zeroShot);
  }, 60_000);
});

test.skipIf(!WHOLE).each(RUNS)(
  'one file with both towers is trained and saved as one, %s (needs fixtures/tiny-clip/onnx/model.onnx)',
  async (method, RUN) => {
    const { id, ended } = await lab.start({ datasetId: looks, ...RUN, model: { id: 'one-file' } });
    expect((await ended).error).toBeNull();
    const { test: after, trainedParameters, parameters } = (await lab.running.handlers['finetune.get']({ id })).report!;
    if (method === 'flyp') expect(trainedParameters).toBe(parameters);
    else expect(trainedParameters).toBe(2 * 3 * 4 * 2 * (64 + 32));
    const name = `one-saved-${method}`;
    const saved = await lab.running.handlers['finetune.save']({ id, alpha: 1, name });
    expect(existsSync(path.join(saved.path!, 'finetuned-text.safetensors'))).toBe(false);
    expect(readFileSync(path.join(saved.path!, 'README.md'), 'utf8')).toContain('The text side was trained');
    const { results } = await compare({ models: [{ id: name }], methods: ['zero-shot'], classNames: {} });
    expect(results[0]!.accuracy).toBe(after.accuracy);
  },
  60_000,
);

test.each(['flyp', 'lora'] as const)(
  'a comparison has its row beside the others, %s',
  async (method) => {
    const { report } = await compare({ methods: ['zero-shot', 'linear-probe', method], shots: [2, 4], seeds: 2 });
    expect(report!.omitted).toEqual([]);
    const rows = report!.results.filter((row) => row.method === method);
    expect(rows.map(({ shots, seed }) => [shots, seed])).toEqual([
      [2, 0],
      [2, 1],
      [4, 0],
      [4, 1],
    ]);
    for (const row of rows) expect(row.accuracy).toBeGreaterThan(0.25);
  },
  120_000,
);

test('a row that the memory is too small for is left out with the reason; the others are there', async () => {
  const free = vi.spyOn(process, 'availableMemory').mockReturnValue(600 * 2 ** 20);
  try {
    const { report } = await compare({ methods: ['linear-probe', 'lora'], shots: [2], seeds: 1 });
    expect(report!.results.map(({ method }) => method)).toEqual(['linear-probe']);
    expect(report!.omitted).toMatchObject([
      {
        method: 'lora',
        shots: 2,
        seed: 0,
        reason: expect.stringMatching(/^It needs about 0\.\d GB of memory; 0\.1 GB/),
      },
    ]);
  } finally {
    free.mockRestore();
  }
}, 60_000);

test('a forecast measures it', async () => {
  const forecast = await lab.running.handlers['finetune.forecast']({
    datasetId: looks,
    model: { id: 'tiny-clip' },
    ...FLYP,
    shots: 4,
    seed: 0,
    classNames: {},
    control: null,
    keepLeaks: false,
  });
  expect(forecast).toMatchObject({ problem: null, settings: { batch: 12, microBatch: 12 } });
  expect(forecast.secondsPerStep).toBeGreaterThan(0);
});

async function compare(params: Partial<CompareParams>) {
  const { handlers, engine } = lab.running;
  const { comparisonId, job } = await handlers['compare.start']({
    datasetId: looks,
    models: [{ id: 'tiny-clip' }],
    methods: [],
    shots: [4],
    seeds: 1,
    templates: TEMPLATES,
    classNames: { blue: 'very blue' },
    keepLeaks: false,
    knnVote: 'similarity',
    knnIndex: 'auto',
    training: SETTINGS,
    threads: 1,
    ...params,
  });
  expect((await engine.jobs.ended(job.id)).error).toBeNull();
  return handlers['compare.get']({ id: comparisonId });
}
