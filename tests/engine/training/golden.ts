// Training golden values computed by PyTorch (../shared/fixtures/README.md), under the names of the ONNX files.
import { existsSync, readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { readNpy } from '../../../electron/engine/npy.ts';
import type { Graph, Value } from '../../../electron/engine/training/graph.ts';
import { crossEntropy, tokenCrossEntropy } from '../../../electron/engine/training/losses.ts';
import { placeOf } from '../../../electron/engine/training/onnx/write.ts';
import { planTraining, type TrainedTensor, type TrainingPlan } from '../../../electron/engine/training/plan.ts';
import { type Prepared, prepare } from '../../../electron/engine/training/prepare.ts';
import { readSafetensors, type Tensors } from '../../../electron/engine/training/safetensors.ts';
import { fixturePath, sharedPath } from '../../helpers/shared.ts';

/** A fixture in the clone, or else in ../shared; null when in neither: skip by name then. */
export function goldenPath(relative: string): string | null {
  const inClone = fixturePath(relative);
  return existsSync(inClone) ? inClone : sharedPath(`fixtures/${relative}`);
}
const required = (relative: string): string => {
  const file = goldenPath(relative);
  if (!file) throw new Error(`${relative} is missing`);
  return file;
};
export const readJson = <T>(relative: string): T => JSON.parse(readFileSync(required(relative), 'utf8')) as T;
export const readArray = (relative: string) => readNpy(readFileSync(required(relative)), relative);
export const readGolden = (relative: string): Tensors => readSafetensors(required(relative)).tensors;

export type Feeds = Record<string, ort.Tensor>;
export type Golden = {
  prepared: Prepared;
  plan: TrainingPlan;
  feeds: Feeds;
  /** PyTorch's name -> the plan's. */
  names: Names;
};
export type Names = ReadonlyMap<string, { onnx: string; transposed: boolean }>;
type NamesFile = Record<string, { onnx: string; transposed: boolean }>;

/** `onnx_names*.json`, with `prefix` before the ONNX names. */
export function readNames(relative: string, prefix = ''): Names {
  const file = readJson<NamesFile & { parameters?: NamesFile }>(relative);
  return new Map(
    Object.entries(file.parameters ?? file).map(([name, { onnx, transposed }]) => [
      name,
      { onnx: prefix + onnx, transposed },
    ]),
  );
}

/** A prepared model's parameters as trained tensors. */
export const tensorsOf = ({ parameters }: Prepared): TrainedTensor[] =>
  parameters.map(({ name, shape, data }) => ({ name, shape, data, decay: true }));

/** Adds `logits = features W' + b` with the golden head; the tensors that are trained with it. */
function addHead(g: Graph, features: Value, init: Tensors): { logits: Value; head: TrainedTensor[] } {
  const head = ['head.weight', 'head.bias'].map((name) => {
    const { shape, data } = init.get(name)!;
    return { name, shape, data: data as Float32Array, decay: true };
  });
  const [w, b] = head.map(({ name, shape }) => g.input(name, shape));
  return { logits: g.gemm(features, w!, { transB: true, bias: b! }), head };
}

export const oneHot = (labels: readonly number[], classes: number): Float32Array =>
  Float32Array.from({ length: labels.length * classes }, (_, i) =>
    labels[Math.floor(i / classes)] === i % classes ? 1 : 0,
  );

/**
 * Images 0..7 of `folder`, mean cross-entropy of a linear head on one output: the runs of tiny-clip and tiny-resnet. `names`:
 * such as `() => readNames('tiny-clip/golden/onnx_names_vision.json')`.
 */
export async function classifierGolden(
  folder: string,
  model: string,
  output: string,
  names: (prepared: Prepared) => Names,
): Promise<Golden> {
  const pixels = readArray(`${folder}/golden/pixel_values.npy`);
  const shape = [8, ...pixels.shape.slice(1)];
  const { labels } = readJson<{ labels: number[] }>(`${folder}/golden/train.json`);
  const init = readGolden(`${folder}/golden/train_init.safetensors`);
  const classes = init.get('head.bias')!.shape[0]!;
  const prepared = await prepare(required(`${folder}/onnx/${model}`), {
    inputs: { pixel_values: shape },
    outputs: [output],
  });
  const { logits, head } = addHead(prepared.graph, prepared.graph.outputs[0]!, init);
  const plan = planTraining(prepared.graph, [...tensorsOf(prepared), ...head], [logits], (g) =>
    crossEntropy(g, logits, g.input('targets', [8, classes])),
  );
  const feeds = {
    pixel_values: new ort.Tensor(
      'float32',
      (pixels.data as Float32Array).slice(
        0,
        shape.reduce((a, b) => a * b),
      ),
      shape,
    ),
    targets: new ort.Tensor('float32', oneHot(labels, classes), [8, classes]),
  };
  const own = head.map(({ name }): [string, { onnx: string; transposed: boolean }] => [
    name,
    { onnx: name, transposed: false },
  ]);
  return { prepared, plan, feeds, names: new Map([...names(prepared), ...own]) };
}

const ints = (values: readonly number[], shape: number[]) =>
  new ort.Tensor('int64', BigInt64Array.from(values, BigInt), shape);

export type Gpt2Json = {
  losses: number[];
  batch: number[][];
  wte_rows: number[];
  wte_summary: { grads: { l2: number } };
  analytically_zero_gradient?: string[];
};

/**
 * tiny-gpt2's next-token cross-entropy, all weights trained, the embedding tied. `rowsOf`: a stored tensor's own out of values by
 * the plan's names; of the embedding only some rows are stored.
 */
export async function gpt2Golden() {
  const json = readJson<Gpt2Json>('tiny-gpt2/golden/train.json');
  const [b, s] = [json.batch.length, json.batch[0]!.length];
  const past = Object.fromEntries(
    [0, 1].flatMap((i) => ['key', 'value'].map((k) => [`past_key_values.${i}.${k}`, [b, 4, 0, 16]])),
  );
  const inputs = { input_ids: [b, s], attention_mask: [b, s], position_ids: [b, s], ...past };
  const prepared = await prepare(required('tiny-gpt2/onnx/model.onnx'), { inputs, outputs: ['logits'] });
  const logits = prepared.graph.outputs[0]!;
  const plan = planTraining(prepared.graph, tensorsOf(prepared), [logits], (g) => {
    const rows = g.reshape(logits, [b * s, logits.shape[2]!]);
    return tokenCrossEntropy(g, rows, g.input('next', [b * s], 'int64'), g.input('weights', [b * s]));
  });
  const flat = (of: (row: number[]) => number[], shape: number[]) => ints(json.batch.flatMap(of), shape);
  const feeds: Feeds = {
    input_ids: flat((row) => row, [b, s]),
    attention_mask: flat((row) => row.map(() => 1), [b, s]),
    position_ids: flat((row) => [...row.keys()], [b, s]),
    next: flat((row) => [...row.slice(1), 0], [b * s]),
    weights: new ort.Tensor(
      'float32',
      json.batch.flatMap((row) => row.map((_, i) => (i + 1 < s ? 1 / (b * (s - 1)) : 0))),
      [b * s],
    ),
  };
  const names = readNames('tiny-gpt2/golden/onnx_names.json');
  const rowsOf = (name: string, values: ReadonlyMap<string, Float32Array>): Float32Array => {
    const whole = name.replace('[rows]', '');
    const all = asGolden(whole, names, values, plan);
    return name === whole
      ? all
      : Float32Array.from(json.wte_rows.flatMap((row) => [...all.subarray(64 * row, 64 * row + 64)]));
  };
  return { json, plan, names, feeds, rowsOf };
}

/** Loss and gradients, by the plan's tensor names, at the weights the plan starts from. */
export async function lossAndGradients(
  plan: TrainingPlan,
  feeds: Feeds,
): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
  const { bytes, holds } = plan.training;
  const session = await ort.InferenceSession.create(bytes, {
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
    externalData: holds.map((name) => ({ path: placeOf(name), data: new Uint8Array(plan.frozen.get(name)!.buffer) })),
  });
  try {
    const weights = plan.tensors.map(({ name, shape, data }) => [name, new ort.Tensor('float32', data, shape)]);
    const out = await session.run({ ...feeds, ...Object.fromEntries(weights) });
    const gradients = [...plan.gradients].map(([name, at]): [string, Float32Array] => [
      name,
      out[at]!.data as Float32Array,
    ]);
    return { loss: Number(out[plan.loss]!.data[0]), gradients: new Map(gradients) };
  } finally {
    await session.release();
  }
}

