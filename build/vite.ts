// How each part becomes files in dist/: one place for all the bundler's settings.
//   renderer -> dist/renderer (the page), main and preload -> dist/main, dist/preload, engine, server and shell -> dist/engine.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import react from '@vitejs/plugin-react';
import type { InlineConfig } from 'vite';
import { ROOT } from './root.ts';

const from = (relative: string) => path.resolve(ROOT, relative);
const common = { configFile: false, logLevel: 'warn', root: ROOT } as const satisfies InlineConfig;

/** The page. Relative addresses, so that app://lab/ and http://127.0.0.1:PORT/TOKEN/ serve the same files. */
export const renderer = (): InlineConfig => ({
  ...common,
  root: from('renderer'),
  base: './',
  plugins: [react()],
  build: {
    outDir: from('dist/renderer'),
    emptyOutDir: true,
    target: 'chrome130',
    // The content security policy allows no inline script and no data: font.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
  },
});

/** A bundle for Node or Electron: our own modules together, every package left outside. */
export const nodeBundle = (
  input: Record<string, string>,
  outDir: string,
  format: 'es' | 'cjs',
  extension = 'js',
): InlineConfig => ({
  ...common,
  build: {
    ssr: true,
    outDir: from(outDir),
    emptyOutDir: true,
    target: 'node22',
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      input,
      external: (id: string) => !id.startsWith('.') && !path.isAbsolute(id),
      // Flat: a worker's file must lie beside the module that names it (electron/engine/workers/pool.ts).
      output: {
        format,
        entryFileNames: `[name].${extension}`,
        chunkFileNames: `chunk-[name]-[hash].${extension}`,
        codeSplitting: format === 'es',
      },
    },
  },
});

/** CommonJS, so that Electron runs all of it before it announces that it is ready. */
export const main = (): InlineConfig => nodeBundle({ main: from('electron/main/main.ts') }, 'dist/main', 'cjs', 'cjs');

/** A sandboxed preload script must be one CommonJS file. */
export const preload = (): InlineConfig =>
  nodeBundle({ preload: from('electron/preload/preload.ts') }, 'dist/preload', 'cjs', 'cjs');

/** The engine with every worker it starts, the browser host and the shell, in one folder. */
export function engine(): InlineConfig {
  const entries: Record<string, string> = {
    process: 'electron/engine/process.ts',
    server: 'electron/server/main.ts',
    cli: 'electron/cli/main.ts',
  };
  const workers = 'electron/engine/workers';
  for (const file of readdirSync(from(workers))) {
    if (file.endsWith('.ts') && file !== 'pool.ts') entries[file.slice(0, -3)] = `${workers}/${file}`;
  }
  const present = Object.entries(entries).filter(([, file]) => existsSync(from(file)));
  return nodeBundle(Object.fromEntries(present.map(([name, file]) => [name, from(file)])), 'dist/engine', 'es');
}

export const parts = { renderer, main, preload, engine };
export type Part = keyof typeof parts;
