// A graph as the bytes of an ONNX file.
import { type Attr, type ConstantData, dtypeOfData, elementType, type Graph, type Node, type Value } from '../graph.ts';
import {
  ATTRIBUTE,
  type AttributeProto,
  encodeModel,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto.ts';

const IR_VERSION = 9;

const bytesOf = (data: ConstantData) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** The name of the "file" in which a weight lies that the graph does not hold itself. */
export const placeOf = (name: string) => encodeURIComponent(name);
const EXTERNAL = 1;

const apartProto = ({ name, shape, dtype }: Value): TensorProto => ({
  name,
  dims: [...shape],
  data_type: elementType(dtype),
  data_location: EXTERNAL,
  external_data: [{ key: 'location', value: placeOf(name) }],
});

export const tensorProto = (value: Value, data: ConstantData): TensorProto => ({
  name: value.name,
  dims: [...value.shape],
  data_type: elementType(value.dtype),
  raw_data: bytesOf(data),
});

const valueInfo = (value: Value): ValueInfoProto => ({
  name: value.name,
  type: {
    tensor_type: {
      elem_type: elementType(value.dtype),
      shape: { dim: value.shape.map((d) => ({ dim_value: d })) },
    },
  },
});

function attributeProto(name: string, attr: Attr): AttributeProto {
  if (typeof attr === 'number') return { name, type: ATTRIBUTE.INT, i: attr };
  if (typeof attr === 'string') return { name, type: ATTRIBUTE.STRING, s: new TextEncoder().encode(attr) };
  if (ArrayBuffer.isView(attr)) {
    const dtype = attr instanceof Uint8Array ? 'bool' : dtypeOfData(attr);
    return { name, type: ATTRIBUTE.TENSOR, t: tensorProto({ name: '', shape: [attr.length], dtype }, attr) };
  }
  if ('float' in attr) return { name, type: ATTRIBUTE.FLOAT, f: attr.float };
  if ('floats' in attr) return { name, type: ATTRIBUTE.FLOATS, floats: [...attr.floats] };
  if (typeof attr[0] === 'string')
    return { name, type: ATTRIBUTE.STRINGS, strings: attr.map((s) => new TextEncoder().encode(String(s))) };
  return { name, type: ATTRIBUTE.INTS, ints: attr.map(Number) };
}

const nodeProto = (node: Node): NodeProto => ({
  op_type: node.op,
  domain: node.domain,
  name: node.name,
  input: node.inputs.map((x) => x?.name ?? ''),
  output: node.outputs.map((y) => y?.name ?? ''),
  attribute: Object.entries(node.attrs).map(([name, attr]) => attributeProto(name, attr)),
});

/** Serialises inputs, constants, nodes and outputs as they stand; constants named in `apart` without their numbers. */
export function writeGraph(g: Graph, apart: ReadonlySet<string> = new Set()): Uint8Array {
  return encodeModel({
    ir_version: IR_VERSION,
    producer_name: 'fewshot-lab',
    opset_import: [
      { domain: '', version: g.opset },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'graph',
      node: g.nodes.map(nodeProto),
      initializer: [...g.constants.values()].map(({ value, data }) =>
        apart.has(value.name) ? apartProto(value) : tensorProto(value, data),
      ),
      input: g.inputs.map(valueInfo),
      output: g.outputs.map(valueInfo),
    },
  });
}
