// What the Compare screen works out by itself: the form's warnings and sums, the point to begin with, what was left out.
import { describe, expect, test } from 'vitest';
import {
  firstChoice,
  methodsChosen,
  notReady,
  paramsOf,
  partly,
  rowsAsked,
  shotsFilled,
  shotsLeftOut,
} from '../../../renderer/compare/choice.ts';
import {
  bestPoint,
  linesOf,
  methodsLeftOut,
  omittedByReason,
  plannedMethods,
  plannedShots,
  tableLines,
  whatIsSeen,
} from '../../../renderer/compare/run.ts';
import { isTrained, whyNone, whyNot } from '../../../renderer/ui/applies.ts';
import { METHOD_ORDER } from '../../../shared/chart/style.ts';
import { type Comparison, compareParams, type Dataset, type Job, type ModelInfo } from '../../../shared/contract.ts';
import { TRAINED_METHOD_IDS } from '../../../shared/finetune.ts';
import type { MethodId } from '../../../shared/report.ts';
import { lineOf, summaryRow } from '../../shared/chart/rows.ts';

const model = (id: string, hasText: boolean): ModelInfo => ({
  id,
  name: id,
  family: hasText ? 'dual' : 'vision',
  source: 'models-dir',
  path: `/m/${id}`,
  installed: true,
  pretrained: true,
  hasText,
  outputs: ['pooler_output', 'logits'],
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

const dataset = {
  id: 3,
  name: 'flowers',
  path: '/f',
  state: 'ready',
  classes: [
    { name: 'daisy', train: 60, val: 0, test: 20, unsplit: 0 },
    { name: 'iris', train: 20, val: 0, test: 20, unsplit: 0 },
  ],
} as unknown as Dataset;

const byOrder = (a: MethodId, b: MethodId) => METHOD_ORDER.indexOf(a) - METHOD_ORDER.indexOf(b);
const choiceOf = (...models: ModelInfo[]) => ({
  ...firstChoice({}),
  models: new Map(models.map((one) => [one.id, null])),
});

describe('the form', () => {
  test('says why zero-shot does not apply, and for whom it is drawn', () => {
    expect(whyNot('zero-shot', [net])).toMatch(/net has no text side/);
    expect(whyNot('zero-shot', [net, clip])).toBeNull();
    expect(whyNot('knn', [net])).toBeNull();
    expect(whyNot('zs-probe', [net])).toMatch(/net has no text side/);
    expect(whyNone(['zero-shot', 'knn', 'clap'], [net])).toBe(
      'Zero-shot and CLAP compare images with captions, and net has no text side. Choose a CLIP-like model for them.',
    );
    const hog = { ...model('hog', false), family: 'hog' as const };
    expect(whyNone(['clap', 'fine-tune', 'lora', 'flyp'], [hog]), 'captions and weights are both told').toBe(
      'CLAP and FLYP compare images with captions, and hog has no text side. Choose a CLIP-like model for them. Fine-tune and LoRA: hog has no weights to train. Get a model under Models.',
    );
    expect(partly([net, clip])).toBe('Methods with captions are drawn for clip only: net has no text side.');
    expect(partly([clip])).toBeNull();
    expect(methodsChosen(choiceOf(net), [net])).not.toContain('zero-shot');
  });

  test('trains nothing unless asked, and never what has no weights', () => {
    expect(methodsChosen(choiceOf(clip), [clip]).filter(isTrained)).toEqual([]);
    const all = { ...choiceOf(clip), methodsOff: new Set<never>() };
    expect(methodsChosen(all, [clip]).filter(isTrained)).toEqual([...TRAINED_METHOD_IDS].sort(byOrder));
    const hog = { ...net, id: 'hog', name: 'hog', family: 'hog' as const };
    expect(methodsChosen(all, [hog]).filter(isTrained)).toEqual([]);
    expect(whyNot('lora', [hog])).toBe('LoRA: hog has no weights to train. Get a model under Models.');
    expect(whyNot('lora', [hog, net])).toBeNull();
    expect(rowsAsked({ ...all, seeds: 1, shots: new Set([4]) }, [hog, clip], isTrained)).toBe(6);
  });

  test('counts rows: zero-shot once a model, the others per shot count and seed, captions where there is text', () => {
    expect(rowsAsked(choiceOf(net, clip), [net, clip])).toBe(4 * 2 * 5 * 5 + 2 * 5 * 5 + 1);
    expect(rowsAsked({ ...choiceOf(net), seeds: 1, shots: new Set([4]) }, [net])).toBe(4);
  });

  test('warns of shot counts that some class cannot fill', () => {
    expect(shotsLeftOut(dataset, new Set([1, 32, 64, 'all']))).toBe(
      '32 and 64 labels per class will be left out: iris has 20 training images.',
    );
    expect(shotsLeftOut(dataset, new Set([1, 16]))).toBeNull();
    // They make no rows, so the forecast does not count them.
    const filled = shotsFilled(dataset, new Set([1, 32, 'all']));
    expect([...filled]).toEqual([1, 'all']);
    expect(rowsAsked({ ...choiceOf(net), seeds: 1, shots: filled }, [net])).toBe(4 * 2);
  });

  test('names what is missing before it can start', () => {
    expect(notReady(choiceOf(net), undefined, [net])).toBe('Choose a dataset.');
    expect(notReady(choiceOf(net), { ...dataset, state: 'importing' }, [net])).toMatch(/still being imported/);
    expect(notReady(choiceOf(), dataset, [])).toBe('Choose a model.');
    expect(notReady({ ...choiceOf(net), shots: new Set() }, dataset, [net])).toBe('Choose a shot count.');
    expect(notReady(choiceOf(net), dataset, [{ ...net, problem: 'model.onnx is missing.' }])).toBe(
      'model.onnx is missing.',
    );
    expect(notReady(choiceOf(net), dataset, [net])).toBeNull();
    const worded = { ...choiceOf(clip), templates: ['a photo'] };
    expect(notReady(worded, dataset, [clip])).toBe('The template “a photo” needs {} where the class goes.');
    expect(notReady({ ...worded, ...choiceOf(net), templates: worded.templates }, dataset, [net])).toBeNull();
  });

  test('sends params that the engine accepts, captions only where they count', () => {
    const choice = {
      ...choiceOf(net),
      shots: new Set([16, 'all', 2] as const),
      templates: ['a {}', ' '],
      models: new Map([['net', 'logits']]),
    };
    const parsed = compareParams.parse(paramsOf(choice, 3, [net]));
    expect(parsed).toMatchObject({
      datasetId: 3,
      models: [{ id: 'net', output: 'logits' }],
      shots: [2, 16, 'all'],
      templates: [],
    });
    expect(parsed.device).toBeUndefined();
    expect(
      compareParams.parse(paramsOf({ ...choice, models: new Map([['clip', null]]) }, 3, [clip])).templates,
    ).toEqual(['a {}']);
  });
});

const comparison = (part: Partial<Comparison>): Comparison => ({
  id: 1,
  jobId: 1,
  datasetId: 3,
  datasetName: 'flowers',
  models: ['net'],
  methods: [],
  status: 'done',
  rows: 0,
  expectedRows: 0,
  createdAt: '2026-11-23T12:00:00Z',
  results: [],
  summary: [],
  crossings: [],
  omitted: [],
  baselines: { chance: 0.5, majority: 0.5 },
  testItems: 40,
  report: null,
  ...part,
});

describe('a run', () => {
  const done = comparison({
    summary: [...lineOf('knn', [0.5, 0.9]), ...lineOf('linear-probe', [0.6, 0.8])].map((row) => ({
      ...row,
      model: 'net',
    })),
  });

  test('begins with the best point at the last shot count, and says so', () => {
    expect(bestPoint(done)).toEqual({ method: 'knn', model: 'net', shots: 2 });
    expect(whatIsSeen(done)).toBe('k-NN is best with 2 labels per class: 90.0 %; chance 50.0 %.');
    expect(bestPoint(comparison({}))).toBeNull();
    expect(whatIsSeen(comparison({}))).toBeNull();
  });

  test('a zero-shot row does not count as the last shot count', () => {
    const rows = [...done.summary, summaryRow('zero-shot', 0, 0.95, null, 'net')];
    expect(bestPoint(comparison({ summary: rows }))!.method).toBe('knn');
    expect(bestPoint(comparison({ summary: rows.slice(-1) }))).toEqual({ method: 'zero-shot', model: 'net', shots: 0 });
  });

  test('has places for rows still to come', () => {
    const job = { params: { shots: ['all', 4, 1], methods: ['knn', 'zero-shot'] } } as unknown as Job;
    const live = comparison({ status: 'running', omitted: [{ shots: 4, reason: 'too few' }] });
    expect(plannedShots(job, live)).toEqual([1, 'all']);
    expect(plannedMethods(job, live)).toEqual(['zero-shot', 'knn']);
    expect(plannedMethods(undefined, live)).toHaveLength(4);
    expect(plannedMethods(job, done)).toEqual(['linear-probe', 'knn']);
    const paused = comparison({ status: 'paused', models: ['net'], summary: [] });
    expect(plannedMethods(job, paused), 'rows that come once it is resumed').toEqual(['zero-shot', 'knn']);
    expect(tableLines(paused, ['knn'], [net])).toHaveLength(1);
    expect(methodsLeftOut(paused, [net])).toEqual([]);
  });

  test('the table waits for no row that a model cannot have', () => {
    const live = comparison({ status: 'running', models: ['net:pooler_output', 'clip'], summary: [] });
    const lines = tableLines(live, ['zero-shot', 'knn', 'clap'], [net, clip]);
    expect(lines.map((line) => `${line.method} ${line.model}`)).toEqual([
      'knn net:pooler_output',
      'knn clip',
      'clap clip',
    ]);
    expect(tableLines(live, ['clap'], []), 'while the models are not known').toHaveLength(2);
  });

  test('overlaid runs are named, a hidden method is hidden in all', () => {
    const lines = linesOf(done, [{ ...done, id: 7 }], new Set(['knn']));
    expect(lines.map((line) => [line.method, line.run])).toEqual([
      ['linear-probe', null],
      ['linear-probe', 'run 7'],
    ]);
    expect(new Set(lines.map((line) => line.key)).size).toBe(2);
  });

  test('what was left out is told once per reason', () => {
    const omitted = [
      { shots: 32, reason: 'iris has 20.' },
      { shots: 64, reason: 'iris has 20.' },
      { method: 'zero-shot', model: 'net', reason: 'no text side' } as const,
      { method: 'knn', model: 'net', shots: 8, seed: 2, reason: 'it failed' } as const,
    ];
    expect(omittedByReason(omitted)).toEqual([
      { reason: 'iris has 20.', what: ['32 labels per class', '64 labels per class'] },
      { reason: 'no text side', what: ['Zero-shot on net'] },
      { reason: 'it failed', what: ['k-NN on net, 8 labels per class, seed 2'] },
    ]);
    expect(methodsLeftOut(done, [net]).map((one) => one.method)).toEqual(['zero-shot']);
    expect(methodsLeftOut({ ...done, status: 'running' }, [net])).toEqual([]);
  });
});
