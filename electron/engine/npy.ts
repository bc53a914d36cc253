// NumPy's .npy files, version 1 and 2: little-endian; a matrix in Fortran order is turned to rows. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { LabError } from '../../shared/contract.ts';
import { fromHalf } from '../../shared/half.ts';

export type Npy = {
  shape: number[];
  data: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
  dtype: string;
};

/** Reads f2 (widened to float32), f4, f8, i4, i8 and u1 into C order. Throws `bad-request` naming `name` for anything else. */
export function readNpy(bytes: Uint8Array, name: string): Npy {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 10 || bytes[0] !== 0x93 || String.fromCharCode(...bytes.subarray(1, 6)) !== 'NUMPY')
    throw new LabError('bad-request', `${name} is not a .npy file.`);
  const long = bytes[6]! >= 2;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (long ? 12 : 10) + length;
  const header = new TextDecoder('latin1').decode(bytes.subarray(long ? 12 : 10, start));
  const dtype = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? '?';
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean)
    .map(Number);
  const byColumns = shape.length > 1 && /'fortran_order':\s*True/.test(header);
  if (byColumns && shape.length > 2)
    throw new LabError(
      'bad-request',
      `${name} is stored in Fortran order. Save it with numpy.ascontiguousarray first.`,
    );
  const count = shape.reduce((a, b) => a * b, 1);
  const size = Number(dtype.slice(2));
  if (bytes.length < start + count * size)
    throw new LabError(
      'bad-request',
      `${name} is cut short: ${shape.join(' x ')} ${dtype} needs ${start + count * size} bytes, the file has ${bytes.length}.`,
    );
  const body = new Uint8Array(bytes.subarray(start, start + count * size)).buffer; // a copy: Buffer.slice would be a view
  const data = valuesOf(body, dtype);
  if (!data)
    throw new LabError(
      'bad-request',
      `${name} holds ${dtype}; the lab reads float16, float32, float64, int32, int64 and uint8, little-endian.`,
    );
  return { shape, dtype, data: byColumns ? rowByRow(data, shape[0]!, shape[1]!) : data };
}

function valuesOf(body: ArrayBuffer, dtype: string): Npy['data'] | null {
  switch (dtype) {
    case '<f4':
      return new Float32Array(body);
    case '<f8':
      return new Float64Array(body);
    case '<i4':
      return new Int32Array(body);
    case '<i8':
      return new BigInt64Array(body);
    case '|u1':
      return new Uint8Array(body);
    case '<f2':
      return fromHalf(new Uint16Array(body));
    default:
      return null;
  }
}

/** A matrix stored column by column, as NumPy saves a transposed one and pandas its values. */
function rowByRow<T extends Npy['data']>(columns: T, rows: number, width: number): T {
  const out = columns.slice() as T;
  for (let i = 0; i < rows; i++) for (let j = 0; j < width; j++) out[i * width + j] = columns[j * rows + i]!;
  return out;
}

/** float32 [..shape] as a version 1 .npy file. */
export function writeNpy(data: Float32Array, shape: number[]): Uint8Array {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const header = `${dict.padEnd(Math.ceil((10 + dict.length + 1) / 64) * 64 - 11)}\n`;
  const out = new Uint8Array(10 + header.length + data.byteLength);
  out.set([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  out.set(Buffer.from(header, 'latin1'), 10);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return out;
}
