// The engine's keeper: it starts another when one dies, waits longer each time, gives up in the end, and stops in order.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { EngineChild } from '../../electron/main/fork.ts';
import { superviseEngine } from '../../electron/main/supervisor.ts';
import type { FromEngine } from '../../shared/engine-messages.ts';

type Port = Parameters<EngineChild['connect']>[0];

/** Engines that do nothing by themselves, and what the keeper told us. */
function setUp() {
  const children: {
    ports: Port[];
    say(message: FromEngine): void;
    die(code: number): void;
    stopped: boolean;
    killed: boolean;
  }[] = [];
  const told: string[] = [];
  const supervisor = superviseEngine({
    fork() {
      let message: (message: FromEngine) => void = () => {};
      let exit: (code: number | null) => void = () => {};
      const child = {
        ports: [] as Port[],
        say: (text: FromEngine) => message(text),
        die: (code: number) => exit(code),
        stopped: false,
        killed: false,
      };
      children.push(child);
      return {
        connect: (port) => void child.ports.push(port),
        onMessage: (listener) => (message = listener),
        onExit: (listener) => (exit = listener),
        onOutput: () => {},
        stop: () => (child.stopped = true),
        kill: () => (child.killed = true),
      };
    },
    onBusy: (busy) => told.push(`busy ${busy}`),
    onRefused: (message) => told.push(`refused: ${message}`),
    onGivenUp: () => told.push('given up'),
    onOutput: () => {},
  });
  return { children, told, supervisor };
}
const port = () => ({ close: vi.fn() }) as unknown as Port & { close: ReturnType<typeof vi.fn> };
const ready: FromEngine = {
  kind: 'ready',
  files: 'http://127.0.0.1:1',
  secret: 's',
  dataDir: '/d',
  logFile: '/d/lab.log',
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a line asked for while the engine is away is given to the next one', async () => {
  const { children, supervisor } = setUp();
  children[0]!.die(1);
  const waiting = port();
  supervisor.connect(waiting);
  await vi.advanceTimersByTimeAsync(150);
  expect(children).toHaveLength(2);
  expect(children[1]!.ports).toEqual([waiting]);
  expect(waiting.close).not.toHaveBeenCalled();
});

test('files asked for while the engine is away come from the next one', async () => {
  const { children, supervisor } = setUp();
  const asked = supervisor.ready();
  children[0]!.die(1);
  await vi.advanceTimersByTimeAsync(150);
  children[1]!.say(ready);
  await expect(asked).resolves.toMatchObject({ secret: 's' });
  await expect(supervisor.ready()).resolves.toMatchObject({ secret: 's' });
});

test('it waits longer after each death, and gives up after the fourth within a minute', async () => {
  const { children, told, supervisor } = setUp();
  for (const pause of [100, 1000, 4000]) {
    const before = children.length;
    children.at(-1)!.die(1);
    await vi.advanceTimersByTimeAsync(pause - 20);
    expect(children).toHaveLength(before);
    await vi.advanceTimersByTimeAsync(40);
    expect(children).toHaveLength(before + 1);
  }
  children.at(-1)!.die(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(children).toHaveLength(4);
  expect(told.filter((each) => each === 'given up')).toHaveLength(1);
  await expect(supervisor.ready()).rejects.toThrow('stopped too often');
  supervisor.restart();
  expect(children).toHaveLength(5);
});

test('deaths long ago are forgotten', async () => {
  const { children, told } = setUp();
  for (let n = 0; n < 8; n++) {
    children.at(-1)!.die(1);
    await vi.advanceTimersByTimeAsync(61_000);
  }
  expect(children).toHaveLength(9);
  expect(told).not.toContain('given up');
});

test('an engine that refuses is not tried again', async () => {
  const { children, told } = setUp();
  children[0]!.say({ kind: 'refused', message: 'The data folder is in use.' });
  children[0]!.die(2);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(children).toHaveLength(1);
  expect(told).toContain('refused: The data folder is in use.');
});

test('a death in the middle of work lets the machine sleep', async () => {
  const { children, told } = setUp();
  children[0]!.say({ kind: 'busy', busy: true });
  children[0]!.die(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual(['busy true', 'busy false']);
});

test('stopping asks first, kills what hangs, and starts no other', async () => {
  const { children, supervisor } = setUp();
  const stopped = supervisor.stop();
  expect(children[0]).toMatchObject({ stopped: true, killed: false });
  await vi.advanceTimersByTimeAsync(6000);
  await stopped;
  expect(children[0]!.killed).toBe(true);
  children[0]!.die(0);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(children).toHaveLength(1);
});
