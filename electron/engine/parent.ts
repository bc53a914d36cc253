// The line from a forked engine to the desktop app, the same for both ways of forking it.
import type { FromEngine, ToEngine } from '../../shared/engine-messages.ts';
import type { Wire } from '../../shared/rpc.ts';
import { type EmitterPortLike, emitterPortWire } from '../../shared/wires.ts';

export type Parent = {
  send(message: FromEngine): void;
  /** Told of each window's line. Lines that came earlier are handed over at once. */
  onWire(accept: (wire: Wire) => void): void;
  /** Told when the app asks the engine to stop, or is gone. */
  onStop(stop: () => void): void;
  /** Ends this process once what was sent has left it. */
  leave(code: number): void;
};

/** What Electron gives a utilityProcess as process.parentPort (its types would pull Electron into the engine). */
type ParentPort = {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: ToEngine; ports: EmitterPortLike[] }) => void): void;
};

export function openParent(): Parent {
  const port = (process as { parentPort?: ParentPort }).parentPort;
  if (port) return utilityParent(port);
  if (process.send) return nodeParent();
  throw new Error(
    'The engine process is forked by the desktop app; it does not run by itself. From a shell: npm run lab',
  );
}

/** Keeps what comes before there is a listener. */
function mailbox<T>() {
  const waiting: T[] = [];
  const listeners: ((value: T) => void)[] = [];
  return {
    put(value: T) {
      if (listeners.length === 0) waiting.push(value);
      for (const listener of listeners) listener(value);
    },
    listen(listener: (value: T) => void) {
      listeners.push(listener);
      for (const value of waiting.splice(0)) listener(value);
    },
  };
}

const leave = (code: number) => void setTimeout(() => process.exit(code), 200);

/** Under Electron: every window's MessagePort is handed straight over; the main process never sees what is said. */
function utilityParent(port: ParentPort): Parent {
  // Ports, not wires: a port keeps its messages until the wire over it is made.
  const clients = mailbox<EmitterPortLike>();
  const stops = mailbox<void>();
  port.on('message', ({ data, ports }) => {
    if (data.kind === 'client' && ports[0]) clients.put(ports[0]);
    if (data.kind === 'stop') stops.put();
  });
  return {
    send: (message) => port.postMessage(message),
    onWire: (accept) => clients.listen((client) => accept(emitterPortWire(client))),
    onStop: stops.listen,
    leave,
  };
}

/** Under another Node (LAB_ENGINE_NODE): the main process relays each window's line as numbered text. */
function nodeParent(): Parent {
  const wires = mailbox<Wire>();
  const stops = mailbox<void>();
  const open = new Map<number, { text(text: string): void; closed(): void }>();
  const send = (message: FromEngine) => void (process.connected && process.send?.(message));

  process.on('message', (message: ToEngine) => {
    if (message.kind === 'open') wires.put(relayedWire(message.wire));
    if (message.kind === 'text') open.get(message.wire)?.text(message.text);
    if (message.kind === 'close') {
      open.get(message.wire)?.closed();
      open.delete(message.wire);
    }
    if (message.kind === 'stop') stops.put();
  });
  process.on('disconnect', () => stops.put());

  function relayedWire(wire: number): Wire {
    const texts = mailbox<string>();
    const closes = mailbox<void>();
    open.set(wire, { text: texts.put, closed: () => closes.put() });
    return {
      send: (text) => open.has(wire) && send({ kind: 'text', wire, text }),
      onMessage: texts.listen,
      onClose: closes.listen,
      close() {
        if (!open.delete(wire)) return;
        send({ kind: 'close', wire });
        closes.put();
      },
    };
  }
  return {
    send,
    onWire: wires.listen,
    onStop: stops.listen,
    leave,
  };
}
