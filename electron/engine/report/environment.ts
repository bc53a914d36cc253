// Where a comparison ran, as its report states it.
import os from 'node:os';
import type { Report } from '../../../shared/report.ts';
import { packageVersion } from '../program.ts';

/** `lab`: its version. `threads`: what the runtime was given; 0 for all cores. */
export function environmentOf(lab: string, threads: number): Report['environment'] {
  const cpus = os.cpus();
  return {
    lab,
    node: process.versions.node,
    platform: `${os.platform()} ${os.arch()} ${os.release()}`,
    cpu: `${cpus[0]?.model.trim() || 'unknown'} x ${cpus.length}`,
    onnxruntime: packageVersion('onnxruntime-node'),
    threads: threads || os.availableParallelism(),
  };
}
