// Older forms of operators as opset 20 has them, so that every rule sees one form.
// Source of the changes: https://github.com/onnx/onnx/blob/main/docs/Changelog.md
import type { Attrs, Graph, Node, Value } from '../graph.ts';
import { resizeByProducts } from '../ops/spatial.ts';
import { float, floatAttr, intAttr, intsAttr } from '../rule.ts';
import { axisOf, sizeOf } from '../shape.ts';

export const OPSET = 20;

const without = (attrs: Attrs, ...names: string[]): Attrs =>
  Object.fromEntries(Object.entries(attrs).filter(([name]) => !names.includes(name)));

/** Ops whose axes moved from an attribute to input 1: in 13 or in 18. */
const AXES_INPUT = new Set(
  ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceProd', 'ReduceSumSquare'].concat(
    ['ReduceLogSum', 'ReduceLogSumExp', 'Squeeze', 'Unsqueeze'],
  ),
);

/**
 * One node in the forms of opset 20. Steps that must come before it are put into the graph; what is returned gives the node's
 * own outputs. Nodes of other domains that have no simple form stay as they are.
 */
export function upgradeNode(g: Graph, node: Node, opset: number): Node[] {
  if (node.domain === MICROSOFT) return [...(MICROSOFT_OPS[node.op]?.(g, node) ?? [node])];
  if (node.domain !== '') return [node];
  const { op, inputs, attrs } = node;
  const axes = intsAttr(attrs, 'axes');
  if (AXES_INPUT.has(op) && axes)
    return [{ ...node, inputs: [inputs[0]!, g.ints(axes)], attrs: without(attrs, 'axes') }];
  if (op === 'Split' && opset < 18) return [upgradeSplit(g, node)];
  if (op === 'Dropout' && isInference(g, node, opset))
    return [{ ...node, op: 'Identity', inputs: [inputs[0]!], outputs: [node.outputs[0]!], attrs: {} }];
  if ((op === 'Softmax' || op === 'LogSoftmax') && opset < 13) return upgradeSoftmax(g, node);
  // it says how indices count, which nobody reads here
  if (op === 'MaxPool' && !node.outputs[1]) return [{ ...node, attrs: without(attrs, 'storage_order') }];
  if (op === 'BatchNormalization' && opset < 14 && node.outputs.length > 1)
    return [{ ...node, outputs: node.outputs.slice(0, 3), attrs: { ...attrs, training_mode: 1 } }];
  if (op === 'RMSNormalization') return [{ ...node, op: 'SimplifiedLayerNormalization' }];
  if (op === 'Swish') return swish(g, node, 1);
  // the runtime's optimiser moves transpositions past Resize, where these modes then have no kernel
  if (op === 'Resize' && (attrs.mode === 'cubic' || attrs.antialias === 1) && inputs[0]?.dtype === 'float32')
    return [standard(node, 'Identity', [resizeByProducts(g, inputs, attrs)])];
  if (op === 'Clip' && opset < 11)
    return [
      {
        ...node,
        inputs: [inputs[0]!, g.scalar(floatAttr(attrs, 'min', -3.4e38)), g.scalar(floatAttr(attrs, 'max', 3.4e38))],
        attrs: {},
      },
    ];
  return [node];
}

/** Before 12 Dropout had no training mode; its mask, where someone reads it, is left to the runtime. */
function isInference(g: Graph, { inputs, outputs }: Node, opset: number): boolean {
  const training = inputs[2] && g.constants.get(inputs[2].name);
  const off = training ? Number(training.data[0]) === 0 : !inputs[2];
  return !outputs[1] && (opset < 12 || off);
}

/** x·sigmoid(αx). */
function swish(g: Graph, node: Node, otherwise: number): Node[] {
  const x = node.inputs[0]!;
  const gate = g.emit('Sigmoid', [g.scale(x, floatAttr(node.attrs, 'alpha', otherwise))]);
  return [standard(node, 'Mul', [x, gate])];
}

