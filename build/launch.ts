// What `npm start` does once Node 24 runs it: builds what changed, then the window where there is a display, else the browser.
import { type SpawnOptions, spawn } from 'node:child_process';
import path from 'node:path';
import { bundleIfStale } from './bundle.ts';
import { findElectron, launchArguments } from './electron.ts';
import { ROOT } from './root.ts';

const say = (text: string) => process.stderr.write(`${text}\n`);

/** Why there can be no window here, or null. */
function noDisplay(): string | null {
  if (process.platform !== 'linux') return null;
  return process.env.DISPLAY || process.env.WAYLAND_DISPLAY
    ? null
    : 'No display here ($DISPLAY and $WAYLAND_DISPLAY are empty): the lab opens in a browser instead.';
}

/** Milliseconds within which a program that fails has shown no window yet. */
const EARLY = 5000;

/** Runs a program with this terminal until it ends, passing signals on; `otherwise` takes over where it fails at once. */
function become(command: string, args: string[], options: SpawnOptions, otherwise?: (why: string) => void): void {
  const started = performance.now();
  let stopped = false;
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  const pass = (signal: NodeJS.Signals) => {
    stopped = true;
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, pass);
  const fail = (why: string, code: number) => {
    if (!otherwise || stopped || performance.now() - started > EARLY) process.exit(code);
    for (const signal of signals) process.off(signal, pass);
    otherwise(why);
  };
  child.on('error', (error) => {
    say(`${command} could not be started: ${error.message}`);
    fail('The window could not be started.', 1);
  });
  child.on('exit', (code, signal) => {
    if (code === 0) process.exit(0);
    fail(`The window ended at once (${signal ?? `code ${code}`}); what it said is above.`, code ?? 1);
  });
}

/** On Linux in a session of its own, in which it computes at a lower priority than the browser (engine/workers/priority.ts). */
const serveInstead = (args: string[]) =>
  become(process.execPath, [path.join(ROOT, 'dist/engine/server.js'), ...args], {
    detached: process.platform === 'linux',
  });
const inBrowser = (why: string) => {
  say(`${why} The lab opens in a browser instead.`);
  serveInstead(['--open', ...args]);
};

await bundleIfStale();
const args = process.argv.slice(2).filter((arg) => arg !== '--browser');
const reason = noDisplay();
if (process.argv.includes('--browser')) serveInstead(args);
else if (reason) {
  say(reason);
  serveInstead(args);
} else {
  const electron = await findElectron();
  if ('missing' in electron) inBrowser(electron.missing);
  else
    become(
      electron.binary,
      [...launchArguments(), ROOT, ...args],
      { env: { ...process.env, ...electron.env } },
      inBrowser,
    );
}
