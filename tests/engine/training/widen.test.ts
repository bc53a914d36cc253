// Hidden layers made wider train to the same numbers, what was added stays zero, and where it could not, nothing is changed.
import { expect, test } from 'vitest';
import { createGraph, type Graph, type Value } from '../../../electron/engine/training/graph.ts';
import { crossEntropy } from '../../../electron/engine/training/losses.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { planTraining, type TrainedTensor } from '../../../electron/engine/training/plan.ts';
import { float } from '../../../electron/engine/training/rule.ts';
import { createTrainer } from '../../../electron/engine/training/trainer.ts';
import { widen, withoutZeros } from '../../../electron/engine/training/widen.ts';
import { drawn } from './adapt.ts';

const threadFile = new URL('../../../electron/engine/workers/optimizer.ts', import.meta.url);
const [ROWS, IN, HIDDEN, OUT] = [6, 8, 1024, 3];

type Mlp = { g: Graph; x: Value; y: Value; tensors: TrainedTensor[] };

/** x [6, 8] -> [6, 1024] -> [6, 3]; `frozen`: names whose numbers are constants of the graph. */
function mlp(layer: (b: ReturnType<typeof builder>, x: Value) => Value, frozen: string[] = []): Mlp {
  const b = builder(frozen);
  const x = b.g.input('x', [ROWS, IN]);
  const y = layer(b, x);
  b.g.outputs = [y];
  return { g: b.g, x, y, tensors: b.tensors };
}

function builder(frozen: string[]) {
  const g = createGraph(ops);
  const tensors: TrainedTensor[] = [];
  const weight = (name: string, shape: number[]): Value => {
    const data = drawn(shape, name.length + shape.length).map((v) => v / 8);
    if (frozen.includes(name)) return g.constant(data, shape, 'float32', name);
    tensors.push({ name, shape, data, decay: true });
    return g.input(name, shape);
  };
  const linear = (name: string, x: Value, out: number) =>
    g.add(g.matmul(x, weight(`${name}.w`, [x.shape.at(-1)!, out])), weight(`${name}.b`, [out]));
  return { g, tensors, weight, linear };
}

type Build = ReturnType<typeof builder>;
const gelu = ({ g }: Build, h: Value) =>
  g.scale(g.mul(h, g.add(g.emit('Erf', [g.div(h, g.scalar(Math.SQRT2))]), g.scalar(1))), 0.5);
const quick = ({ g }: Build, h: Value) => g.mul(h, g.emit('Sigmoid', [g.scale(h, 1.702)]));

const layers: Record<string, { make: (b: Build, x: Value) => Value; frozen?: string[]; wider: string[] }> = {
  'two products and a bias, GELU of four ops': {
    make: (b, x) => b.linear('down', gelu(b, b.linear('up', x, HIDDEN)), OUT),
    wider: ['down.w', 'up.b', 'up.w'],
  },
  'CLIP’s GELU, and rows of several images': {
    make: (b, x) => {
      const h = quick(b, b.linear('up', b.g.reshape(x, [2, ROWS / 2, IN]), HIDDEN));
      return b.linear('down', b.g.reshape(h, [ROWS, HIDDEN]), OUT);
    },
    wider: ['down.w', 'up.b', 'up.w'],
  },
  'weights stored the other way round': {
    make: (b, x) => {
      const h = b.g.gemm(x, b.weight('up.w', [HIDDEN, IN]), { transB: true, bias: b.weight('up.b', [HIDDEN]) });
      const down = b.weight('down.w', [OUT, HIDDEN]);
      return b.g.gemm(b.g.emit('Relu', [h]), down, { transB: true, bias: b.weight('down.b', [OUT]) });
    },
    wider: ['down.w', 'up.b', 'up.w'],
  },
  'a gate beside it (SwiGLU)': {
    make: (b, x) => {
      const gate = b.linear('gate', x, HIDDEN);
      return b.linear('down', b.g.mul(b.g.mul(gate, b.g.emit('Sigmoid', [gate])), b.linear('up', x, HIDDEN)), OUT);
    },
    wider: ['down.w', 'gate.b', 'gate.w', 'up.b', 'up.w'],
  },
  'only the second product is trained': {
    make: (b, x) => b.linear('down', gelu(b, b.linear('up', x, HIDDEN)), OUT),
    frozen: ['up.w', 'up.b'],
    wider: ['down.w'],
  },
};

