// Which of the built page's files an address means, and what kind it is: the same answer under Electron and from the server.

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  svg: 'image/svg+xml',
  png: 'image/png',
  webp: 'image/webp',
  jpg: 'image/jpeg',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
  wasm: 'application/wasm',
};

/** The file below dist/renderer that `pathname` names, with forward slashes; null when it names none. It never leads outside. */
export function pageFile(pathname: string): { file: string; type: string; immutable: boolean } | null {
  const file = pathname === '/' ? 'index.html' : pathname.slice(1);
  // The bundler's own names are plain; anything else (.., %2f, a backslash, a dot file) is not ours.
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(file)) return null;
  const type = TYPES[file.slice(file.lastIndexOf('.') + 1)];
  // Names in assets/ carry a hash of the content.
  return type ? { file, type, immutable: file.startsWith('assets/') } : null;
}
