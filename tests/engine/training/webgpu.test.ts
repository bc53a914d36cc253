// Training on the webgpu provider: the same loss, gradients and steps as on the CPU. Without a GPU Chromium's software Vulkan
// serves. Every run is a process of its own, since a driver can crash.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeVisionModel } from '../../../electron/engine/training/build-folder.ts';
import { difference } from './golden.ts';
import type { Numbers, Result } from './run-training.ts';

/** Chromium brings a Vulkan loader and a driver that computes on the CPU. */
const CHROMIUM = ['/usr/lib/chromium', '/usr/lib64/chromium'].find((dir) =>
  ['vk_swiftshader_icd.json', 'libvulkan.so.1'].every((name) => existsSync(path.join(dir, name))),
);
const driver = CHROMIUM && path.join(CHROMIUM, 'vk_swiftshader_icd.json');
const VULKAN = driver && { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: CHROMIUM };
const TOLERANCE = 1e-3;
const SIDE = 32;

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
  const script = fileURLToPath(new URL('run-training.ts', import.meta.url));
  const args = [script, path.join(folder, 'onnx', 'vision_model.onnx'), String(SIDE), device];
  const env = { ...process.env, ...VULKAN };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 1 << 28, timeout: 150_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Result;
}

/** A key's bias shifts all scores of a row alike, so its exact gradient is 0. */
function expectAlike(got: Numbers, wanted: Numbers): void {
  const names = Object.keys(wanted).filter((name) => !name.endsWith('k_proj.bias'));
  expect(names.length).toBeGreaterThan(25);
  for (const name of names)
    expect(difference(Float32Array.from(got[name]!), Float32Array.from(wanted[name]!)), name).toBeLessThan(TOLERANCE);
}

test.skipIf(!VULKAN)(
  'webgpu gives the CPU’s loss, gradients and steps (needs the Vulkan driver of Debian’s chromium)',
  async () => {
    const [cpu, gpu] = [await runOn('cpu'), await runOn('webgpu')];
    expect(gpu.loss).toBeCloseTo(cpu.loss, 4);
    expectAlike(gpu.gradients, cpu.gradients);
    // weights, moments and averages stay on the device
    for (const key of ['losses', 'norms'] as const)
      for (const [i, value] of cpu[key].entries()) expect(gpu[key][i], `${key} ${i}`).toBeCloseTo(value, 3);
    expectAlike(gpu.weights, cpu.weights);
    expectAlike(gpu.averages, cpu.averages);
  },
  200_000,
);
