// Written and read again, read from Hugging Face's own writer (a golden file), and broken files.
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSafetensors, type Tensors, writeSafetensors } from '../../../electron/engine/training/safetensors.ts';
import { fixturePath } from '../../helpers/shared.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'lab-safetensors-'));
const file = path.join(folder, 'x.safetensors');
afterAll(() => rmSync(folder, { recursive: true }));

const tensors: Tensors = new Map([
  ['weight', { shape: [2, 3], data: Float32Array.of(1, -2.5, 3, 4, 5, 1e-30) }],
  ['scalar', { shape: [], data: Float32Array.of(7) }],
  ['odd', { shape: [3], data: Uint8Array.of(1, 2, 3) }],
  ['ids', { shape: [2], data: BigInt64Array.of(-1n, 2n ** 40n) }],
]);

describe('safetensors', () => {
  test('what is written is read, with its metadata', () => {
    writeSafetensors(file, tensors, { format: 'pt' });
    expect(readSafetensors(file)).toEqual({ tensors, metadata: { format: 'pt' } });
    expect(Number(readFileSync(file).readBigUInt64LE(0)) % 8).toBe(0);
  });

  test("a file of Hugging Face's writer", () => {
    const { tensors: golden } = readSafetensors(fixturePath('tiny-resnet/golden/train_init.safetensors'));
    expect(golden.get('head.weight')!.shape).toEqual([4, 10]);
    expect(golden.size).toBe(31);
    expect([...golden.values()].every(({ data }) => data.every((v) => Number.isFinite(Number(v))))).toBe(true);
  });

  test('a file that is cut off is refused by name', () => {
    writeSafetensors(file, tensors);
    truncateSync(file, statSync(file).size - 1);
    expect(() => readSafetensors(file)).toThrow(/x\.safetensors is not a whole safetensors file/);
    truncateSync(file, 20);
    expect(() => readSafetensors(file)).toThrow(/its header ends at byte/);
    truncateSync(file, 3);
    expect(() => readSafetensors(file)).toThrow(/3 bytes/);
  });
});
