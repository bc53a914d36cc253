// The safetensors format: a length, a JSON header, the numbers. https://huggingface.co/docs/safetensors
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeFileSync } from 'node:fs';
import type { ConstantData, Shape } from './graph.ts';
import { readTensor } from './onnx/tensors.ts';
import { TrainingError } from './rule.ts';
import { sizeOf } from './shape.ts';

export type Tensors = Map<string, { shape: Shape; data: ConstantData }>;

/** Half-precision tensors come out as float32, as everywhere in training; the numbers are ONNX's for the type. */
const ELEMENTS: Record<string, number> = { F32: 1, U8: 2, I8: 3, I32: 6, I64: 7, BOOL: 9, F16: 10, F64: 11, BF16: 16 };

type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };

/**
 * Tensor by tensor: a checkpoint may be larger than the 2 GiB that Node reads in one piece. Throws `TrainingError` naming the
 * file when it is cut off or holds a type the lab does not read.
 */
export function readSafetensors(file: string): { tensors: Tensors; metadata: Record<string, string> } {
  const broken = (why: string) =>
    new TrainingError(`${file} is not a whole safetensors file (${why}). Copy or download it again.`);
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size < 8) throw broken(`${size} bytes`);
    const start = 8 + Number(readBytes(fd, 0, 8).readBigUInt64LE(0));
    if (start > size) throw broken(`its header ends at byte ${start} of ${size}`);
    let header: Record<string, Entry>;
    try {
      header = JSON.parse(readBytes(fd, 8, start - 8).toString('utf8')) as Record<string, Entry>;
    } catch {
      throw broken('its header is no JSON');
    }
    const { __metadata__: metadata, ...entries } = header;
    const tensors: Tensors = new Map();
    for (const [name, entry] of Object.entries(entries)) {
      const { dtype, shape } = entry;
      const [from, to] = entry.data_offsets;
      const element = ELEMENTS[dtype];
      if (!element) throw new TrainingError(`${file}: ${name} has the type ${dtype}, which the lab does not read.`);
      if (start + to > size) throw broken(`${name} ends at byte ${start + to} of ${size}`);
      const raw = readBytes(fd, start + from, to - from);
      tensors.set(name, { shape, data: readTensor({ name, dims: shape, data_type: element, raw_data: raw }, '').data });
    }
    return { tensors, metadata: (metadata ?? {}) as unknown as Record<string, string> };
  } finally {
    closeSync(fd);
  }
}

/** Memory of its own, so that numbers of any width lie right in it. */
function readBytes(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let at = 0; at < length; ) {
    const got = readSync(fd, bytes, at, length - at, from + at);
    if (got === 0) throw new Error('the file became shorter while it was read');
    at += got;
  }
  return bytes;
}

const typeOf = (data: ConstantData): string =>
  Object.entries({
    F32: Float32Array,
    F64: Float64Array,
    I64: BigInt64Array,
    I32: Int32Array,
    I8: Int8Array,
    U8: Uint8Array,
  }).find(([, kind]) => data instanceof kind)![0];

/** The header is padded to a multiple of 8 bytes, so that readers may map the file. */
export function writeSafetensors(
  file: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): void {
  let at = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const [name, { shape, data }] of tensors) {
    if (data.length !== sizeOf(shape)) throw new Error(`${name}: ${data.length} numbers for the shape [${shape}].`);
    header[name] = { dtype: typeOf(data), shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc(-json.length & 7, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  // part by part: all in one piece would be in memory twice
  const fd = openSync(file, 'w');
  try {
    writeFileSync(fd, Buffer.concat([length, padded]));
    for (const { data } of tensors.values())
      writeFileSync(fd, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
