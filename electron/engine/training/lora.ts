// Low-rank adapters (LoRA): y = xW + (alpha / rank) (dropout(x) A) B beside frozen matrices, and their merging for export.
//
// The product A B is never formed while training: forming it would ask for the gradient of a whole matrix, a third of what
// full fine-tuning costs, where x A and its gradient cost next to nothing.
// Hu et al. 2021, https://arxiv.org/abs/2106.09685. (CLIP-LoRA's code scales by alpha / sqrt(rank); with its rank of 2 its
// alpha of 1 is 1.41 here.)
import { randomOf } from '../../../shared/protocol.ts';
import type { Flow } from './blocks-flow.ts';
import { uniform } from './build-init.ts';
import type { Graph, Node, Shape, Value } from './graph.ts';
import type { Prepared } from './prepare.ts';
import { float, floatAttr, intAttr, intsAttr } from './rule.ts';
import { sizeOf } from './shape.ts';

export type LoraSettings = { rank: number; alpha: number; dropout?: number };

/** One adapted matrix: A [in, rank] and B [rank, out], or for a convolution A [rank, in, h, w] and B [out, rank, 1, 1]. */
export type Adapter = {
  /** The frozen parameter, with its own layout and numbers. */
  of: string;
  shape: Shape;
  frozen: Float32Array;
  layout: 'in-out' | 'out-in' | 'conv';
  a: string;
  b: string;
  rank: number;
  scale: number;
};
export type AdapterTensor = { name: string; shape: Shape; data: Float32Array; of: string };

/**
 * Dropout's random numbers, an input of the graph so that a resumed run sees the same ones. Every adapted value takes its own
 * stretch of it; matrices fed by the same value (query, key, value) share one.
 */
export type Noise = { name: string; length: number; rate: number };

/** Fills with 0 (dropped) and 1 / (1 - rate) for one step; without a step, with what validation needs: nothing dropped. */
export function fillNoise(noise: Noise, data: Float32Array, seed: number, step: number | null): void {
  if (step === null) return void data.fill(1);
  const random = randomOf(seed, step);
  const kept = 1 / (1 - noise.rate);
  for (let i = 0; i < data.length; i++) data[i] = random() < noise.rate ? 0 : kept;
}

/**
 * Fresh numbers for one step (`into` is used again), or what validation needs. A second tower's are drawn from another stream than
 * the first's.
 */
export function noiseFeeds(
  noises: readonly Noise[],
  { seed, step, into = new Map() }: { seed: number; step: number | null; into?: Map<string, Float32Array> } = PLAIN,
): Record<string, Float32Array> {
  return Object.fromEntries(
    noises.map((noise, tower) => {
      const data = into.get(noise.name) ?? new Float32Array(noise.length);
      into.set(noise.name, data);
      fillNoise(noise, data, seed + tower * TOWER, step);
      return [noise.name, data];
    }),
  );
}
const PLAIN = { seed: 0, step: null };
/** Apart from the seeds that people choose. */
const TOWER = 0x20000000;

/** A place where a target meets data. */
type Site = { node: Node; x: Value; of: string; layout: Adapter['layout']; inSize: Shape; out: number };

/** Adds adapters to the graph; targets in a form that takes none (a matrix on the left, a grouped convolution) are passed over. */
export function addLora(
  { graph: g, parameters }: Prepared,
  flow: Flow,
  targets: Iterable<string>,
  settings: LoraSettings,
  seed: number,
): { adapters: Adapter[]; tensors: AdapterTensor[]; noise: Noise | null } {
  const wanted = new Set(targets);
  const sites = new Map<Node, Site>();
  for (const node of g.nodes) {
    const site = siteOf(flow, node, wanted);
    if (site) sites.set(node, site);
  }
  const adapters = new Map<string, Adapter>();
  const tensors: AdapterTensor[] = [];
  const drop = settings.dropout ? dropper(g, flow, [...sites.values()], settings.dropout) : null;
  const values = new Map<string, { a: Value; b: Value }>();
  const add = ({ of, layout, inSize, out }: Site) => {
    const { shape, data } = parameters.find((p) => p.name === of)!;
    const { rank, alpha } = settings;
    const [aShape, bShape] = shapesOf({ layout, inSize, out }, rank);
    const [a, b] = [`${of}.lora_A`, `${of}.lora_B`];
    values.set(of, { a: g.input(a, aShape), b: g.input(b, bShape) });
    // PyTorch's default for a linear layer: uniform within 1 / sqrt(fan in)
    const limit = sizeOf(inSize) ** -0.5;
    tensors.push({ name: a, shape: aShape, data: uniform(sizeOf(aShape), limit, seed, tensors.length), of });
    tensors.push({ name: b, shape: bShape, data: new Float32Array(sizeOf(bShape)), of });
    adapters.set(of, { of, shape, frozen: data, layout, a, b, rank, scale: alpha / rank });
  };
  for (const site of sites.values()) if (!adapters.has(site.of)) add(site);
  const lows = lowsOf(g, flow, [...sites.values()], values, settings.rank);
  for (const node of g.nodes.splice(0)) {
    g.nodes.push(node);
    const site = sites.get(node);
    if (!site) continue;
    const x = drop ? drop.of(site.x) : site.x;
    adapt(g, site, adapters.get(site.of)!.scale, values.get(site.of)!, x, lows);
  }
  return { adapters: [...adapters.values()], tensors, noise: drop?.noise ?? null };
}

