// The form of a run: which methods and settings apply, what is refused before it starts, and what is sent.
import { describe, expect, test } from 'vitest';
import {
  controlLabels,
  costParams,
  defaultName,
  firstPlan,
  MAIN_SETTINGS,
  MORE_SETTINGS,
  methodsFor,
  notReady,
  type Own,
  type Plan,
  paramsOf,
  settingProblem,
  settingsOf,
  settingsSent,
  withOffer,
} from '../../../renderer/finetune/plan.ts';
import { trainable } from '../../../renderer/ui/applies.ts';
import type { Dataset, ModelInfo } from '../../../shared/contract.ts';
import { FINETUNE_METHOD_IDS, finetuneParams, finetuneSettings } from '../../../shared/finetune.ts';

const model = (id: string, hasText: boolean): ModelInfo => ({
  id,
  name: id,
  family: hasText ? 'dual' : 'vision',
  source: 'models-dir',
  path: `/m/${id}`,
  installed: true,
  pretrained: true,
  hasText,
  outputs: ['pooler_output'],
  dim: 8,
  imageSize: 224,
  bytes: 1,
  licence: null,
  repo: null,
  goodFor: null,
  problem: null,
});
const clip = model('clip', true);
const net = model('net', false);
const dataset = (name: string, train: number[]) =>
  ({
    id: name.length,
    name,
    path: `/d/${name}`,
    state: 'ready',
    classes: train.map((n, i) => ({ name: `class_${i}`, train: n, val: 0, test: 5, unsplit: 0 })),
  }) as unknown as Dataset;
const flowers = dataset('flowers', [60, 20]);
const plan = (part: Partial<Plan> = {}): Plan => ({ ...firstPlan({}), ...part });
/** The engine's answers: of a run with a head, and of one that trains the text side against captions. */
const withHead = { headLr: 1e-4 } as Own;
const textToo = { encoders: 'both' } as Own;

describe('methods', () => {
  test('those with captions need a text side, and say so; hog cannot be trained at all', () => {
    const off = methodsFor(net).filter((one) => one.reason !== null);
    expect(off.map((one) => one.method).sort()).toEqual(['clap', 'flyp', 'zs-probe']);
    expect(off[0]!.reason).toMatch(/net has no text side/);
    expect(methodsFor(clip).map((one) => one.method)).toEqual([...FINETUNE_METHOD_IDS]);
    expect(methodsFor(clip).every((one) => one.reason === null)).toBe(true);
    expect(trainable({ ...net, family: 'hog' })).toBe(false);
    expect(trainable({ ...net, installed: false })).toBe(false);
    expect(trainable(net)).toBe(true);
  });

  test('a method has its own settings and no others; every number of the contract has a field', () => {
    const names = (method: Plan['method']) => settingsOf(method, MAIN_SETTINGS).map(({ name }) => name);
    expect(names('fine-tune')).toEqual(['epochs', 'lr', 'batch']);
    expect(names('lora')).toEqual(['epochs', 'lr', 'batch', 'rank', 'alpha']);
    expect(names('last-blocks')).toContain('blocks');
    expect(names('clap')).toEqual([]);
    const fields = [...MAIN_SETTINGS, ...MORE_SETTINGS].map(({ name }) => name as string);
    const others = ['augment', 'targets', 'encoders', 'recompute'];
    const numbers = Object.keys(finetuneSettings.shape).filter((name) => !others.includes(name));
    expect(fields.sort()).toEqual(numbers.sort());
  });
});