const MICROSOFT = 'com.microsoft';
const standard = (node: Node, op: string, inputs: Node['inputs'], attrs: Attrs = {}): Node => ({
  ...node,
  domain: '',
  op,
  inputs,
  attrs,
});
/** Adds the inputs that are there. */
const addUp = (g: Graph, [x, ...others]: Node['inputs']): Value =>
  others.reduce<Value>((sum, y) => (y ? g.add(sum, y) : sum), x!);
const geluOf = (approximate: string) => (g: Graph, node: Node) => [
  standard(node, 'Gelu', [addUp(g, node.inputs)], { approximate }),
];

/**
 * What the runtime's optimiser (and so optimum's O2 and O3 exports) fuses, taken apart again.
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
const MICROSOFT_OPS: Readonly<Record<string, (g: Graph, node: Node) => Node[]>> = {
  Gelu: geluOf('none'),
  BiasGelu: geluOf('none'),
  FastGelu: geluOf('tanh'),
  QuickGelu: (g, node) => swish(g, node, 1.702),
  LayerNormalization: (_g, node) => [{ ...node, domain: '' }],
  SimplifiedLayerNormalization: (_g, node) => [{ ...node, domain: '' }],
  SkipLayerNormalization: (g, node) =>
    skipNorm(g, node, 'LayerNormalization', 3, [node.outputs[0]!, node.outputs[1] ?? null, node.outputs[2] ?? null]),
  SkipSimplifiedLayerNormalization: (g, node) =>
    skipNorm(g, node, 'SimplifiedLayerNormalization', 2, [node.outputs[0]!, node.outputs[2] ?? null]),
  FusedMatMul(g, node) {
    if (intAttr(node.attrs, 'transBatchA', 0) || intAttr(node.attrs, 'transBatchB', 0)) return [node];
    const [a, b] = node.inputs;
    const turned = (x: Value, name: string) => (intAttr(node.attrs, name, 0) && x.shape.length > 1 ? g.swapLast(x) : x);
    const scaled = g.scale(turned(a!, 'transA'), floatAttr(node.attrs, 'alpha', 1));
    return [standard(node, 'MatMul', [scaled, turned(b!, 'transB')])];
  },
};

/** norm(input + skip + bias)·γ (+ β); output 3 is the sum. The inputs: input, skip, then γ (and β), then the bias. */
function skipNorm(g: Graph, node: Node, op: string, bias: 2 | 3, outputs: Node['outputs']): Node[] {
  const { inputs, attrs } = node;
  const parts = [inputs[0]!, inputs[1]!, inputs[bias + 1] ?? null];
  const given = node.outputs[3];
  const sum = addUp(g, parts);
  const norm = standard(node, op, [sum, ...inputs.slice(2, bias + 1)], {
    axis: -1,
    epsilon: float(floatAttr(attrs, 'epsilon', 1e-12)),
  });
  const used = outputs.slice(0, outputs.findLastIndex((y) => y !== null) + 1);
  const rest = given ? [standard({ ...node, name: g.fresh('Identity'), outputs: [given] }, 'Identity', [sum])] : [];
  return [{ ...norm, outputs: used }, ...rest];
}

/** Sizes as an input (13), and `num_outputs` where there are none (18). */
function upgradeSplit(g: Graph, node: Node): Node {
  const split = intsAttr(node.attrs, 'split');
  if (split) return { ...node, inputs: [node.inputs[0]!, g.ints(split)], attrs: without(node.attrs, 'split') };
  if (node.inputs[1]) return node;
  const axis = axisOf(intAttr(node.attrs, 'axis', 0), node.inputs[0]!.shape.length);
  return { ...node, inputs: [node.inputs[0]!, g.ints(node.outputs.map((y) => y!.shape[axis]!))] };
}

/** Before 13 a softmax was over everything from its axis (1) on. */
function upgradeSoftmax(g: Graph, node: Node): Node[] {
  const x = node.inputs[0]!;
  const axis = axisOf(intAttr(node.attrs, 'axis', 1), x.shape.length);
  if (axis === x.shape.length - 1) return [{ ...node, attrs: { axis: -1 } }];
  const rows = sizeOf(x.shape.slice(0, axis));
  const y = g.emit(node.op, [g.reshape(x, [rows, sizeOf(x.shape) / rows])], { axis: -1 });
  return [standard(node, 'Reshape', [y, g.ints(x.shape)])];
}
