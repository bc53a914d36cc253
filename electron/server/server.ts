// The lab in a plain browser: loopback only, and every URL begins with a secret that dies with the process.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { LabError } from '../../shared/contract.ts';
import { contentSecurityPolicy } from '../../shared/csp.ts';
import { socketWire } from '../../shared/wires.ts';
import type { RunningEngine } from '../engine/engine.ts';
import { answerHttp } from '../engine/http.ts';
import { pageHandler } from './page.ts';

export type ServerOptions = {
  /** 0 or left out: any free port. */
  port?: number;
  /** The built page, dist/renderer. */
  bundleDir: string;
  /** The secret in the address; left out, it is drawn anew. Only for development. */
  token?: string;
};

export type LabServer = { url: string; close(): Promise<void> };

/** Serves the page, the engine's files and the RPC at http://127.0.0.1:PORT/TOKEN/ until `close`. Throws `conflict` when the port is taken. */
export async function startServer(
  engine: Pick<RunningEngine, 'accept' | 'files'>,
  { port = 0, bundleDir, token = randomBytes(24).toString('base64url') }: ServerOptions,
): Promise<LabServer> {
  const page = pageHandler(bundleDir);
  const server = http.createServer((req, res) => void answer(req, res));
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 * 1024 });

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = admitted(req);
    res.setHeader('referrer-policy', 'no-referrer');
    res.setHeader('x-content-type-options', 'nosniff');
    if (path === null)
      return void res.writeHead(403, { 'content-type': 'text/plain' }).end('Open the address that lab serve printed.');
    res.setHeader('content-security-policy', contentSecurityPolicy(`ws://${host}`));
    res.setHeader('cross-origin-resource-policy', 'same-origin');
    await answerHttp(path.startsWith('/media/') || path.startsWith('/export/') ? engine.files : page, req, res, path);
  }

  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy()); // gone before it was answered; unheard, that would end the process
    if (admitted(req) !== '/rpc') return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    sockets.handleUpgrade(req, socket, head, (ws) => {
      ws.on('error', () => {}); // a frame that is no frame, or too large: it closes by itself
      engine.accept(socketWire(ws));
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
    const why = error.code === 'EACCES' ? 'may not be used by this account' : 'is taken by another program';
    throw new LabError('conflict', `Port ${port} ${why}. Choose another with --port, or leave it out for a free one.`);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  /**
   * The path after the secret, or null when the request is not from our own page. A foreign Host is DNS rebinding; a foreign
   * Origin is another site's script. A cookie would not do: cookies ignore ports, so any other local server would be sent it.
   */
  function admitted(req: IncomingMessage): string | null {
    // '//' is no address: what any web page can ask for must not throw
    const asking = URL.parse(req.url ?? '/', 'http://lab.invalid');
    if (!asking) return null;
    const { pathname, search } = asking;
    const [, given = '', ...rest] = pathname.split('/');
    const same = given.length === token.length && timingSafeEqual(Buffer.from(given), Buffer.from(token));
    const { origin, host: asked } = req.headers;
    const ours = asked === host && (origin === undefined || origin === `http://${host}`);
    return same && ours && rest.length > 0 ? `/${rest.join('/')}${search}` : null;
  }

  return {
    url: `http://${host}/${token}/`,
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
