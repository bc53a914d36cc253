// AdamW and SGD as a graph, for weights that live on a GPU: the same formulas as the passes over memory (kernels.ts).
import { createGraph, type Graph, type Shape, type Value } from './graph.ts';
import { ops } from './ops/index.ts';
import { adamwTable, type OptimizerSettings, type StepOptions, sgdTable } from './optimizer.ts';
import type { TrainedTensor } from './plan.ts';
import type { StoredArray } from './store.ts';

export type UpdateGraph = {
  graph: Graph;
  /** Output -> the array and tensor that it replaces. */
  replaces: ReadonlyMap<string, { array: StoredArray; name: string }>;
  /** The output that is the gradients' L2 norm; null without clipping. */
  norm: string | null;
  /** The numbers of one step, by input. */
  scalars(options: StepOptions): Map<string, number>;
};

/** The input that holds a tensor's numbers of one kind. */
export const inputOf = (array: StoredArray | 'gradients', name: string) => `${array}/${name}`;

/** Tensors whose learning rate and decay are alike share the numbers of a step. */
type Group = { decay: boolean; rate: number };

/** One update of every tensor; `clipped`: scaled to the global norm that the input `clip` allows. */
export function updateGraph(
  tensors: readonly Omit<TrainedTensor, 'data'>[],
  settings: OptimizerSettings,
  { average, clipped }: { average: boolean; clipped: boolean },
): UpdateGraph {
  const g = createGraph(ops);
  const replaces = new Map<string, { array: StoredArray; name: string }>();
  const scalarOf = scalarInputs(g);
  const groups: Group[] = [];
  const gradients = tensors.map(({ name, shape }) => g.input(inputOf('gradients', name), shape));
  const share = scalarOf('share');
  const norm = clipped ? g.mul(g.emit('Sqrt', [sumOfSquares(g, gradients)]), share) : null;
  const scale = norm ? g.mul(g.emit('Min', [allowed(g, scalarOf('clip'), norm), g.scalar(1)]), share) : share;
  for (const [i, { name, shape, decay, rate = 1, most }] of tensors.entries()) {
    const give = (array: StoredArray, value: Value) => {
      replaces.set(value.name, { array, name });
      g.outputs.push(value);
    };
    const take = (array: StoredArray) => g.input(inputOf(array, name), shape);
    let group = groups.findIndex((other) => other.decay === decay && other.rate === rate);
    if (group < 0) group = groups.push({ decay, rate }) - 1;
    const of = (key: string) => scalarOf(`${key}.${group}`);
    const grad = g.mul(gradients[i]!, scale);
    const made = (settings.kind === 'adamw' ? adamw : sgd)(g, grad, take, give, of, scalarOf);
    // the average is of the weights as the step left them, as in memory
    if (average) {
      const before = take('average');
      give('average', g.add(before, g.mul(scalarOf('blend'), g.sub(made, before))));
    }
    give('weights', most === undefined ? made : g.emit('Min', [made, g.scalar(most)]));
  }
  if (norm) g.outputs.push(norm);
  return {
    graph: g,
    replaces,
    norm: norm?.name ?? null,
    scalars: (options) => scalarsOf(settings, groups, options),
  };
}

type Parts = (
  g: Graph,
  grad: Value,
  take: (array: StoredArray) => Value,
  give: (array: StoredArray, value: Value) => void,
  /** A number of the tensor's group, and one of all. */
  of: (key: string) => Value,
  all: (key: string) => Value,
) => Value;

const adamw: Parts = (g, grad, take, give, of, all) => {
  const [w, m, v] = [take('weights'), take('first'), take('second')];
  const mean = g.add(m, g.mul(all('one1'), g.sub(grad, m)));
  const square = g.add(g.mul(v, all('beta2')), g.mul(all('one2'), g.mul(grad, grad)));
  give('first', mean);
  give('second', square);
  const under = g.add(g.mul(g.emit('Sqrt', [square]), all('inverse')), all('epsilon'));
  return g.sub(g.mul(w, of('keep')), g.div(g.mul(of('step'), mean), under));
};

const sgd: Parts = (g, grad, take, give, of, all) => {
  const [w, b] = [take('weights'), take('first')];
  const moment = g.add(g.mul(b, all('momentum')), g.add(grad, g.mul(of('decay'), w)));
  give('first', moment);
  return g.sub(w, g.mul(of('lr'), moment));
};

function scalarsOf(settings: OptimizerSettings, groups: readonly Group[], options: StepOptions): Map<string, number> {
  const { step, lr, clip, parts, average } = options;
  const out = new Map([
    ['share', 1 / parts],
    ['clip', clip],
    ['blend', 1 - average],
  ]);
  const put = (keys: readonly string[], values: readonly number[]) => {
    for (const [i, key] of keys.entries()) out.set(key, values[i]!);
  };
  for (const [i, { decay, rate }] of groups.entries())
    if (settings.kind === 'adamw')
      put(
        [`keep.${i}`, 'one1', 'beta2', 'one2', 'inverse', 'epsilon', `step.${i}`],
        adamwTable(settings, step, lr * rate, decay),
      );
    else put([`decay.${i}`, 'momentum', `lr.${i}`], sgdTable(settings, lr * rate, decay));
  return out;
}

/** Inputs of shape [], made when they are first asked for. */
function scalarInputs(g: Graph): (key: string) => Value {
  const made = new Map<string, Value>();
  return (key) => {
    const value = made.get(key) ?? g.input(key, []);
    made.set(key, value);
    return value;
  };
}

const allowed = (g: Graph, clip: Value, norm: Value) => g.div(clip, g.add(norm, g.scalar(1e-6)));

/** Over the last axis first: one thread of a GPU would else add up a whole matrix. */
function sumOfSquares(g: Graph, values: readonly Value[]): Value {
  const axesOf = (shape: Shape) => [...shape.keys()];
  const sums = values.map((x) => {
    const rows = x.shape.length > 1 ? g.sum(g.mul(x, x), [x.shape.length - 1]) : g.mul(x, x);
    return g.reshape(g.sum(rows, axesOf(rows.shape)), [1]);
  });
  const all = sums.length > 1 ? g.emit('Concat', sums, { axis: 0 }) : sums[0]!;
  return g.reshape(g.sum(all, [0]), []);
}
