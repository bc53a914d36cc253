// Which execution providers this machine really has: each is tried on a tiny graph in a process of its own, for a broken
// driver ends the process that loads it.
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProviderReport } from '../../../shared/contract.ts';
import { workerFile } from '../workers/pool.ts';
import { stepBack } from '../workers/priority.ts';
import type { Trial } from './trial.ts';

export type Providers = {
  /** Tries all of them again. */
  report(): Promise<ProviderReport[]>;
  /** 'auto': the fastest on the trial, an accelerator only when it is twice as fast as the CPU. */
  choose(choice: string): Promise<{ device: string; notice: string | null }>;
  /** What 'auto' came to; null while that is unknown. With `find` it is found out, which takes a second of computing. */
  auto(find: boolean): string | null;
};

type Options = { cacheDir: string; inThread(provider: string): Promise<Trial> };

const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;
const PLATFORMS: Partial<Record<(typeof PROVIDERS)[number], { platform: NodeJS.Platform; only: string }>> = {
  dml: { platform: 'win32', only: 'DirectML is part of Windows only.' },
  coreml: { platform: 'darwin', only: 'Core ML is part of macOS only.' },
};
const TRIAL_MS = 30_000;

/** Trials are kept this long: each start of the shell would pay a second for them. Asking for the report tries again. */
const KEPT_MS = 24 * 3600_000;

export function createProviders(options: Options): Providers {
  let known: Promise<Map<string, Trial>> | null = null;
  let automatic: string | null = null;
  const kept = keptTrials(options.cacheDir);
  // Electron's binary cannot be forked as Node once its fuses are set; there a marker on disk remembers what crashed.
  const attempt = process.versions.electron ? (provider: string) => withMarker(options, provider) : inProcess;

  async function tryAll(): Promise<Map<string, Trial>> {
    const trials = new Map<string, Trial>();
    for (const provider of PROVIDERS) {
      const rule = PLATFORMS[provider];
      const absent = rule && rule.platform !== process.platform;
      trials.set(provider, absent ? { ok: false, reason: rule.only, milliseconds: 0 } : await attempt(provider));
    }
    kept.write(trials);
    automatic = fastest(trials);
    return trials;
  }

  const once = (): Promise<Map<string, Trial>> => {
    const before = known ? null : kept.read();
    if (before) automatic = fastest(before);
    known ??= before ? Promise.resolve(before) : tryAll();
    return known;
  };
  const afresh = (): Promise<Map<string, Trial>> => {
    known = tryAll();
    return known;
  };

  return {
    async report() {
      const trials = await afresh();
      return PROVIDERS.map((id) => ({
        id,
        available: trials.get(id)?.ok ?? false,
        reason: trials.get(id)?.reason ?? null,
      }));
    },
    auto(find) {
      // what cannot be tried will be said when it is needed
      if (find && !known) once().catch(() => {});
      return automatic;
    },
    async choose(choice) {
      if (choice === 'cpu') return { device: 'cpu', notice: null };
      if (choice === 'auto' || choice === '') return { device: fastest(await once()), notice: null };
      // what failed yesterday may work today
      const works = (await once()).get(choice)?.ok ?? false;
      const trial = works ? null : ((await afresh()).get(choice) ?? null);
      if (works || trial?.ok) return { device: choice, notice: null };
      return {
        device: 'cpu',
        notice: `The device ${choice} cannot be used: ${trial?.reason ?? `the lab knows auto, ${PROVIDERS.join(', ')}.`} The CPU is used instead.`,
      };
    },
  };
}

/** The last trials on disk, for this runtime on this machine only. */
function keptTrials(cacheDir: string) {
  const file = path.join(cacheDir, 'devices.json');
  const machine = [process.platform, process.arch, process.version, hostname()].join(' ');
  return {
    read(): Map<string, Trial> | null {
      try {
        const { at, on, trials } = JSON.parse(readFileSync(file, 'utf8')) as {
          at: number;
          on: string;
          trials: [string, Trial][];
        };
        return on === machine && Date.now() - at < KEPT_MS ? new Map(trials) : null;
      } catch {
        return null;
      }
    },
    write(trials: Map<string, Trial>): void {
      try {
        mkdirSync(cacheDir, { recursive: true });
        writeFileSync(file, JSON.stringify({ at: Date.now(), on: machine, trials: [...trials] }));
      } catch {
        // a cache that cannot be written costs time only
      }
    },
  };
}

function fastest(trials: Map<string, Trial>): string {
  const cpu = trials.get('cpu')?.milliseconds || Number.POSITIVE_INFINITY;
  let best = { device: 'cpu', milliseconds: cpu / 2 };
  for (const [device, trial] of trials)
    if (device !== 'cpu' && trial.ok && trial.milliseconds < best.milliseconds)
      best = { device, milliseconds: trial.milliseconds };
  return best.device;
}

function inProcess(provider: string): Promise<Trial> {
  return new Promise((resolve) => {
    const failed = (reason: string) => resolve({ ok: false, reason, milliseconds: 0 });
    // the runtime and the drivers write to stderr as they please; only the message counts
    const child = fork(fileURLToPath(workerFile('provider-trial')), [provider], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [],
    });
    stepBack(child.pid);
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      failed(`It gave no answer within ${TRIAL_MS / 1000} s.`);
    }, TRIAL_MS);
    child.once('message', (trial: Trial) => {
      clearTimeout(timer);
      resolve(trial);
    });
    child.once('error', (error) => failed(`The trial could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      failed(`Its trial crashed (${signal ?? `code ${code}`}): most likely the driver.`);
    });
  });
}

async function withMarker(options: Options, provider: string): Promise<Trial> {
  if (provider === 'cpu') return options.inThread(provider);
  const marker = path.join(options.cacheDir, `trial-of-${provider}`);
  if (existsSync(marker))
    return {
      ok: false,
      reason: `Its trial at ${readFileSync(marker, 'utf8')} crashed the lab. Delete ${marker} to try again.`,
      milliseconds: 0,
    };
  mkdirSync(options.cacheDir, { recursive: true });
  writeFileSync(marker, new Date().toISOString());
  try {
    return await options.inThread(provider);
  } finally {
    rmSync(marker, { force: true });
  }
}