describe('what is sent', () => {
  test('nothing that was not typed, nothing of another method, and what the engine accepts', () => {
    const sent = paramsOf(
      plan({
        method: 'lora',
        typed: { epochs: '5', lr: '2e-4', blocks: '3', rank: ' ', warmup: '0,2' },
        targets: ['q', 'v'],
        augment: 'flip',
        name: ' mine ',
      }),
      flowers,
      clip,
      undefined,
      withHead,
    );
    expect(finetuneParams.parse(sent)).toMatchObject({
      model: { id: 'clip' },
      shots: 'all',
      control: null,
      name: 'mine',
      settings: { epochs: 5, lr: 0.0002, warmup: 0.2, targets: ['q', 'v'], augment: 'flip' },
    });
    expect(sent.settings).not.toHaveProperty('blocks');
    expect(sent.settings).not.toHaveProperty('rank');
    expect(settingsSent(plan({ method: 'clap', typed: { epochs: '5' }, augment: 'flip' }), clip, withHead)).toEqual({});
  });

  test('the control set’s classes are named where words were typed', () => {
    const control = dataset('other', [3, 3]);
    expect(controlLabels(plan(), control)).toEqual([]);
    expect(controlLabels(plan({ controlWords: { class_1: 'a cat' } }), control)).toEqual(['class 0', 'a cat']);
    const sent = paramsOf(plan({ controlWords: { class_1: 'a cat' } }), flowers, clip, control, withHead);
    expect(sent.control).toEqual({ datasetId: control.id, labels: ['class 0', 'a cat'] });
    expect(costParams({ ...sent, name: 'x', seed: 4 }, withHead)).not.toHaveProperty('control');
    expect(costParams({ ...sent, name: 'x', seed: 4 }, withHead)).toMatchObject({ seed: 0 });
  });

  test('captions are sent where there is a text side, and cost something only where images are trained against them', () => {
    const worded = plan({ templates: [' a {} ', ''], classNames: { class_0: 'a rose', class_1: ' ' } });
    const words = { templates: ['a {}'], classNames: { class_0: 'a rose' } };
    const sent = (own: Own, model = clip) => paramsOf(worded, flowers, model, undefined, own);
    expect(finetuneParams.parse(sent(withHead))).toMatchObject(words);
    expect(sent(withHead, net)).not.toHaveProperty('templates');
    expect(costParams(sent(withHead), withHead)).not.toHaveProperty('templates');
    expect(costParams(sent(textToo), textToo)).toMatchObject(words);
  });

  test('a head’s learning rate is sent unless the engine says that there is no head', () => {
    const typed = { headLr: '1e-3' };
    const sent = (own: Own, method: Plan['method'] = 'lora') =>
      paramsOf(plan({ method, typed }), flowers, clip, undefined, own).settings;
    expect(sent(withHead)).toEqual({ headLr: 1e-3 });
    expect(sent(textToo)).toEqual({});
    expect(sent({} as Own, 'flyp')).toEqual({});
    expect(sent(undefined), 'what was typed is not dropped on a guess').toEqual({ headLr: 1e-3 });
    const wrong = plan({ method: 'lora', typed: { headLr: 'fast' } });
    expect(notReady(wrong, flowers, clip, withHead)).toMatch(/^Learning rate of the head: “fast”/);
    expect(notReady(wrong, flowers, clip, textToo), 'a field that does nothing is not in the way').toBeNull();
  });

  test('encoders are sent where there are two to choose from', () => {
    const sent = (model: ModelInfo, method: Plan['method'] = 'lora') =>
      paramsOf(plan({ method, encoders: 'vision' }), flowers, model, undefined, withHead).settings;
    expect(sent(clip)).toEqual({ encoders: 'vision' });
    expect(sent(net)).toEqual({});
    expect(sent(clip, 'fine-tune')).toEqual({});
  });

  test('an offer is taken as if it had been typed', () => {
    const again = { ...plan(), ...withOffer(plan(), { settings: { microBatch: 16, recompute: true } }) };
    expect(settingsSent(again, clip, withHead)).toEqual({ microBatch: 16, recompute: true });
    const next = { ...plan(), ...withOffer(plan(), { method: 'lora', settings: { microBatch: 1, rank: 2 } }) };
    expect(next.method).toBe('lora');
    expect(settingsSent(next, clip, withHead)).toEqual({ microBatch: 1, rank: 2 });
  });

  test('a name that is a folder’s', () =>
    expect(defaultName('clip vit/b', 'lora', 'my flowers')).toBe('clip-vit-b-lora-my-flowers'));
});

describe('what is missing', () => {
  test('is named, with the way out', () => {
    expect(notReady(plan(), undefined, clip, withHead)).toBe('Choose a dataset.');
    expect(notReady(plan(), flowers, undefined, withHead)).toBe('Choose a model.');
    expect(notReady(plan(), { ...flowers, state: 'offline' }, clip, withHead)).toMatch(/cannot be reached/);
    expect(notReady(plan(), dataset('one', [9]), clip, withHead)).toMatch(/less than two/);
    expect(notReady(plan({ method: 'flyp' }), flowers, net, withHead)).toMatch(/no text side/);
    expect(notReady(plan({ shots: 32 }), flowers, clip, withHead)).toBe(
      'class_1 has 20 training images, less than 32 a class.',
    );
    expect(notReady(plan({ shots: 16 }), flowers, clip, withHead)).toBeNull();
    expect(notReady(plan({ templates: ['a rose'] }), flowers, clip, withHead)).toMatch(/“a rose” needs \{\}/);
    expect(notReady(plan({ templates: ['a rose'] }), flowers, net, withHead)).toBeNull();
  });

  test('a setting that cannot be is refused where it is typed', () => {
    expect(settingProblem(plan({ typed: { epochs: 'many' } }), 'epochs')).toMatch(/“many” cannot be used/);
    expect(settingProblem(plan({ typed: { epochs: '1.5' } }), 'epochs')).not.toBeNull();
    expect(settingProblem(plan({ typed: { lr: '1e-5' } }), 'lr')).toBeNull();
    expect(notReady(plan({ typed: { batch: '0' } }), flowers, clip, withHead)).toMatch(/^Batch: “0”/);
    expect(notReady(plan({ method: 'fine-tune', typed: { rank: '-3' } }), flowers, clip, withHead)).toBeNull();
  });
});
