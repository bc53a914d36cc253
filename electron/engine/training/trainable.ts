// Which tensors a run trains: everything, the last blocks, low-rank adapters, biases and norms, or nothing of the model.
import { pullBack } from './backward.ts';
import { type Block, type Blocks, blocksOf } from './blocks.ts';
import { type Flow, flowOfPrepared } from './blocks-flow.ts';
import type { Graph, Value } from './graph.ts';
import { type Adapter, addLora, type Noise } from './lora.ts';
import { loraTargets } from './lora-targets.ts';
import { ops } from './ops/index.ts';
import type { TrainedTensor } from './plan.ts';
import type { Parameter, Prepared } from './prepare.ts';
import { TrainingError } from './rule.ts';

export type Mode =
  | { kind: 'full' }
  /** The last blocks and what follows them. */
  | { kind: 'last'; blocks: number }
  | { kind: 'lora'; rank: number; alpha: number; targets: readonly string[]; dropout?: number }
  /** All biases and norm parameters (BitFit with LayerNorm). */
  | { kind: 'biases' }
  /** Nothing of the model: a head on its features. */
  | { kind: 'none' };

export type TrainableTensor = TrainedTensor & {
  block: Block;
  /** The parameter of the model it is, or adapts. */
  of: string | null;
};

export type Trainable = {
  /** Frozen parameters are constants now, trained ones inputs. */
  graph: Graph;
  parameters: TrainableTensor[];
  blocks: Blocks;
  /** With LoRA: what `mergeLora` needs. */
  adapters: Adapter[];
  /** With LoRA's dropout: an input that `fillNoise` fills before every step. */
  noise: Noise | null;
};

export type MarkOptions = {
  /** 'matrices' (as is usual) spares biases, norms and everything one-dimensional from weight decay; 'all' spares nothing. */
  decay?: 'matrices' | 'all';
  /** Of the adapters' first values. */
  seed?: number;
};

/**
 * Freezes all that `mode` does not train. Changes `prepared.graph`, and shares its parameters' data. Throws `TrainingError` for a
 * mode that the model cannot take, and where a gradient would have to pass an op without a rule: naming op, node, and the most
 * that can be trained.
 */
export function markTrainable(prepared: Prepared, mode: Mode, options: MarkOptions = {}): Trainable {
  const { graph, parameters } = prepared;
  checkFresh(prepared);
  checkMode(mode);
  const flow = flowOfPrepared(prepared);
  const blocks = blocksOf(prepared);
  const block = (name: string) => blocks.of.get(name) ?? 'stem';
  const chosen = parameters.filter((p) => flow.meets.has(p.name) && isChosen(p, mode, blocks));
  if (chosen.length === 0 && mode.kind !== 'none' && mode.kind !== 'lora')
    throw new TrainingError(`The model has no parameters that "${labelOf(mode)}" would train.`);
  const lora =
    mode.kind === 'lora'
      ? addLora(prepared, flow, loraTargets(prepared, flow, blocks, mode.targets).keys(), mode, options.seed ?? 0)
      : { adapters: [], tensors: [], noise: null };
  const decays = (p: { shape: readonly number[] }) => options.decay === 'all' || !isVector(p.shape);
  const tensors: TrainableTensor[] = [
    ...chosen.map(({ name, shape, data, ...p }) => ({
      name,
      shape,
      data,
      decay: decays({ shape }) && (options.decay === 'all' || !isBiasOrNorm({ name, shape, data, ...p })),
      block: block(name),
      of: name,
    })),
    ...lora.tensors.map((t) => ({ ...t, decay: true, block: block(t.of) })),
  ];
  if (mode.kind === 'lora' && tensors.length === 0)
    throw new TrainingError(
      'LoRA finds no matrix in a form it can adapt in this model. Train the last blocks instead.',
    );
  checkGradients(prepared, flow, blocks, mode, tensors);
  freeze(graph, parameters, new Set(tensors.map((t) => t.name)));
  order(graph, tensors);
  return { graph, parameters: tensors, blocks, adapters: lora.adapters, noise: lora.noise };
}

function checkFresh({ graph, parameters }: Prepared): void {
  const inputs = new Set(graph.inputs.map((value) => value.name));
  const frozen = parameters.find((p) => !inputs.has(p.name));
  if (frozen) throw new Error(`${frozen.name} is frozen already: markTrainable takes each prepared model once.`);
}

function checkMode(mode: Mode): void {
  if (mode.kind === 'last' && !(Number.isInteger(mode.blocks) && mode.blocks >= 0))
    throw new TrainingError(`The number of last blocks is a whole number from 0 on, not ${mode.blocks}.`);
  if (mode.kind !== 'lora') return;
  if (!(Number.isInteger(mode.rank) && mode.rank >= 1))
    throw new TrainingError(`LoRA's rank is a whole number from 1 on, not ${mode.rank}.`);
  const rate = mode.dropout ?? 0;
  if (!(rate >= 0 && rate < 1)) throw new TrainingError(`LoRA's dropout is from 0 to below 1, not ${rate}.`);
}

