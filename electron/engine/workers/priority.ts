// Lets the window answer while threads compute: on Linux each thread has a priority of its own (setpriority(2) with 0 means the
// calling thread), and computing threads of an engine that serves people step back. Elsewhere it would be the whole process's.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import os from 'node:os';
import { isMainThread } from 'node:worker_threads';

/** Set by hosts with people in front of them; the shell computes at full priority. */
export const SERVES_PEOPLE = 'LAB_SERVES_PEOPLE';

if (!isMainThread && process.platform === 'linux' && process.env[SERVES_PEOPLE])
  os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);

/**
 * The threads that compute without being workers of ours step back too: libuv's, on which sharp decodes, and V8's, which compile and
 * collect for every worker. To be called before the first worker is started.
 */
export async function lowerHelpers(): Promise<void> {
  if (process.platform !== 'linux' || !process.env[SERVES_PEOPLE]) return;
  await stat('.'); // libuv makes its threads with the first call that needs one
  for (const thread of readdirSync('/proc/self/task')) {
    const name = readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim();
    if (/^(libuv-worker|V8Worker)$/.test(name)) lower(Number(thread));
  }
}

/** A process just started for the computing of such an engine: it steps back with the threads it will have. */
export function stepBack(pid: number | undefined): void {
  if (pid !== undefined && process.env[SERVES_PEOPLE]) lower(pid);
}

function lower(pid: number): void {
  try {
    os.setPriority(pid, os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // it has ended already
  }
}

/**
 * Linux shares the processors out by session first (autogroup) and looks at priorities only within one. A browser is in another
 * session, so a server that leads one of its own (build/launch.ts) steps back with all of it; one in a shell's session may not.
 */
export function stepBackFromBrowsers(): void {
  if (process.platform !== 'linux') return;
  try {
    if (sessionOf(readFileSync('/proc/self/stat', 'utf8')) !== process.pid) return;
    writeFileSync('/proc/self/autogroup', String(os.constants.priority.PRIORITY_BELOW_NORMAL));
  } catch {
    // this kernel has no such groups: priorities count everywhere
  }
}

/** The sixth field of /proc/PID/stat; the second, a name in brackets, may hold anything. */
const sessionOf = (stat: string): number => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
