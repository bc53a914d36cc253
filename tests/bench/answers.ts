// How soon the engine answers while it computes: a server of its own makes the demo (import, features, 100 fits), and a page's
// socket asks it something every 20 ms, as a hand on the keyboard would.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { connect } from '../../shared/rpc.ts';
import { socketWire } from '../../shared/wires.ts';

export const usage = 'answers [--json]';

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } });
  const dataDir = mkdtempSync(join(tmpdir(), 'lab-answers-'));
  const server = spawn(process.execPath, ['electron/server/main.ts', '--data-dir', dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const address = await new Promise<string>((resolve, reject) => {
      server.stdout.on('data', (text) => {
        const url = /http:\/\/\S+/.exec(String(text))?.[0];
        if (url) resolve(url);
      });
      server.on('exit', () => reject(new Error('The server ended; run npm run build first.')));
    });
    const socket = new WebSocket(`${address.replace('http', 'ws')}rpc`);
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    const client = connect(socketWire(socket));
    const waits: number[] = [];
    let done = false;
    client.on('job.changed', (job) => {
      if (job.kind === 'compare' && job.status === 'done') done = true;
    });
    while (!done) {
      const start = performance.now();
      await client.call('dataset.list', {});
      await client.call('job.list', {});
      waits.push(performance.now() - start);
      await sleep(20);
    }
    waits.sort((a, b) => a - b);
    const at = (share: number) =>
      Number(waits[Math.min(waits.length - 1, Math.floor(waits.length * share))]!.toFixed(1));
    const result = { asked: waits.length, medianMs: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) };
    process.stdout.write(
      values.json
        ? `${JSON.stringify(result)}\n`
        : `${Object.entries(result)
            .map(([name, value]) => `${name} ${value}`)
            .join(', ')} (two calls each; bar: 100 ms)\n`,
    );
  } finally {
    server.kill();
    await sleep(1500);
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}
