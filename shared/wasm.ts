// A very small WebAssembly assembler: enough to write a few SIMD loops as source instead of as a binary (the engine's numeric
// kernels and the optimizers of its training).
// Opcodes: https://webassembly.github.io/spec/core/binary/instructions.html

/** A piece of code: the bytes of instructions in order. */
export type Code = number[];

function leb(value: number, signed: boolean): Code {
  const out: Code = [];
  for (let v = value; ; ) {
    const byte = v & 0x7f;
    v = signed ? v >> 7 : v >>> 7;
    const last = signed ? (v === 0 && !(byte & 0x40)) || (v === -1 && !!(byte & 0x40)) : v === 0;
    out.push(last ? byte : byte | 0x80);
    if (last) return out;
  }
}

const uint = (value: number) => leb(value, false);
const simd = (opcode: number): Code => [0xfd, ...uint(opcode)];

export const get = (local: number): Code => [0x20, ...uint(local)];
export const set = (local: number, ...value: Code[]): Code => [...value.flat(), 0x21, ...uint(local)];
export const int = (value: number): Code => [0x41, ...leb(value, true)];
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const sub = (a: Code, b: Code): Code => [...a, ...b, 0x6b];
export const mul = (a: Code, b: Code): Code => [...a, ...b, 0x6c];
export const below = (a: Code, b: Code): Code => [...a, ...b, 0x49];

/** Runs `body` once, and again while `condition` holds after it. */
export const repeat = (body: Code[], condition: Code): Code => [
  0x03,
  0x40,
  ...body.flat(),
  ...condition,
  0x0d,
  0x00,
  0x0b,
];

export const load = (address: Code, offset = 0): Code => [...address, ...simd(0x00), 0, ...uint(offset)];
export const store = (address: Code, value: Code, offset = 0): Code => [
  ...address,
  ...value,
  ...simd(0x0b),
  0,
  ...uint(offset),
];
export const zero: Code = [...simd(0x0c), ...new Array<number>(16).fill(0)];
/** One double in both lanes. */
export const loadSplat64 = (address: Code, offset = 0): Code => [...address, ...simd(0x0a), 0, ...uint(offset)];

/** One float in all four lanes. */
export const loadSplat32 = (address: Code, offset = 0): Code => [...address, ...simd(0x09), 0, ...uint(offset)];
const binaryF32 = (opcode: number) => (a: Code, b: Code) => [...a, ...b, ...simd(opcode)];
export const sub32 = binaryF32(0xe5);
export const div32 = binaryF32(0xe7);
export const sqrt32 = (a: Code): Code => [...a, ...simd(0xe3)];

/** What differs between four floats and two doubles in a vector. */
export type Lanes = {
  bytes: number;
  count: number;
  add(a: Code, b: Code): Code;
  mul(a: Code, b: Code): Code;
  /** Stores the sum of a vector's lanes. */
  storeSum(address: Code, vector: Code, offset: number): Code;
};

const binary = (opcode: number) => (a: Code, b: Code) => [...a, ...b, ...simd(opcode)];

function lanes(
  bytes: number,
  vectorAdd: number,
  vectorMul: number,
  extract: number,
  scalarAdd: number,
  scalarStore: number,
): Lanes {
  const count = 16 / bytes;
  return {
    bytes,
    count,
    add: binary(vectorAdd),
    mul: binary(vectorMul),
    storeSum(address, vector, offset) {
      const lane = (i: number) => [...vector, ...simd(extract), i];
      const sum = Array.from({ length: count - 1 }, (_, i) => [...lane(i + 1), scalarAdd]).flat();
      return [...address, ...lane(0), ...sum, scalarStore, 0, ...uint(offset)];
    },
  };
}

export const f32x4 = lanes(4, 0xe4, 0xe6, 0x1f, 0x92, 0x38);
export const f64x2 = lanes(8, 0xf0, 0xf2, 0x21, 0xa0, 0x39);

/**
 * A function of `params` 32-bit integers, with `ints` more integer locals, then `vectors` vector locals, then `longs` of 64 bits.
 * `result`: the body leaves one 32-bit integer.
 */
export type WasmFunction = {
  name: string;
  params: number;
  ints: number;
  vectors: number;
  longs?: number;
  result?: boolean;
  body: Code[];
};

const section = (id: number, content: Code): Code => [id, ...uint(content.length), ...content];
const list = (items: Code[]): Code => [...uint(items.length), ...items.flat()];
const text = (value: string): Code => list([...new TextEncoder().encode(value)].map((b) => [b]));

/**
 * A module exporting the functions and its memory, "memory": its own growable one, or a shared one imported as
 * `lab.memory` (up to 4 GiB).
 */
export function assemble(functions: WasmFunction[], memory: 'own' | 'shared' = 'own'): Uint8Array<ArrayBuffer> {
  const types = functions.map((f) => [
    0x60,
    ...list(Array.from({ length: f.params }, () => [0x7f])),
    ...list(f.result ? [[0x7f]] : []),
  ]);
  const bodies = functions.map((f) => {
    const code = [
      ...list([
        [...uint(f.ints), 0x7f],
        [...uint(f.vectors), 0x7b],
        [...uint(f.longs ?? 0), 0x7e],
      ]),
      ...f.body.flat(),
      0x0b,
    ];
    return [...uint(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...(memory === 'shared'
      ? section(2, list([[...text('lab'), ...text('memory'), 2, 3, ...uint(1), ...uint(65536)]]))
      : []),
    ...section(3, list(functions.map((_, i) => uint(i)))),
    ...(memory === 'own' ? section(5, list([[0, 1]])) : []),
    ...section(7, list([[...text('memory'), 2, 0], ...functions.map((f, i) => [...text(f.name), 0, ...uint(i)])])),
    ...section(10, list(bodies)),
  ]);
}
