// Carries a web-standard Request and Response over node:http: how the hosts serve the engine's files.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';

/** Answers `req` at `path` by `handle`. A browser that goes away aborts the request's signal; nothing is thrown. */
export async function answerHttp(
  handle: (request: Request) => Promise<Response>,
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
): Promise<void> {
  const gone = new AbortController();
  res.on('close', () => gone.abort());
  try {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const headers = new Headers();
    for (const name of ['range', 'if-none-match', 'if-modified-since', 'accept'] as const) {
      const value = req.headers[name];
      if (value !== undefined) headers.set(name, value);
    }
    const response = await handle(
      new Request(new URL(path, 'http://lab.invalid'), { method: req.method, headers, signal: gone.signal }),
    );
    res.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body && req.method === 'GET')
      await pipeline(Readable.fromWeb(response.body as NodeReadableStream), res);
    else res.end();
  } catch (error) {
    if (gone.signal.aborted) return;
    if (res.headersSent) res.destroy();
    else
      res
        .writeHead(500, { 'content-type': 'text/plain; charset=utf-8' })
        .end(error instanceof Error ? error.message : 'The file could not be sent.');
  }
}
