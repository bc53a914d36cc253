// Older forms of operators as opset 20 has them, so that every rule sees one form.
// Source of the changes: https://github.com/onnx/onnx/blob/main/docs/Changelog.md
import type { Attrs, Graph, Node, Value } from '../graph.ts';
import { floatAttr, intAttr, intsAttr } from '../rule.ts';
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

/** One node in the forms of opset 20; more than one where the old form needs steps. */
export function upgradeNode(g: Graph, node: Node, opset: number): Node[] {
  if (node.domain !== '') return [node];
  const { op, inputs, attrs } = node;
  const axes = intsAttr(attrs, 'axes');
  if (AXES_INPUT.has(op) && axes)
    return [{ ...node, inputs: [inputs[0]!, g.ints(axes)], attrs: without(attrs, 'axes') }];
  if (op === 'Split' && opset < 18) return [upgradeSplit(g, node)];
  if (op === 'Dropout' && intAttr(attrs, 'training_mode', 0) === 0 && !inputs[2])
    return [{ ...node, op: 'Identity', inputs: [inputs[0]!], outputs: [node.outputs[0]!], attrs: {} }];
  if ((op === 'Softmax' || op === 'LogSoftmax') && opset < 13) return upgradeSoftmax(g, node);
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
  const y = node.outputs[0]!;
  const axis = axisOf(intAttr(node.attrs, 'axis', 1), x.shape.length);
  if (axis === x.shape.length - 1) return [{ ...node, attrs: { axis: -1 } }];
  const rows = sizeOf(x.shape.slice(0, axis));
  const flat: Value = { name: g.fresh(), shape: [rows, sizeOf(x.shape) / rows], dtype: x.dtype };
  const out: Value = { ...flat, name: g.fresh() };
  const reshape = (from: Value, to: Value): Node => ({
    op: 'Reshape',
    domain: '',
    name: g.fresh('Reshape'),
    inputs: [from, g.ints(to.shape)],
    outputs: [to],
    attrs: {},
  });
  return [reshape(x, flat), { ...node, inputs: [flat], outputs: [out], attrs: { axis: -1 } }, reshape(out, y)];
}
