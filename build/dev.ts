// `npm run dev`: builds whenever a source changes; the page reloads by itself, and a changed engine or app is started again.
// The window where there is a display, else (or with --browser) the browser host, then always at the same address.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { build, type Plugin } from 'vite';
import { findElectron, launchArguments } from './electron.ts';
import { ROOT } from './root.ts';
import { type Part, parts } from './vite.ts';

const PORT = '5190';
/** One secret for as long as this runs. */
const TOKEN = randomBytes(24).toString('base64url');
const say = (text: string) => process.stderr.write(`${text}\n`);

/** Adds a script to the page that reloads it when its build's number has changed. */
function reloading(): Plugin {
  let builds = 0;
  const script = `const ask = () => fetch('./build.json', { cache: 'no-store' }).then((r) => r.json()).catch(() => null);
const first = await ask();
setInterval(async () => { const now = await ask(); if (now !== null && now !== first) location.reload(); }, 700);`;
  return {
    name: 'reload',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'build.json', source: String(++builds) });
      this.emitFile({ type: 'asset', fileName: 'reload.js', source: script });
    },
    transformIndexHtml: () => [{ tag: 'script', attrs: { type: 'module', src: './reload.js' }, injectTo: 'body' }],
  };
}

/** Builds `part` now and at every change; tells `built` each time. Resolves after the first. */
async function watch(part: Part, built: () => void): Promise<void> {
  const config = parts[part]();
  const plugins = part === 'renderer' ? [...(config.plugins ?? []), reloading()] : config.plugins;
  const watcher = await build({ ...config, plugins, build: { ...config.build, watch: {} } });
  if (!('on' in watcher)) throw new Error('vite did not watch.');
  await new Promise<void>((resolve) => {
    watcher.on('event', (event) => {
      if (event.code === 'ERROR') say(`${part}: ${event.error.message}`);
      if (event.code !== 'END') return;
      resolve();
      built();
    });
  });
}

/** What is started: Electron, or the server. */
async function program(): Promise<{ command: string; args: string[]; env: NodeJS.ProcessEnv }> {
  const args = process.argv.slice(2).filter((arg) => arg !== '--browser');
  const headless = process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;
  const electron = headless || process.argv.includes('--browser') ? null : await findElectron();
  if (electron && !('missing' in electron))
    return {
      command: electron.binary,
      args: [...launchArguments(), ROOT, ...args],
      env: { ...process.env, ...electron.env },
    };
  if (electron) say(electron.missing);
  return {
    command: process.execPath,
    args: [path.join(ROOT, 'build/dev-server.ts'), PORT, TOKEN, ...args],
    env: process.env,
  };
}

const { command, args, env } = await program();
let child: ChildProcess | null = null;
let ready = false;
let queue = Promise.resolve();

async function restart(): Promise<void> {
  if (child && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  child = spawn(command, args, { stdio: 'inherit', env });
}
const changed = () => {
  if (!ready) return;
  queue = queue.then(restart);
};

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    child?.kill('SIGTERM');
    process.exit(0);
  });
// What lies in dist/ from now on is not what `npm start` would build.
rmSync(path.join(ROOT, 'dist', '.stamp'), { force: true });
await Promise.all((Object.keys(parts) as Part[]).map((part) => watch(part, part === 'renderer' ? () => {} : changed)));
ready = true;
changed();