async function train({ g, y, tensors }: Mlp, wide: boolean) {
  const plan = planTraining(g, tensors, [y], (graph) => crossEntropy(graph, y, graph.input('targets', [ROWS, OUT])), {
    wide,
  });
  const trainer = await createTrainer(plan, {
    optimizer: { kind: 'adamw' },
    threads: 1,
    device: 'cpu',
    average: 0.9,
    parts: 1,
    threadFile,
  });
  const targets = Float32Array.from({ length: ROWS * OUT }, (_, i) => (Math.floor(i / OUT) % OUT === i % OUT ? 1 : 0));
  const losses: number[] = [];
  for (let i = 0; i < 4; i++)
    losses.push((await trainer.step([{ x: drawn([ROWS, IN], 1), targets }], { lr: 1e-2, clip: 1 })).loss);
  const stored = new Map([...(await trainer.tensors())].map(([name, data]) => [name, data.slice()]));
  await trainer.close();
  const shapes = new Map(plan.tensors.map((t) => [t.name, t.shape]));
  const own = new Map(
    tensors.map(({ name, shape }) => [name, withoutZeros(stored.get(name)!, shapes.get(name)!, shape)] as const),
  );
  return { plan, losses, stored, own };
}

test.each(Object.entries(layers))('%s', async (_name, { make, frozen, wider }) => {
  const plain = await train(mlp(make, frozen), false);
  const wide = await train(mlp(make, frozen), true);
  expect(plain.plan.narrow.size).toBe(0);
  expect([...wide.plan.narrow.keys()].sort()).toEqual(wider);
  for (const [i, loss] of wide.losses.entries()) expect(Math.abs(loss / plain.losses[i]! - 1)).toBeLessThan(1e-5);
  expect(wide.losses[3]).toBeLessThan(wide.losses[0]!);
  for (const [name, data] of wide.own) {
    const other = plain.own.get(name)!;
    expect(data.length).toBe(other.length);
    for (const [i, value] of data.entries()) expect(Math.abs(value - other[i]!)).toBeLessThan(1e-4);
    // what was added has stayed zero: nothing of the sum lies outside the tensor's own shape
    const total = (values: Float32Array) => values.reduce((sum, v) => sum + Math.abs(v), 0);
    expect(wide.stored.get(name)!.length > data.length).toBe(wider.includes(name));
    expect(wide.stored.get(name)!.filter((v) => v !== 0).length).toBe(data.filter((v) => v !== 0).length);
    expect(total(wide.stored.get(name)!)).toBeCloseTo(total(data), 3);
  }
});

const refused: Record<string, (b: Build, x: Value) => Value> = {
  'a layer of another width': (b, x) => b.linear('down', b.g.emit('Relu', [b.linear('up', x, 1000)]), OUT),
  'numbers that are read whole': (b, x) =>
    b.linear('down', b.g.emit('Softmax', [b.linear('up', x, HIDDEN)], { axis: -1 }), OUT),
  'a layer without an end': (b, x) => b.g.mean(b.linear('up', x, HIDDEN), [1]),
  'zeros that do not stay zero': (b, x) => b.linear('down', b.g.emit('Sigmoid', [b.linear('up', x, HIDDEN)]), OUT),
  'a slope that is not finite at zero': (b, x) => {
    const root = b.g.emit('Pow', [b.g.mul(b.linear('up', x, HIDDEN), b.g.scalar(1)), b.g.scalar(0.5)]);
    return b.linear('down', root, OUT);
  },
  'a residual as wide': (b, x) => {
    const h = b.g.emit('Relu', [b.linear('up', x, HIDDEN)]);
    return b.linear('down', b.g.add(h, b.linear('square', h, HIDDEN)), OUT);
  },
  'weights that something else reads': (b, x) => {
    const w = b.weight('up.w', [IN, HIDDEN]);
    const h = b.g.emit('Relu', [b.g.matmul(x, w)]);
    return b.g.add(b.linear('down', h, OUT), b.g.mean(w, [0, 1]));
  },
  'an addition of its own (an adapter)': (b, x) => {
    const low = b.g.gemm(b.g.matmul(x, b.weight('a', [IN, 2])), b.weight('b', [2, HIDDEN]));
    const h = b.g.gemm(x, b.weight('up.w', [IN, HIDDEN]), { bias: low });
    return b.linear('down', b.g.emit('Relu', [h]), OUT);
  },
};
test.each(Object.entries(refused))('left alone: %s', (_name, make) => {
  const { g, tensors } = mlp(make);
  const shapes = () => JSON.stringify([g.nodes.map((n) => [n.op, n.inputs, n.outputs]), g.inputs]);
  const before = shapes();
  const { tensors: after, narrow } = widen(g, tensors);
  expect(narrow.size).toBe(0);
  expect(after).toEqual(tensors);
  expect(shapes()).toBe(before);
});

test('a Gemm that scales its product and its bias is widened too', () => {
  const { g, tensors } = mlp((b, x) => {
    const h = b.g.emit('Gemm', [x, b.weight('up.w', [IN, HIDDEN]), b.weight('up.b', [HIDDEN])], {
      alpha: float(2),
      beta: float(2),
    });
    return b.linear('down', b.g.emit('Relu', [h]), OUT);
  });
  expect([...widen(g, tensors).narrow.keys()].sort()).toEqual(['down.w', 'up.b', 'up.w']);
});
