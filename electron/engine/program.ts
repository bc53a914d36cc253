// Where the program's own files are. This module lies two folders below the root as source (electron/engine) and as
// bundle (dist/engine), so both find the same files.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** The absolute path of a file or folder of the program, given relative to its root. */
export const programPath = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** The lab's own version. */
export const LAB_VERSION: string = (
  JSON.parse(readFileSync(programPath('package.json'), 'utf8')) as { version: string }
).version;

/** The version of an installed package, or null when it is not there. */
export function packageVersion(name: string): string | null {
  const folder = path.join('node_modules', ...name.split('/'));
  try {
    const main = require.resolve(name);
    const root = main.slice(0, main.lastIndexOf(folder) + folder.length);
    return (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version;
  } catch {
    return null;
  }
}