type Lows = (site: Site, x: Value) => Value;

/**
 * x A of a site, [rows, rank]. Where one value feeds several matrices (query, key, value), their A stand side by side: one
 * product forwards, and one each way backwards, where the large x would be read for each.
 */
function lowsOf(
  g: Graph,
  flow: Flow,
  sites: readonly Site[],
  values: ReadonlyMap<string, { a: Value }>,
  rank: number,
): Lows {
  const keyOf = ({ node, x, inSize }: Site) => `${rootOf(flow, x).name} ${inSize} ${intAttr(node.attrs, 'transA', 0)}`;
  const groups = new Map<string, string[]>();
  for (const site of sites) {
    if (site.layout === 'conv') continue;
    const group = groups.get(keyOf(site)) ?? [];
    if (!group.includes(site.of)) groups.set(keyOf(site), [...group, site.of]);
  }
  const made = new Map<string, Value>();
  return (site, x) => {
    const group = groups.get(keyOf(site))!;
    let all = made.get(keyOf(site));
    if (!all) {
      const a = group.map((of) => values.get(of)!.a);
      const together = a.length > 1 ? g.emit('Concat', a, { axis: 1 }) : a[0]!;
      all =
        site.node.op === 'Gemm'
          ? g.gemm(x, together, { transA: intAttr(site.node.attrs, 'transA', 0) === 1 })
          : g.gemm(asRows(g, x), together);
      made.set(keyOf(site), all);
    }
    const at = group.indexOf(site.of);
    return group.length > 1 ? g.slice(all, 1, at * rank, (at + 1) * rank) : all;
  };
}

const asRows = (g: Graph, v: Value) => g.reshape(v, [sizeOf(v.shape.slice(0, -1)), v.shape.at(-1)!]);

const shapesOf = ({ layout, inSize, out }: Pick<Site, 'layout' | 'inSize' | 'out'>, rank: number): [Shape, Shape] =>
  layout === 'conv'
    ? [
        [rank, ...inSize],
        [out, rank, 1, 1],
      ]
    : [
        [...inSize, rank],
        [rank, out],
      ];

function siteOf(flow: Flow, node: Node, wanted: ReadonlySet<string>): Site | null {
  const [x, w] = node.inputs;
  const names = flow.weightsOf(w ?? null);
  const [of] = names;
  if (!x || !w || names.length !== 1 || !of || !wanted.has(of) || flow.fixed.has(x.name)) return null;
  if (node.op === 'Conv') {
    const isPlain = w.name === of && intAttr(node.attrs, 'group', 1) === 1 && w.shape.length === 4;
    return isPlain ? { node, x, of, layout: 'conv', inSize: w.shape.slice(1), out: w.shape[0]! } : null;
  }
  if (node.op !== 'MatMul' && node.op !== 'Gemm') return null;
  const turned = isTurned(flow, w, of);
  // a Gemm that scales its product would scale the adapter otherwise than the matrix
  if (turned === null || w.shape.length !== 2 || floatAttr(node.attrs, 'alpha', 1) !== 1) return null;
  const transB = intAttr(node.attrs, 'transB', 0) === 1;
  const [inSize, out] = transB ? [w.shape[1]!, w.shape[0]!] : [w.shape[0]!, w.shape[1]!];
  return { node, x, of, layout: turned !== transB ? 'out-in' : 'in-out', inSize: [inSize], out };
}