function transposed(data: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  return Float32Array.from(data, (_, i) => data[(i % rows!) * columns! + Math.floor(i / rows!)]!);
}

/** One of the plan's arrays in PyTorch's layout. */
export function asGolden(
  name: string,
  names: Names,
  arrays: ReadonlyMap<string, Float32Array>,
  plan: TrainingPlan,
): Float32Array {
  const { onnx, transposed: turn } = names.get(name) ?? { onnx: name, transposed: false };
  const data = arrays.get(onnx);
  if (!data) throw new Error(`${name} (${onnx}) is not trained`);
  return turn ? transposed(data, plan.tensors.find((t) => t.name === onnx)!.shape) : data;
}

/** 'x.c_attn.bias[64:128]' -> the tensor's name, and the part of it. */
export function zeroParts(listed: readonly string[]): Map<string, [number, number]> {
  return new Map(
    listed.map((entry) => {
      const [, name, from, to] = /^(.*?)(?:\[(\d+):(\d+)\])?$/.exec(entry)!;
      return [name!, [Number(from ?? 0), Number(to ?? Number.POSITIVE_INFINITY)]];
    }),
  );
}
/** Without that part. */
export const outside = (data: Float32Array, [from, to]: [number, number]) => data.filter((_, i) => i < from || i >= to);

/** The largest difference as a share of the expected tensor's largest entry. */
export function difference(got: Float32Array, expected: Float32Array): number {
  if (got.length !== expected.length) throw new Error(`${got.length} numbers, ${expected.length} expected`);
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < got.length; i++) {
    worst = Math.max(worst, Math.abs(got[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return worst / largest;
}
