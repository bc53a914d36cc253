// What the browser and Electron tests need of Debian and Ubuntu: found, installed when we are root, named when we are not.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { findChromium } from './chromium.ts';

/** One need: any of these packages fills it (Ubuntu 24.04 renamed some). */
type Need = string[];

const CHROMIUM: Need = ['chromium'];
export const DISPLAY: Need[] = [['xvfb']];
export const ELECTRON: Need[] = [
  ['libgtk-3-0', 'libgtk-3-0t64'],
  ['libnss3'],
  ['libasound2', 'libasound2t64'],
  ['libgbm1'],
  ['libxss1'],
  ['libxtst6'],
  ['libnotify4'],
  ['libsecret-1-0'],
  ['libatspi2.0-0', 'libatspi2.0-0t64'],
  ['libdrm2'],
  ['fonts-dejavu-core'],
];

const isDebian = () => existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
const isUbuntu = () =>
  /^ID=ubuntu$/m.test(existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '');
const succeeds = (command: string, args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

function installed(name: string): boolean {
  const run = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return run.status === 0 && run.stdout.includes('Status: install ok installed');
}

/** The package names that fill the needs which nothing here fills. */
const missing = (needs: Need[]): string[] =>
  needs
    .filter((names) => !names.some(installed))
    .map((names) => names.find((name) => succeeds('apt-cache', ['show', name])) ?? names[0]!);

/**
 * Sees to the packages of `needs`; null when they are there, else one sentence naming what is missing and the command.
 * Other systems than Debian's are taken to have them: what then fails says so itself.
 */
export function provide(needs: Need[]): string | null {
  if (process.platform !== 'linux' || !isDebian() || missing(needs).length === 0) return null;
  if (process.getuid?.() === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore', env });
    const names = missing(needs);
    process.stderr.write(`Installing ${names.join(', ')} ...\n`);
    const run = spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], {
      encoding: 'utf8',
      env,
    });
    if (run.status !== 0) process.stderr.write(run.stderr);
  }
  const still = missing(needs);
  return still.length === 0
    ? null
    : `missing here: ${still.join(', ')}. Install with: sudo apt-get install ${still.join(' ')}`;
}

/** Sees to a Chromium; null when there is one, else one sentence. Ubuntu's own package is a snap, so there Playwright's is fetched. */
export function provideChromium(): string | null {
  if (findChromium()) return null;
  if (process.platform === 'linux' && isDebian() && !isUbuntu()) {
    const why = provide([CHROMIUM]);
    return findChromium() ? null : why;
  }
  spawnSync(
    process.execPath,
    ['node_modules/playwright/cli.js', 'install', ...(process.getuid?.() === 0 ? ['--with-deps'] : []), 'chromium'],
    { stdio: 'inherit', timeout: 300_000 },
  );
  return findChromium()
    ? null
    : 'no Chromium here and none could be fetched. Install with: npx playwright install --with-deps chromium';
}