/** Whether the parameter is transposed on its way to the product; null where something else happens to it. */
function isTurned(flow: Flow, value: Value, of: string): boolean | null {
  if (value.name === of) return false;
  const node = flow.maker.get(value.name);
  const from = node?.inputs[0];
  if (!node || !from) return null;
  const before = isTurned(flow, from, of);
  if (node.op === 'Identity' || node.op === 'Cast') return before;
  const perm = intsAttr(node.attrs, 'perm') ?? [1, 0];
  return node.op === 'Transpose' && String(perm) === '1,0' && before !== null ? !before : null;
}

/** Emits the adapter's nodes; the last takes over the name of the frozen node's output, so that nothing else changes. */
function adapt(g: Graph, site: Site, scale: number, { a, b }: { a: Value; b: Value }, x: Value, lows: Lows): void {
  const { node } = site;
  const y = node.outputs[0]!;
  const frozen: Value = { ...y, name: g.claim(g.fresh(`${y.name}.frozen`)) };
  node.outputs = [frozen, ...node.outputs.slice(1)];
  if (site.layout === 'conv') {
    const low = g.emit('Conv', [x, a], node.attrs);
    const pointwise = { kernel_shape: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };
    g.add(frozen, g.emit('Conv', [g.scale(low, scale), b], pointwise));
  } else {
    const sum = g.emit('Gemm', [lows(site, x), b, asRows(g, frozen)], { alpha: float(scale) });
    g.reshape(sum, y.shape);
  }
  g.nodes.at(-1)!.outputs = [y];
}

/** A prime: stretches that begin a few of them apart share no alignment with rows or features. */
const STRIDE = 4099;

function dropper(g: Graph, flow: Flow, sites: readonly Site[], rate: number) {
  const starts = new Map<string, number>();
  const keyOf = (x: Value) => `${rootOf(flow, x).name} [${x.shape}]`;
  for (const { x } of sites) if (!starts.has(keyOf(x))) starts.set(keyOf(x), starts.size * STRIDE);
  const length = Math.max(0, ...sites.map(({ x }) => starts.get(keyOf(x))! + sizeOf(x.shape)));
  const noise: Noise = { name: 'lora.noise', length, rate };
  const input = g.input(noise.name, [length]);
  const made = new Map<string, Value>();
  return {
    noise,
    of(x: Value): Value {
      const key = keyOf(x);
      const start = starts.get(key)!;
      const there = made.get(key);
      if (there) return there;
      const mask = g.reshape(g.slice(input, 0, start, start + sizeOf(x.shape)), x.shape);
      const dropped = g.mul(x, mask);
      made.set(key, dropped);
      return dropped;
    },
  };
}

/** Looks back through Reshape: an export reshapes one value once for each of query, key and value. */
function rootOf(flow: Flow, x: Value): Value {
  const node = flow.maker.get(x.name);
  return node?.op === 'Reshape' ? rootOf(flow, node.inputs[0]!) : x;
}

/** W + scale A B for every adapted matrix, in the layout that the file holds it in. `values`: the trained A and B by name. */
export function mergeLora(
  adapters: readonly Adapter[],
  values: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  return new Map(adapters.map((adapter) => [adapter.of, merged(adapter, values)]));
}

function merged(
  { shape, frozen, layout, a, b, rank, scale }: Adapter,
  values: ReadonlyMap<string, Float32Array>,
): Float32Array {
  const A = values.get(a);
  const B = values.get(b);
  if (!A || !B) throw new Error(`The trained tensors ${a} and ${b} are missing.`);
  const w = Float32Array.from(frozen);
  // seen as [rows, columns] in the file's own layout, W gains scale L R with L [rows, rank] and R [rank, columns]
  const rows = shape[0]!;
  const columns = sizeOf(shape.slice(1));
  const left = (i: number, r: number) =>
    layout === 'in-out' ? A[i * rank + r]! : layout === 'conv' ? B[i * rank + r]! : B[r * rows + i]!;
  const right = (r: number, j: number) =>
    layout === 'in-out' ? B[r * columns + j]! : layout === 'conv' ? A[r * columns + j]! : A[j * rank + r]!;
  for (let i = 0; i < rows; i++)
    for (let r = 0; r < rank; r++) {
      const k = scale * left(i, r);
      if (k === 0) continue;
      for (let j = 0; j < columns; j++) w[i * columns + j]! += k * right(r, j);
    }
  return w;
}