export function labelOf(mode: Mode): string {
  if (mode.kind === 'last') return mode.blocks === 1 ? 'the last block' : `the last ${mode.blocks} blocks`;
  if (mode.kind === 'lora') return `LoRA on ${mode.targets.join(', ')}`;
  return { full: 'everything', biases: 'biases and norms', none: 'the head alone' }[mode.kind];
}

function isChosen(p: Parameter, mode: Mode, blocks: Blocks): boolean {
  if (mode.kind === 'full') return true;
  if (mode.kind === 'biases') return isBiasOrNorm(p);
  return mode.kind === 'last' && isLast(p.name, mode.blocks, blocks);
}

/** More blocks than there are: all of them, but not the stem. */
function isLast(name: string, k: number, blocks: Blocks): boolean {
  const block = blocks.of.get(name);
  return block === 'head' || (typeof block === 'number' && block >= blocks.count - k);
}

/** One axis at most that is longer than 1. */
const isVector = (shape: readonly number[]) => shape.filter((d) => d > 1).length <= 1;

const ELEMENTWISE = new Set(['Add', 'Sub', 'Mul']);
const WITH_BIAS = new Set(['Conv', 'ConvTranspose', 'Gemm']);
/** Vectors that are added or multiplied on, or given to a norm: not a class token, which is concatenated. */
const isBiasOrNorm = (p: Parameter) =>
  isVector(p.shape) &&
  p.uses.every(
    ({ op, input }) => ELEMENTWISE.has(op) || /Normalization$/.test(op) || (WITH_BIAS.has(op) && input === 2),
  );

function freeze(graph: Graph, parameters: readonly Parameter[], trained: ReadonlySet<string>): void {
  const frozen = new Map(parameters.filter((p) => !trained.has(p.name)).map((p) => [p.name, p]));
  for (const value of graph.inputs) {
    const p = frozen.get(value.name);
    if (p) graph.constants.set(value.name, { value, data: p.data });
  }
  graph.inputs = graph.inputs.filter((value) => !frozen.has(value.name));
}

/** Data first, then the trained tensors in their order. */
function order(graph: Graph, tensors: readonly TrainableTensor[]): void {
  const place = new Map(tensors.map((t, i) => [t.name, i]));
  graph.inputs = graph.inputs.toSorted((a, b) => (place.get(a.name) ?? -1) - (place.get(b.name) ?? -1));
}

function checkGradients(
  { graph, parameters }: Prepared,
  flow: Flow,
  blocks: Blocks,
  mode: Mode,
  tensors: readonly TrainableTensor[],
): void {
  const problem = gradientProblem(graph, namesOf(tensors));
  if (!problem) return;
  const used = parameters.filter((p) => flow.meets.has(p.name));
  for (let k = blocks.count; k >= 0; k--) {
    if (mode.kind === 'last' && k >= mode.blocks) continue;
    const part = used.filter((p) => isLast(p.name, k, blocks));
    if (part.length === 0 || gradientProblem(graph, namesOf(part))) continue;
    const most = k === 0 ? 'what follows its last block' : labelOf({ kind: 'last', blocks: k });
    throw new TrainingError(`${sentence(problem)} The most that can be trained of this model is ${most}.`);
  }
  throw new TrainingError(
    `${sentence(problem)} Nothing of this model can be trained: train a head on its frozen features.`,
  );
}

const namesOf = (list: readonly { name: string }[]) => new Set(list.map((p) => p.name));
/** What is wrong, without the general advice after it. */
const sentence = (error: Error) => `${error.message.split('. ')[0]!.replace(/\.$/, '')}.`;

/** Tries to differentiate, and leaves the graph as it was. */
function gradientProblem(graph: Graph, names: ReadonlySet<string>): TrainingError | null {
  const nodes = [...graph.nodes];
  const outputs = nodes.map((node) => [...node.outputs]);
  try {
    const isFloat = (value: Value) => value.dtype === 'float32';
    const seeds = new Map(graph.outputs.filter(isFloat).map((value) => [value.name, graph.full(value.shape, 1)]));
    graph.nodes.splice(0, graph.nodes.length, ...nodes); // without the seeds' own
    pullBack(
      graph,
      ops,
      seeds,
      graph.inputs.filter((value) => names.has(value.name)),
    );
    return null;
  } catch (error) {
    if (error instanceof TrainingError) return error;
    throw error;
  } finally {
    graph.nodes.splice(0, graph.nodes.length, ...nodes);
    nodes.forEach((node, i) => {
      node.outputs = outputs[i]!;
    });
  }
}
