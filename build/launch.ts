// What `npm start` does once Node 24 runs it: builds what changed, then the window where there is a display, else the browser.
import { spawn } from 'node:child_process';
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

/** Runs a program with this terminal until it ends, passing signals on. */
function become(command: string, args: string[], env: NodeJS.ProcessEnv): void {
  const child = spawn(command, args, { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    say(`${command} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code) => process.exit(code ?? 1));
}

const serveInstead = (args: string[]) =>
  become(process.execPath, [path.join(ROOT, 'dist/engine/server.js'), ...args], process.env);

await bundleIfStale();
const args = process.argv.slice(2).filter((arg) => arg !== '--browser');
const reason = noDisplay();
if (process.argv.includes('--browser')) serveInstead(args);
else if (reason) {
  say(reason);
  serveInstead(args);
} else {
  const electron = await findElectron();
  if ('missing' in electron) {
    say(`${electron.missing} The lab opens in a browser instead.`);
    serveInstead(['--open', ...args]);
  } else become(electron.binary, [...launchArguments(), ROOT, ...args], { ...process.env, ...electron.env });
}
