// The built page from dist/renderer.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pageFile } from '../../shared/page-files.ts';

/** Answers with a file of the page, or 404. */
export const pageHandler = (bundleDir: string) => async (request: Request) => {
  const found = pageFile(new URL(request.url).pathname);
  const bytes = found && (await readFile(path.join(bundleDir, found.file)).catch(() => null));
  if (!found || !bytes) return new Response('There is nothing here.', { status: 404 });
  return new Response(bytes, {
    headers: {
      'content-type': found.type,
      'cache-control': found.immutable ? 'max-age=31536000, immutable' : 'no-cache',
    },
  });
};
