// The browser host: its page, the engine's files and the socket behind one secret address; everything else is refused.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type LabServer, startServer } from '../../electron/server/server.ts';
import { connect, serve } from '../../shared/rpc.ts';
import { socketWire } from '../../shared/wires.ts';
import { standInHandlers } from '../helpers/stand-in.ts';

const dir = mkdtempSync(path.join(os.tmpdir(), 'lab-server-'));
let server: LabServer;
let aborted = 0;

/** Answers like the engine: an echo of the path and range, and a stream that ends only when the browser goes. */
async function files(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === '/export/endless') {
    request.signal.addEventListener('abort', () => aborted++);
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024)) }));
  }
  if (pathname === '/media/broken') throw new Error('no such picture');
  return new Response(`${pathname} ${request.headers.get('range')}`);
}

beforeAll(async () => {
  mkdirSync(path.join(dir, 'page/assets'), { recursive: true });
  writeFileSync(path.join(dir, 'page/index.html'), '<title>lab</title>');
  writeFileSync(path.join(dir, 'page/assets/a.js'), '1');
  writeFileSync(path.join(dir, 'secret.txt'), 'secret');
  const engine = serve(standInHandlers(), () => {});
  server = await startServer({ accept: engine.accept, files }, { bundleDir: path.join(dir, 'page') });
});
afterAll(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A plain request: fetch would tidy the path and forbid the Host header. */
async function ask(url: string, headers: http.OutgoingHttpHeaders = {}, method = 'GET') {
  const { hostname, port } = new URL(url);
  const request = http.request({ hostname, port, path: url.slice(url.indexOf('/', 8)), headers, method });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, headers: response.headers, text };
}

test('serves the page under the secret, strictly', async () => {
  const page = await ask(server.url);
  expect(page).toMatchObject({ status: 200, text: '<title>lab</title>' });
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  expect(page.headers['content-security-policy']).not.toContain('unsafe-eval');
  expect(page.headers['content-security-policy']).toMatch(/script-src 'self';/);
  expect(page.headers['referrer-policy']).toBe('no-referrer');
  expect((await ask(`${server.url}assets/a.js`)).headers['content-type']).toContain('javascript');
});

test('passes media and exports on to the engine, with ranges', async () => {
  expect((await ask(`${server.url}media/thumbnail/ab`, { range: 'bytes=0-9' })).text).toBe(
    '/media/thumbnail/ab bytes=0-9',
  );
  expect((await ask(`${server.url}export/compare/1/chart.svg`)).text).toBe('/export/compare/1/chart.svg null');
  expect((await ask(`${server.url}media/broken`)).status).toBe(500);
});

test('a browser that goes away ends the stream', async () => {
  const request = http.get(`${server.url}export/endless`);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(response, 'data');
  request.destroy();
  await expect.poll(() => aborted).toBe(1);
});

test('answers calls over the socket', async () => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}rpc`, { origin: new URL(server.url).origin });
  await once(socket, 'open');
  expect(
    await connect(socketWire(socket as unknown as Parameters<typeof socketWire>[0])).call('dataset.list', {}),
  ).toEqual([]);
  socket.terminate();
});

test('a port that is taken is named', async () => {
  const engine = serve(standInHandlers(), () => {});
  const port = Number(new URL(server.url).port);
  await expect(startServer({ accept: engine.accept, files }, { bundleDir: dir, port })).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(new RegExp(`Port ${port} is taken.*--port`)),
  });
});

test('a message that is too large ends its own socket and nothing else', async () => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}rpc`, { origin: new URL(server.url).origin });
  await once(socket, 'open');
  socket.send('x'.repeat(17 * 1024 * 1024));
  const [code] = (await once(socket, 'close')) as [number];
  expect(code).toBe(1009);
  expect((await ask(server.url)).status).toBe(200);
});

describe('refuses', () => {
  const cases: [string, (url: URL) => [string, http.OutgoingHttpHeaders]][] = [
    ['no secret', ({ origin }) => [`${origin}/`, {}]],
    ['a wrong secret', ({ origin }) => [`${origin}/${'A'.repeat(32)}/`, {}]],
    ['the secret without its slash', ({ href }) => [href.slice(0, -1), {}]],
    ['a foreign Host (DNS rebinding)', ({ href }) => [href, { host: 'evil.example' }]],
    ['the name localhost', ({ href, port }) => [href, { host: `localhost:${port}` }]],
    ['another local port as Origin', ({ href }) => [href, { origin: 'http://127.0.0.1:1' }]],
    ['an opaque Origin', ({ href }) => [href, { origin: 'null' }]],
    ['what is no address', ({ origin }) => [`${origin}//`, {}]],
    ['media without the secret', ({ origin }) => [`${origin}/media/thumbnail/ab`, {}]],
  ];
  test.each(cases)('%s', async (_name, make) => {
    const [url, headers] = make(new URL(server.url));
    expect((await ask(url, headers)).status).toBe(403);
  });

  test('paths that lead outside the page', async () => {
    for (const outside of [
      '../secret.txt',
      '..%2fsecret.txt',
      '%2e%2e/secret.txt',
      'assets/../../secret.txt',
      '..\\secret.txt',
    ])
      expect([403, 404]).toContain((await ask(server.url + outside)).status);
  });

  test('anything but reading', async () => {
    expect((await ask(server.url, {}, 'POST')).status).toBe(405);
  });

  test.each([
    ['without the secret', (url: URL) => [`${url.origin}/rpc`, {}] as const],
    ['with a foreign Origin', (url: URL) => [`${url.href}rpc`, { origin: 'https://evil.example' }] as const],
    ['at what is no address', (url: URL) => [`${url.origin}//`, {}] as const],
    ['at another path', (url: URL) => [`${url.href}other`, {}] as const],
  ])('a socket %s', async (_name, make) => {
    const [url, headers] = make(new URL(server.url));
    const socket = new WebSocket(url.replace('http', 'ws'), { headers });
    await expect(once(socket, 'open')).rejects.toThrow('403');
  });
});
