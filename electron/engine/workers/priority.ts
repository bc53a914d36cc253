// Lets the window answer while threads compute: on Linux each thread has a priority of its own (setpriority(2) with 0 means the
// calling thread), and computing threads of an engine that serves people step back. Elsewhere it would be the whole process's.
import os from 'node:os';
import { isMainThread } from 'node:worker_threads';

/** Set by hosts with people in front of them; the shell computes at full priority. */
export const SERVES_PEOPLE = 'LAB_SERVES_PEOPLE';

if (!isMainThread && process.platform === 'linux' && process.env[SERVES_PEOPLE])
  os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);
