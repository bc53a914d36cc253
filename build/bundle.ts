// `npm run build`: bundles every part into dist/; and the check that lets a second start skip it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './root.ts';
import type { Part } from './vite.ts';

const SOURCES = ['renderer', 'shared', 'electron', 'build', 'package-lock.json'];

/** A hash over the name, size and time of every file that goes into dist/: about a thousand stats, a few milliseconds. */
function fingerprint(): string {
  const hash = createHash('sha256');
  const visit = (relative: string): void => {
    const info = statSync(path.join(ROOT, relative));
    if (!info.isDirectory()) return void hash.update(`${relative}\0${info.size}\0${info.mtimeMs}\n`);
    for (const name of readdirSync(path.join(ROOT, relative)).sort()) visit(`${relative}/${name}`);
  };
  for (const source of SOURCES) visit(source);
  return hash.digest('hex');
}

const stamp = path.join(ROOT, 'dist', '.stamp');

/** Bundles the named parts, one after the other (two cores are busy with one). */
export async function bundle(names?: Part[]): Promise<void> {
  // Loaded here: a second start builds nothing, and need not wait for the bundler.
  const [{ build }, { parts }] = await Promise.all([import('vite'), import('./vite.ts')]);
  for (const name of names ?? (Object.keys(parts) as Part[])) await build(parts[name]());
}

/** Bundles everything when a source changed since the last time; says so on stderr. */
export async function bundleIfStale(): Promise<void> {
  const now = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  const started = Date.now();
  process.stderr.write('Building ...\n');
  await bundle();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
  process.stderr.write(`Built in ${((Date.now() - started) / 1000).toFixed(1)} s.\n`);
}

if (import.meta.main) {
  const names = process.argv.slice(2) as Part[];
  if (names.length > 0) await bundle(names);
  else await bundleIfStale();
}
