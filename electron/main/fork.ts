// Starts the engine as a child, in either of two ways that look the same from outside: Electron's utilityProcess, which takes
// the window's MessagePorts, or another Node binary (LAB_ENGINE_NODE), to which this process relays them as text.
import { fork as forkNode } from 'node:child_process';
import { type MessagePortMain, utilityProcess } from 'electron';
import type { FromEngine, ToEngine } from '../../shared/engine-messages.ts';

export type EngineChild = {
  /** Gives the engine one end of a line; the window has the other. */
  connect(port: MessagePortMain): void;
  onMessage(listener: (message: FromEngine) => void): void;
  onExit(listener: (code: number | null) => void): void;
  /** What it writes to its standard output and error. */
  onOutput(listener: (text: string) => void): void;
  /** Asks for an orderly end. */
  stop(): void;
  kill(): void;
};

export type ForkEngine = (entry: string, args: string[], env: NodeJS.ProcessEnv) => EngineChild;

export const forkUtility: ForkEngine = (entry, args, env) => {
  const child = utilityProcess.fork(entry, args, {
    serviceName: 'Fewshot Lab engine',
    stdio: 'pipe',
    env: env as Record<string, string>,
  });
  const post = (message: ToEngine, ports: MessagePortMain[] = []) => child.postMessage(message, ports);
  return {
    connect: (port) => post({ kind: 'client' }, [port]),
    onMessage: (listener) => child.on('message', listener),
    onExit: (listener) => child.on('exit', listener),
    onOutput(listener) {
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => listener(chunk.toString()));
    },
    stop: () => post({ kind: 'stop' }),
    kill: () => void child.kill(),
  };
};

/** Forks under the Node binary `node`: for an Electron whose own Node is too old for the engine, and for debugging. */
export const forkUnder =
  (node: string): ForkEngine =>
  (entry, args, env) => {
    const child = forkNode(entry, args, {
      execPath: node,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env,
    });
    const ports = new Map<number, MessagePortMain>();
    let nextWire = 1;
    let exited = false;
    const post = (message: ToEngine) => void (child.connected && child.send(message));

    child.on('message', (message: FromEngine) => {
      if (message.kind === 'text') ports.get(message.wire)?.postMessage(message.text);
      if (message.kind === 'close') drop(message.wire);
    });
    const exit = new Promise<number | null>((resolve) => {
      child.on('exit', resolve);
      child.on('error', () => resolve(null));
    });
    // A utilityProcess's ports close with it; here they are closed in its place.
    void exit.then(() => {
      exited = true;
      for (const wire of [...ports.keys()]) drop(wire);
    });
    function drop(wire: number): void {
      ports.get(wire)?.close();
      ports.delete(wire);
    }

    return {
      connect(port) {
        if (exited) return port.close();
        const wire = nextWire++;
        ports.set(wire, port);
        post({ kind: 'open', wire });
        port.on('message', (event) => post({ kind: 'text', wire, text: event.data as string }));
        port.on('close', () => {
          if (ports.delete(wire)) post({ kind: 'close', wire });
        });
        port.start();
      },
      onMessage: (listener) => void child.on('message', listener),
      onExit: (listener) => void exit.then(listener),
      onOutput(listener) {
        for (const stream of [child.stdout, child.stderr])
          stream?.on('data', (chunk: Buffer) => listener(chunk.toString()));
      },
      stop: () => post({ kind: 'stop' }),
      kill: () => void child.kill('SIGKILL'),
    };
  };
