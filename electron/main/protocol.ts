// app://lab/: the page out of the app's own folder, thumbnails, images and exports from the engine. Nothing else is answered.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { protocol } from 'electron';
import { contentSecurityPolicy } from '../../shared/csp.ts';
import { pageFile } from '../../shared/page-files.ts';
import type { Supervisor } from './supervisor.ts';

export const PAGE = 'app://lab/';

/** Must run before the app is ready. */
export function declareScheme(): void {
  protocol.registerSchemesAsPrivileged([
    {
      scheme: 'app',
      privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true, codeCache: true },
    },
  ]);
}

/** What the engine serves under `relative` (shared/urls.ts), streamed, with ranges. */
export async function engineFile(
  engine: Supervisor,
  relative: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { files, secret } = await engine.ready();
  return fetch(`${files}/${relative}`, { headers: { ...headers, authorization: `Bearer ${secret}` } });
}

export function servePage(engine: Supervisor, bundleDir: string): void {
  protocol.handle('app', async (request) => {
    const { host, pathname, search } = new URL(request.url);
    if (host !== 'lab' || request.method !== 'GET') return new Response('Refused.', { status: 403 });
    if (pathname.startsWith('/media/') || pathname.startsWith('/export/')) {
      const range = request.headers.get('range');
      return engineFile(engine, pathname.slice(1) + search, range ? { range } : {}).catch(
        () => new Response('The engine is not there.', { status: 503 }),
      );
    }
    const found = pageFile(pathname);
    const bytes = found && (await readFile(path.join(bundleDir, found.file)).catch(() => null));
    if (!found || !bytes) return new Response('There is nothing here.', { status: 404 });
    return new Response(bytes, {
      headers: {
        'content-type': found.type,
        'content-security-policy': contentSecurityPolicy(),
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      },
    });
  });
}
