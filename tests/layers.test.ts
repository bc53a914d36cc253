// Walks every import of the project through the rules of tests/layers.ts, and reports the length of every file.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { forbidden, importsIn } from './layers.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const files = ['shared', 'renderer', 'electron']
  .flatMap((part) => globSync(`${part}/**/*.{ts,tsx}`, { cwd: ROOT }))
  .map((file) => file.split(path.sep).join('/'))
  .filter((file) => !file.endsWith('.d.ts'))
  .sort();
const sources = new Map(files.map((file) => [file, readFileSync(path.join(ROOT, file), 'utf8')]));

/** Lines a file may have; what is longer is named here and says why at its top. */
const LIMIT = 400;
const LONGER: Record<string, number> = { 'shared/contract.ts': 520 };

test('every import keeps to the layers', () => {
  expect(files.length).toBeGreaterThan(50);
  const broken: string[] = [];
  for (const [file, source] of sources)
    for (const each of importsIn(source)) {
      const why = forbidden(file, each);
      if (why) broken.push(`${file}: ${why}`);
    }
  expect(broken).toEqual([]);
});

test('files stay short', () => {
  const lengths = [...sources].map(([file, source]) => ({ file, lines: source.split('\n').length - 1 }));
  const long = lengths.filter(({ file, lines }) => lines > (LONGER[file] ?? LIMIT));
  const sorted = lengths.map(({ lines }) => lines).sort((a, b) => a - b);
  const longest = lengths.sort((a, b) => b.lines - a.lines)[0]!;
  console.log(
    `${lengths.length} files, median ${sorted[sorted.length >> 1]} lines, longest ${longest.lines} (${longest.file})`,
  );
  expect(long).toEqual([]);
});

test('every file says what it is in its first line', () => {
  const silent = [...sources].filter(([, source]) => !/^\/\/ \S|^\/\*\* ?\S/.test(source)).map(([file]) => file);
  expect(silent).toEqual([]);
});

test('no default exports, no barrels', () => {
  const found: string[] = [];
  for (const [file, source] of sources) {
    // The pool of worker threads calls a worker file's default export.
    if (/^export default\b/m.test(source) && !file.startsWith('electron/engine/workers/'))
      found.push(`${file}: default export`);
    if (/^export \* from/m.test(source)) found.push(`${file}: re-exports everything of another file`);
  }
  expect(found).toEqual([]);
});

describe('the rules themselves', () => {
  const value = (specifier: string) => ({ specifier, typeOnly: false });
  test.each([
    ['renderer/data/Grid.tsx', '../../shared/contract.ts'],
    ['renderer/data/Grid.tsx', '../ui/controls.tsx'],
    ['renderer/data/Grid.tsx', 'react-dom/client'],
    ['electron/main/app.ts', 'electron'],
    ['electron/server/server.ts', '../engine/http.ts'],
    ['electron/engine/jobs/compare.ts', '../methods/knn.ts'],
    ['electron/engine/jobs/compare.ts', 'node:fs/promises'],
  ])('%s may import %s', (file, specifier) => expect(forbidden(file, value(specifier))).toBeNull());

  test.each([
    ['renderer/data/Grid.tsx', '../../electron/engine/engine.ts'],
    ['renderer/data/Grid.tsx', '../compare/CompareScreen.tsx'],
    ['renderer/ui/Rail.tsx', '../compare/CompareScreen.tsx'],
    ['renderer/data/Grid.tsx', 'node:fs'],
    ['electron/engine/engine.ts', 'electron'],
    ['electron/engine/engine.ts', '../server/server.ts'],
    ['electron/engine/methods/knn.ts', '../jobs/queue.ts'],
    ['electron/engine/db/open.ts', '../datasets/walk.ts'],
    ['electron/main/app.ts', '../engine/engine.ts'],
    ['electron/preload/preload.ts', 'node:fs'],
    ['shared/rpc.ts', 'node:fs'],
    ['shared/rpc.ts', '../renderer/host.ts'],
    ['elsewhere/x.ts', 'zod'],
  ])('%s may not import %s', (file, specifier) => expect(forbidden(file, value(specifier))).toBeTypeOf('string'));

  test('every form of import is seen, and types are told from values', () => {
    const source = [
      "import a from 'a';",
      "import {\n  b,\n  type B,\n} from './b.ts';",
      "import type { C } from 'c';",
      "import { type D, type E } from 'd';",
      "import 'e';",
      'const f = await import("f");',
      "export { g } from './g.ts';",
      "const text = 'imported from elsewhere';",
    ].join('\n');
    const by = (typeOnly: boolean) =>
      importsIn(source)
        .filter((each) => each.typeOnly === typeOnly)
        .map((each) => each.specifier)
        .sort();
    expect(by(false)).toEqual(['./b.ts', './g.ts', 'a', 'e', 'f']);
    expect(by(true)).toEqual(['c', 'd']);
  });
});
