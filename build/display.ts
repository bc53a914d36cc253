// A display for Electron where the machine has none: Xvfb, which picks a free number itself (xvfb-run guesses one, and two
// that run at once may guess the same).
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

let server: ChildProcess | null = null;

export const hasDisplay = (): boolean =>
  process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

/** Sets DISPLAY to a fresh Xvfb unless there is a display; it ends with this process. Rejects when Xvfb does not start. */
export async function provideDisplay(): Promise<void> {
  if (hasDisplay()) return;
  const xvfb = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1600x1000x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  server = xvfb;
  process.on('exit', () => server?.kill());
  const number = await new Promise<string>((resolve, reject) => {
    xvfb.on('error', (error) => reject(new Error(`Xvfb could not be started: ${error.message}`)));
    xvfb.on('exit', (code) => reject(new Error(`Xvfb ended with ${code}.`)));
    (xvfb.stdio[3] as Socket).once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
  });
  // It shall not keep a program alive that has done its work. (Closing the pipe would end it: it may still write to it.)
  (xvfb.stdio[3] as Socket).unref();
  xvfb.unref();
  process.env.DISPLAY = `:${number}`;
}
