// The training graph on the webgpu provider: the same loss and gradients as on the CPU. Without a GPU Chromium's software Vulkan
// serves. Every run is a process of its own, since a driver can crash.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeVisionModel } from '../../../electron/engine/training/build-folder.ts';
import { difference } from './golden.ts';

/** Chromium brings a Vulkan loader and a driver that computes on the CPU. */
const CHROMIUM = ['/usr/lib/chromium', '/usr/lib64/chromium'].find((dir) =>
  ['vk_swiftshader_icd.json', 'libvulkan.so.1'].every((name) => existsSync(path.join(dir, name))),
);
const driver = CHROMIUM && path.join(CHROMIUM, 'vk_swiftshader_icd.json');
const VULKAN = driver && { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: CHROMIUM };
const TOLERANCE = 1e-3;
const SIDE = 32;

type Result = { loss: number; gradients: Record<string, number[]> };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lab-webgpu-'));
  writeVisionModel(folder, {
    image: SIDE,
    patch: 8,
    width: 32,
    layers: 2,
    heads: 4,
    mlp: 64,
    activation: 'quick_gelu',
    pool: 'cls',
    projection: 16,
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function runOn(device: string): Promise<Result> {
  const script = fileURLToPath(new URL('run-plan.ts', import.meta.url));
  const args = [script, path.join(folder, 'onnx', 'vision_model.onnx'), String(SIDE), device];
  const env = { ...process.env, ...VULKAN };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 1 << 28, timeout: 100_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Result;
}

describe('a fine-tuning step of a small CLIP tower', () => {
  test.skipIf(!VULKAN)(
    'webgpu gives the CPU’s loss and gradients (needs the Vulkan driver of Debian’s chromium)',
    async () => {
      const cpu = await runOn('cpu');
      const gpu = await runOn('webgpu');
      expect(gpu.loss).toBeCloseTo(cpu.loss, 4);
      const names = Object.keys(cpu.gradients);
      expect(names.length).toBeGreaterThan(30);
      // a key's bias shifts all scores of a row alike, so its exact gradient is 0
      for (const name of names.filter((n) => !n.endsWith('k_proj.bias'))) {
        const wrong = difference(Float32Array.from(gpu.gradients[name]!), Float32Array.from(cpu.gradients[name]!));
        expect(wrong, name).toBeLessThan(TOLERANCE);
      }
    },
    120_000,
  );
});
