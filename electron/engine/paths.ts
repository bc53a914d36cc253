// Paths as people type them.
import { homedir } from 'node:os';
import path from 'node:path';

/** Absolute; ~ at its start is the home folder, as a shell has it. */
export const fullPath = (given: string): string =>
  path.resolve(given === '~' || /^~[\\/]/.test(given) ? homedir() + given.slice(1) : given);
