// Tensors of a file as typed arrays, whatever form they are stored in; half precision becomes float.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { fromHalf } from '../../../../shared/half.ts';
import type { ConstantData, DType } from '../graph.ts';
import { TrainingError } from '../rule.ts';
import { sizeOf } from '../shape.ts';
import type { TensorProto } from './proto.ts';

const HALF = 10;
const BFLOAT = 16;
const EXTERNAL = 1;
/** Element types narrower than a byte or quantised weights' own: not trainable, not readable. */
const DTYPES: Record<number, DType> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  [HALF]: 'float32',
  11: 'float64',
  [BFLOAT]: 'float32',
};

export type TensorValue = { dtype: DType; shape: number[]; data: ConstantData };

/** `folder`: where external data lies. Throws naming the tensor when its data are missing or cut off. */
export function readTensor(tensor: TensorProto, folder: string): TensorValue {
  const name = tensor.name ?? 'a constant';
  const shape = tensor.dims ?? [];
  const element = tensor.data_type ?? 0;
  const dtype = DTYPES[element];
  if (!dtype) throw new TrainingError(`${name} has the element type ${element}, which cannot take part in training.`);
  const raw = tensor.data_location === EXTERNAL ? externalBytes(tensor, folder) : tensor.raw_data;
  const data = raw?.length ? fromBytes(raw, element, name) : fromLists(tensor, element);
  if (data.length !== sizeOf(shape))
    throw new TrainingError(
      `${name} holds ${data.length} numbers where its shape [${shape}] needs ${sizeOf(shape)}. Copy the model again.`,
    );
  return { dtype, shape, data };
}

function externalBytes(tensor: TensorProto, folder: string): Uint8Array {
  const entries = new Map(tensor.external_data?.map(({ key, value }) => [key, value]));
  const file = path.join(folder, entries.get('location') ?? '');
  const offset = Number(entries.get('offset') ?? 0);
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    throw new TrainingError(`${tensor.name} lies in ${file}, which is missing. Copy or download that file too.`);
  }
  try {
    const bytes = new Uint8Array(Number(entries.get('length') ?? statSync(file).size - offset));
    let at = 0;
    while (at < bytes.length) {
      const got = readSync(fd, bytes, at, bytes.length - at, offset + at);
      if (got === 0)
        throw new TrainingError(`${file} is shorter than ${tensor.name} needs. Copy or download it again.`);
      at += got;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function fromBytes(raw: Uint8Array, element: number, name: string): ConstantData {
  // a copy, as a view would keep the whole file in memory
  const width = element === HALF || element === BFLOAT ? 2 : ({ 1: 4, 6: 4, 7: 8, 11: 8 }[element] ?? 1);
  if (raw.byteLength % width !== 0) throw new TrainingError(`The data of ${name} are cut off. Copy the model again.`);
  const bytes = raw.byteLength === raw.buffer.byteLength ? raw : new Uint8Array(raw); // slice() of a Buffer is a view
  const n = bytes.byteLength / width;
  switch (element) {
    case 1:
      return new Float32Array(bytes.buffer, bytes.byteOffset, n);
    case 6:
      return new Int32Array(bytes.buffer, bytes.byteOffset, n);
    case 7:
      return new BigInt64Array(bytes.buffer, bytes.byteOffset, n);
    case 11:
      return new Float64Array(bytes.buffer, bytes.byteOffset, n);
    case HALF:
      return fromHalf(new Uint16Array(bytes.buffer, bytes.byteOffset, n));
    case BFLOAT: {
      const words = Uint32Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset, n), (h) => h << 16);
      return new Float32Array(words.buffer);
    }
    case 3:
      return new Int8Array(bytes.buffer, bytes.byteOffset, n);
    default:
      return new Uint8Array(bytes.buffer, bytes.byteOffset, n);
  }
}

function fromLists(tensor: TensorProto, element: number): ConstantData {
  const ints = tensor.int32_data ?? [];
  switch (element) {
    case 1:
      return Float32Array.from(tensor.float_data ?? []);
    case 6:
      return Int32Array.from(ints);
    case 7:
      return BigInt64Array.from(tensor.int64_data ?? [], BigInt);
    case 11:
      return Float64Array.from(tensor.double_data ?? []);
    case HALF:
      return fromHalf(Uint16Array.from(ints));
    case BFLOAT:
      return new Float32Array(Uint32Array.from(ints, (h) => h << 16).buffer);
    case 3:
      return Int8Array.from(ints);
    default:
      return Uint8Array.from(ints);
  }
}
