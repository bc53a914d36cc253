// The engine as a child of the desktop app: the entry that electron/main forks, as a utilityProcess or under another Node.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { LabError } from '../../shared/contract.ts';
import type { FromEngine } from '../../shared/engine-messages.ts';
import { beginDemo } from './demo/begin.ts';
import { createEngine, type RunningEngine } from './engine.ts';
import { answerHttp } from './http.ts';
import { openParent } from './parent.ts';

const dataDir = process.argv[2];
if (!dataDir) throw new Error('The engine is forked with the data folder as its argument.');

const parent = openParent();
// Ctrl+C in a terminal reaches the whole group of processes: the app hears it too, and asks for an orderly stop.
process.on('SIGINT', () => {});

/** Serves thumbnails, images and exports to the main process alone: loopback, and a secret that dies with this process. */
async function serveFiles(engine: RunningEngine): Promise<{ address: string; secret: string }> {
  const secret = randomBytes(24).toString('base64url');
  const expected = Buffer.from(`Bearer ${secret}`);
  const server = http.createServer((req, res) => {
    const given = Buffer.from(req.headers.authorization ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return void res.writeHead(403).end();
    void answerHttp(engine.files, req, res, req.url ?? '/');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, secret };
}

/** Tells the main process when work begins and when the last of it ends. */
function announceWork(engine: RunningEngine): void {
  const running = new Set<number>();
  engine.on((event, payload) => {
    if (event !== 'job.changed') return;
    const job = payload as { id: number; status: string };
    const before = running.size > 0;
    if (job.status === 'running') running.add(job.id);
    else running.delete(job.id);
    if (running.size > 0 !== before) parent.send({ kind: 'busy', busy: running.size > 0 });
  });
}

try {
  const engine = await createEngine({ host: 'window', dataDir });
  let closing = false;
  parent.onStop(() => {
    if (closing) return;
    closing = true;
    // The jobs get a moment to store where they are; what hangs must not keep the app from quitting.
    setTimeout(() => process.exit(0), 5000).unref();
    engine.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  announceWork(engine);
  const { address, secret } = await serveFiles(engine);
  parent.onWire(engine.accept);
  parent.send({
    kind: 'ready',
    files: address,
    secret,
    dataDir,
    logFile: path.join(dataDir, 'lab.log'),
  } satisfies FromEngine);
  beginDemo(engine);
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  parent.send({ kind: 'refused', message: error.message });
  parent.leave(2);
}
