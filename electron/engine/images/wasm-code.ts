// Instructions that the JPEG decoder's kernel (jpeg-kernel.ts) is written in, besides those of shared/wasm.ts.
import { add, type Code, get, int, set } from '../../../shared/wasm.ts';

const uleb = (value: number): Code => (value < 128 ? [value] : [(value & 127) | 128, ...uleb(value >>> 7)]);
export const vector =
  (op: number) =>
  (...operands: Code[]): Code => [...operands.flat(), 0xfd, ...uleb(op)];
const scalar =
  (op: number) =>
  (...operands: Code[]): Code => [...operands.flat(), op];
export const and = scalar(0x71);
export const shl = scalar(0x74);
export const shrS = scalar(0x75);
export const shrU = scalar(0x76);
export const above = scalar(0x4b);
export const equalsZero = scalar(0x45);
export const longShl = scalar(0x86);
export const longShrU = scalar(0x88);
export const toLong = scalar(0xad);
export const toInt = scalar(0xa7);
const read = (op: number, address: Code, offset = 0): Code => [...address, op, 0, ...uleb(offset)];
export const load32 = (address: Code, offset = 0) => read(0x28, address, offset);
export const load16 = (address: Code, offset = 0) => read(0x2f, address, offset);
export const load16s = (address: Code) => read(0x2e, address);
export const store32 = (address: Code, value: Code): Code => [...address, ...value, 0x36, 0, 0];
export const store16 = (address: Code, value: Code): Code => [...address, ...value, 0x3b, 0, 0];
export const when = (condition: Code, ...then: Code[]): Code => [...condition, 0x04, 0x40, ...then.flat(), 0x0b];
export const either = (condition: Code, then: Code[], otherwise: Code[]): Code => [
  ...condition,
  ...[0x04, 0x40, ...then.flat(), 0x05, ...otherwise.flat(), 0x0b],
];
export const fail: Code = [...int(-1), 0x0f];
export const grow = (local: number, by: Code) => set(local, add(get(local), by));

export const shuffle = (lanes: number[], a: Code, b: Code): Code => [...a, ...b, 0xfd, 0x0d, ...lanes];
export const constant16 = (...values: number[]): Code => [
  ...[0xfd, 0x0c],
  ...Array.from({ length: 8 }, (_, i) => values[i % values.length]!).flatMap((v) => [v & 255, (v >> 8) & 255]),
];
export const constant32 = (value: number): Code => constant16(value & 0xffff, value >>> 16);
export const add16 = vector(0x8e);
export const addSaturating16 = vector(0x8f);
export const sub16 = vector(0x91);
export const add32 = vector(0xae);
export const sub32 = vector(0xb1);
export const shr32 = (a: Code, by: number): Code => vector(0xac)(a, int(by));
export const dot = (a: Code, ...weights: [number, number]): Code => vector(0xba)(a, constant16(...weights));
export const to16 = vector(0x85);
export const toBytes = vector(0x66);
export const splat16 = vector(0x10);
/** Eight bytes as 16-bit integers. */
export const loadWide = (address: Code): Code => [...address, 0xfd, 0x02, 0, 0];
export const storeHalf = (address: Code, value: Code, half: 0 | 1): Code => [
  ...address,
  ...value,
  0xfd,
  0x5b,
  0,
  0,
  half,
];

/** Lanes of `bytes` bytes from the lower or upper half of two vectors in turn. */
export const interleave = (bytes: number, upper: boolean, a: Code, b: Code): Code =>
  shuffle(
    Array.from({ length: 16 }, (_, i) => {
      const lane = Math.floor(i / (2 * bytes)) + (upper ? 8 / bytes : 0);
      return lane * bytes + (i % bytes) + (Math.floor(i / bytes) % 2) * 16;
    }),
    a,
    b,
  );

/** Interleaves the first half of a list of vectors with the second, `from` to `to`. */
export const perfectShuffle = (bytes: number, from: number[], to: number[]): Code[] =>
  to.map((local, i) => {
    const at = i >> 1;
    return set(local, interleave(bytes, i % 2 === 1, get(from[at]!), get(from[at + from.length / 2]!)));
  });
