// The dependency rules of the design as data: which part may import which, and which packages each may use.
import path from 'node:path';

type Rule = {
  /** Parts of the project. */
  project: string[];
  /** Packages, and node: where the whole of it is meant. */
  packages: string[];
};

/** A file belongs to the longest name that it begins with. */
export const LAYERS: Record<string, Rule> = {
  shared: { project: ['shared'], packages: ['zod'] },
  renderer: {
    project: ['renderer', 'shared'],
    packages: [
      'react',
      'react-dom',
      'recharts',
      'lucide-react',
      '@base-ui/react',
      '@tanstack/react-query',
      '@tanstack/react-virtual',
      '@fontsource-variable/inter',
      '@fontsource-variable/jetbrains-mono',
      'vite',
    ],
  },
  'electron/engine': {
    project: ['electron/engine', 'shared'],
    packages: [
      'node:',
      'onnxruntime-node',
      'onnxruntime-common',
      'better-sqlite3',
      'sharp',
      'zod',
      'protobufjs',
      'tinypool',
      'fflate',
      'csv-parse',
      'usearch',
      '@huggingface/tokenizers',
    ],
  },
  'electron/preload': { project: ['electron/preload', 'shared'], packages: ['electron'] },
  'electron/main': { project: ['electron/main', 'shared'], packages: ['electron', 'node:'] },
  'electron/server': { project: ['electron/server', 'electron/engine', 'shared'], packages: ['node:', 'ws'] },
  'electron/cli': {
    project: ['electron/cli', 'electron/server', 'electron/engine', 'shared'],
    packages: ['node:', 'zod', 'csv-parse'],
  },
};

/**
 * Inside the engine the arrows go one way. A folder may import itself, the engine's own files beside the folders
 * (context.ts, settings.ts ...), and what is named here. A folder left out is free below handlers, and must be named
 * here once another folder imports it. Types are free where values are not: a context names the store it carries.
 */
export const ENGINE_ARROWS: Record<string, string[]> = {
  handlers: [
    'jobs',
    'methods',
    'models',
    'datasets',
    'db',
    'images',
    'report',
    'prompts',
    'demo',
    'workers',
    'numeric',
    'finetune',
  ],
  demo: ['jobs', 'datasets', 'db'],
  jobs: [
    'methods',
    'models',
    'datasets',
    'db',
    'images',
    'report',
    'prompts',
    'workers',
    'numeric',
    'training',
    'finetune',
  ],
  finetune: ['training', 'models', 'images', 'datasets', 'db', 'methods', 'numeric', 'workers', 'report'],
  report: ['methods', 'models', 'datasets', 'db', 'numeric'],
  prompts: ['methods', 'models', 'datasets', 'db', 'numeric'],
  methods: ['models', 'numeric', 'workers'],
  // A model embeds the items of a dataset, and asks whether their folder is there.
  models: ['datasets', 'images', 'tensor', 'training', 'numeric', 'workers'],
  datasets: ['db', 'images', 'workers'],
  images: ['workers', 'numeric'],
  workers: ['images', 'methods', 'models', 'datasets', 'numeric', 'tensor', 'training'],
  db: [],
  numeric: [],
  tensor: [],
  training: [],
};
export const packageOf = (specifier: string): string => {
  if (specifier.startsWith('node:')) return 'node:';
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? `${parts[0]}/${parts[1]}` : parts[0]!;
};

export const layerOf = (file: string): string | undefined =>
  Object.keys(LAYERS)
    .filter((layer) => file.startsWith(`${layer}/`))
    .sort((a, b) => b.length - a.length)[0];

const folderIn = (layer: string, file: string): string | null => {
  const rest = file.slice(layer.length + 1);
  return rest.includes('/') ? rest.slice(0, rest.indexOf('/')) : null;
};

/** Why `file` may not import `specifier`, or null. Paths are relative to the root, with forward slashes. */
export function forbidden(file: string, { specifier, typeOnly }: Import): string | null {
  const layer = layerOf(file);
  if (!layer) return `${file} is in no layer`;
  const rule = LAYERS[layer]!;
  if (!specifier.startsWith('.')) {
    const name = packageOf(specifier);
    return rule.packages.includes(name) ? null : `${layer} may not import the package ${name}`;
  }
  const target = path.posix.join(path.posix.dirname(file), specifier);
  const targetLayer = layerOf(target);
  if (!targetLayer || !rule.project.includes(targetLayer)) return `${layer} may not import ${target}`;
  if (layer === 'renderer' && targetLayer === 'renderer') return betweenScreens(file, target);
  if (layer === 'electron/engine' && targetLayer === 'electron/engine' && !typeOnly)
    return betweenEngineFolders(file, target);
  return null;
}

/** Folders of the renderer that are no screens. */
const COMMON = ['ui', 'charts', 'style'];

function betweenScreens(file: string, target: string): string | null {
  const from = folderIn('renderer', file);
  const to = folderIn('renderer', target);
  if (from === null || to === null || from === to || COMMON.includes(to)) return null;
  return COMMON.includes(from)
    ? `renderer/${from} may not know the screen ${to}`
    : `the screen ${from} may not import the screen ${to}`;
}

function betweenEngineFolders(file: string, target: string): string | null {
  const from = folderIn('electron/engine', file);
  const to = folderIn('electron/engine', target);
  if (from === null || to === null || from === to) return null;
  const allowed = ENGINE_ARROWS[from];
  if (!allowed) return `electron/engine/${from} has no line in ENGINE_ARROWS`;
  return allowed.includes(to) ? null : `electron/engine/${from} may not import electron/engine/${to}`;
}

export type Import = { specifier: string; typeOnly: boolean };

/** Every import and re-export of a source text, static or dynamic, and the files named by new URL('./x', import.meta.url). */
export function importsIn(source: string): Import[] {
  const found: Import[] = [];
  for (const match of source.matchAll(/^[ \t]*(?:import|export)\b([^'"`;]*?)\bfrom\s*['"]([^'"]+)['"]/gm))
    found.push({ specifier: match[2]!, typeOnly: isTypeOnly(match[1]!) });
  for (const match of source.matchAll(/^[ \t]*import\s*['"]([^'"]+)['"]/gm))
    found.push({ specifier: match[1]!, typeOnly: false });
  // After a type's name, `import('x')` is a type too; a call of it is not told apart, and is held to the stricter rule.
  for (const match of source.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g))
    found.push({ specifier: match[1]!, typeOnly: false });
  return found;
}

function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b(?!\s*,)/.test(clause)) return true;
  const named = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
  return named?.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type ')) ?? false;
}
