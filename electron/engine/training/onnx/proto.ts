// ONNX protobuf to plain objects and back, by reflection on the schema's text.
import protobuf from 'protobufjs';
import { ONNX_SCHEMA } from './schema.ts';

export type TensorProto = {
  name?: string;
  dims?: number[];
  data_type?: number;
  raw_data?: Uint8Array;
  float_data?: number[];
  int32_data?: number[];
  int64_data?: number[];
  double_data?: number[];
  uint64_data?: number[];
  external_data?: { key: string; value: string }[];
  data_location?: number;
};
export type AttributeProto = {
  name: string;
  type?: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats?: number[];
  ints?: number[];
  strings?: Uint8Array[];
};
export type NodeProto = {
  input?: string[];
  output?: string[];
  name?: string;
  op_type: string;
  domain?: string;
  attribute?: AttributeProto[];
};
export type DimProto = { dim_value?: number; dim_param?: string };
export type ValueInfoProto = {
  name: string;
  type?: { tensor_type?: { elem_type?: number; shape?: { dim?: DimProto[] } } };
};
export type GraphProto = {
  name?: string;
  node: NodeProto[];
  initializer?: TensorProto[];
  sparse_initializer?: unknown[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  value_info?: ValueInfoProto[];
};
export type ModelProto = {
  ir_version?: number;
  opset_import: { domain?: string; version: number }[];
  producer_name?: string;
  graph: GraphProto;
  functions?: unknown[];
  metadata_props?: { key: string; value: string }[];
};

export const ATTRIBUTE = { FLOAT: 1, INT: 2, STRING: 3, TENSOR: 4, GRAPH: 5, FLOATS: 6, INTS: 7, STRINGS: 8 } as const;

const Model = protobuf.parse(ONNX_SCHEMA, { keepCase: true }).root.lookupType('onnx.ModelProto');

/** Throws when the bytes are no protobuf. Tensors stay views into `bytes`. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  const message = Model.decode(bytes);
  return Model.toObject(message, { longs: Number, arrays: false }) as ModelProto;
}

export function encodeModel(model: ModelProto): Uint8Array {
  return Model.encode(Model.fromObject(model)).finish();
}
