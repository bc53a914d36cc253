// A hub on a loopback port that answers as the real one does (list of files, redirect to a store, ranges), and misbehaves when told.
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export type FakeHub = {
  url: string;
  /** Every request, in order: method, path, and the headers that matter. */
  requests: { path: string; range: string | undefined; authorization: string | undefined; host: string | undefined }[];
  /** Cut the connection after so many bytes of the next replies with a body, one number each. */
  cuts: number[];
  /** Answer with these statuses first, one each. */
  statuses: number[];
  /** Send these bytes instead of the right ones. */
  corrupt: Set<string>;
  /** Goes on sending after the end of these, for as long as somebody listens. */
  endless: Set<string>;
  ranges: boolean;
  token: string | null;
  /** Bytes a second of a body; 0: at once. */
  pace: number;
  close(): Promise<void>;
};

const REPO = 'Xenova/tiny';

/** `files`: path -> content; those over 1,000 bytes are large files with a SHA-256. */
export async function fakeHub(files: Record<string, Buffer>, revision = 'main'): Promise<FakeHub> {
  const hub: FakeHub = {
    url: '',
    requests: [],
    cuts: [],
    statuses: [],
    corrupt: new Set(),
    endless: new Set(),
    ranges: true,
    token: null,
    pace: 0,
    close: async () => {},
  };
  const tree = Object.entries(files).map(([path, content]) => {
    const blob = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
    const lfs =
      content.length > 1000
        ? { lfs: { oid: createHash('sha256').update(content).digest('hex'), size: content.length } }
        : {};
    return { type: 'file', path, size: content.length, oid: blob, ...lfs };
  });

  const server = http.createServer((request, reply) => {
    // through a proxy the whole address is the path
    const path = new URL(request.url!, hub.url).pathname;
    hub.requests.push({
      path,
      range: request.headers.range,
      authorization: request.headers.authorization,
      host: request.headers.host,
    });
    const status = hub.statuses.shift();
    if (status && status !== 200) return void reply.writeHead(status).end('no');
    const fromStore = path.startsWith('/store/');
    if (hub.token && !fromStore && request.headers.authorization !== `Bearer ${hub.token}`)
      return void reply.writeHead(401).end('Access to model is restricted');
    if (path === `/api/models/${REPO}/tree/${revision}`)
      return void reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(tree));
    const resolve = `/${REPO}/resolve/${revision}/`;
    if (path.startsWith(resolve)) {
      const name = decodeURIComponent(path.slice(resolve.length));
      const content = files[name];
      if (!content) return void reply.writeHead(404).end('Entry not found');
      // large files lie in another place, as on the real Hub
      if (content.length > 1000)
        return void reply.writeHead(302, { location: `/store/${encodeURIComponent(name)}` }).end();
      return send(request, reply, name, content);
    }
    if (fromStore) {
      const name = decodeURIComponent(path.slice('/store/'.length));
      return send(request, reply, name, files[name]!);
    }
    reply.writeHead(404).end('Repository not found');
  });

  function send(request: http.IncomingMessage, reply: http.ServerResponse, name: string, right: Buffer): void {
    const content = hub.corrupt.has(name) ? Buffer.from(right.map((byte) => byte ^ 1)) : right;
    const from = hub.ranges ? Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
    const body = content.subarray(from);
    const head = { etag: `"${name}"`, ...(hub.endless.has(name) ? {} : { 'content-length': body.length }) };
    if (from > 0)
      reply.writeHead(206, { ...head, 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` });
    else reply.writeHead(200, head);
    if (hub.endless.has(name)) return void flood(reply, right);
    const cut = content.length > 1000 ? hub.cuts.shift() : undefined;
    if (cut !== undefined) return void reply.write(body.subarray(0, cut), () => setTimeout(() => reply.destroy(), 20));
    if (!hub.pace) return void reply.end(body);
    const step = Math.max(1, Math.round(hub.pace / 50));
    let at = 0;
    const timer = setInterval(() => {
      if (reply.destroyed) return clearInterval(timer);
      reply.write(body.subarray(at, at + step));
      at += step;
      if (at >= body.length) {
        clearInterval(timer);
        reply.end();
      }
    }, 20);
  }

  function flood(reply: http.ServerResponse, bytes: Buffer): void {
    const more = () => {
      if (!reply.destroyed) reply.write(bytes, () => setImmediate(more));
    };
    more();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  hub.close = () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return hub;
}

/** A proxy that carries plain http and answers CONNECT with a refusal; what it was asked is in `asked`. */
export async function fakeProxy(): Promise<{ url: string; asked: string[]; close(): Promise<void> }> {
  const asked: string[] = [];
  const server = http.createServer((request, reply) => {
    asked.push(`${request.method} ${request.url}`);
    const target = new URL(request.url!);
    const onward = http.request(target, { method: request.method, headers: request.headers }, (answer) => {
      reply.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(reply);
    });
    request.pipe(onward);
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
