// Where a comparison ran, as its report states it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import type { Report } from '../../../shared/report.ts';

/** `lab`: its version. `threads`: what the runtime was given; 0 for all cores. */
export function environmentOf(lab: string, threads: number): Report['environment'] {
  const cpus = os.cpus();
  return {
    lab,
    node: process.versions.node,
    platform: `${os.platform()} ${os.arch()} ${os.release()}`,
    cpu: `${cpus[0]?.model.trim() || 'unknown'} x ${cpus.length}`,
    onnxruntime: onnxruntimeVersion(),
    threads: threads || os.availableParallelism(),
  };
}

/** The installed runtime's version, without loading it; null when it is not there. */
export function onnxruntimeVersion(): string | null {
  try {
    const entry = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
    return (JSON.parse(readFileSync(entry, 'utf8')) as { version: string }).version;
  } catch {
    return null;
  }
}
