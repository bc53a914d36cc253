// The typed calls over every transport: in memory, MessagePort and WebSocket behave alike, also when one end dies.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { CallName } from '../../shared/contract.ts';
import { connect, serve, type Wire } from '../../shared/rpc.ts';
import { portWire, socketWire, wirePair } from '../../shared/wires.ts';
import { standInHandlers } from '../helpers/stand-in.ts';

type Pair = { near: Wire; far: Wire; done(): void };

async function socketPair(): Promise<Pair> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [[accepted]] = await Promise.all([once(server, 'connection') as Promise<[WebSocket]>, once(client, 'open')]);
  return {
    near: socketWire(client as unknown as Parameters<typeof socketWire>[0]),
    far: socketWire(accepted as unknown as Parameters<typeof socketWire>[0]),
    done() {
      client.terminate();
      server.close();
    },
  };
}

function portPair(): Pair {
  const { port1, port2 } = new MessageChannel();
  type Port = Parameters<typeof portWire>[0];
  return { near: portWire(port1 as Port), far: portWire(port2 as Port), done: () => port1.close() };
}

function memoryPair(): Pair {
  const [near, far] = wirePair();
  return { near, far, done: () => near.close() };
}

const transports: Record<string, () => Promise<Pair> | Pair> = {
  memory: memoryPair,
  port: portPair,
  socket: socketPair,
};

describe.each(Object.keys(transports))('calls over %s', (name) => {
  let done: (() => void) | undefined;
  afterEach(() => done?.());

  async function open() {
    const pair = await transports[name]!();
    done = pair.done;
    const logged: string[] = [];
    const engine = serve(standInHandlers(), (_error, call) => logged.push(call));
    engine.accept(pair.far);
    return { client: connect(pair.near), engine, logged, pair };
  }

  test('returns results, with defaults filled in', async () => {
    const { client } = await open();
    expect(await client.call('dataset.list', {})).toEqual([]);
    expect((await client.call('settings.set', { theme: 'dark' })).theme).toBe('dark');
    expect(await client.call('settings.get', {})).toMatchObject({ theme: 'dark', threads: 0 });
    expect(await client.call('cache.clear', { id: 'features' })).toBeNull();
  });

  test('answers each of many calls at once with its own answer', async () => {
    const { client } = await open();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => client.call('settings.set', { threads: i })),
    );
    expect(answers.map((each) => each.threads)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test('refuses bad params, naming the field', async () => {
    const { client } = await open();
    await expect(client.call('settings.set', { threads: -1 })).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('threads'),
    });
    await expect(client.call('settings.set', 7 as never)).rejects.toMatchObject({ code: 'bad-request' });
  });

  test('refuses a call that is unknown, also one named like something every object has', async () => {
    const { client } = await open();
    for (const call of ['dataset.burn', 'toString', '__proto__', 'job.list'])
      await expect(client.call(call as CallName, {} as never)).rejects.toMatchObject({ code: 'bad-request' });
  });

  test('carries an expected error with its code, and logs an unexpected one', async () => {
    const { client, logged } = await open();
    await expect(client.call('dataset.get', { id: 7 })).rejects.toMatchObject({
      name: 'LabError',
      code: 'not-found',
      message: 'There is no dataset 7.',
    });
    expect(logged).toEqual([]);
    await expect(client.call('job.get', { id: 1 })).rejects.toMatchObject({ code: 'internal' });
    expect(logged).toEqual(['job.get']);
  });

  test('announces events to those who listen, until they stop', async () => {
    const { client, engine } = await open();
    const seen: number[] = [];
    const stop = client.on('dataset.changed', ({ id }) => seen.push(id));
    engine.push('dataset.changed', { id: 1 });
    await client.call('dataset.list', {});
    stop();
    engine.push('dataset.changed', { id: 2 });
    await client.call('dataset.list', {});
    expect(seen).toEqual([1]);
  });

  test('death of the engine rejects what is pending and all that comes after', async () => {
    const { client, engine } = await open();
    const closed = new Promise<void>((resolve) => client.onClose(resolve));
    const pending = client.call('dataset.rename', { id: 1, name: 'x' });
    const rejected = expect(pending).rejects.toMatchObject({ code: 'disconnected' });
    await client.call('dataset.list', {});
    engine.close();
    await rejected;
    await closed;
    await expect(client.call('dataset.list', {})).rejects.toMatchObject({ code: 'disconnected' });
  });

  test('a page that goes away is forgotten, and a late answer to it harms nobody', async () => {
    const { client, engine } = await open();
    await client.call('dataset.list', {});
    expect(engine.clients()).toBe(1);
    void client.call('dataset.list', {}).catch(() => {});
    client.close();
    await expect.poll(() => engine.clients()).toBe(0);
    engine.push('dataset.changed', { id: 3 });
  });
});

test('params and results are typed', () => {
  const client = null as unknown as ReturnType<typeof connect>;
  // @ts-expect-error name is missing
  void (() => client.call('dataset.rename', { id: 1 }));
  // @ts-expect-error there is no such call
  void (() => client.call('dataset.burn', {}));
  // @ts-expect-error the result is a list
  void (async () => (await client.call('dataset.list', {})).id);
  expect(client).toBeNull();
});
