// The three ways messages travel, each behind the same four functions.
import type { Wire } from './rpc.ts';

type PortLike = {
  postMessage(text: string): void;
  close(): void;
  start?(): void;
  addEventListener(type: string, listener: (event: { data: string }) => void): void;
};

/** The DOM's and Node's MessagePort. */
export function portWire(port: PortLike): Wire {
  port.start?.();
  return {
    send: (text) => port.postMessage(text),
    onMessage: (listener) => port.addEventListener('message', (event) => listener(event.data)),
    onClose: (listener) => port.addEventListener('close', () => listener()),
    close: () => port.close(),
  };
}

export type EmitterPortLike = {
  postMessage(text: string): void;
  close(): void;
  start(): void;
  on(event: string, listener: (event: { data: string }) => void): unknown;
};

/** Electron's MessagePortMain, as a utilityProcess gets it. */
export function emitterPortWire(port: EmitterPortLike): Wire {
  port.start();
  return {
    send: (text) => port.postMessage(text),
    onMessage: (listener) => port.on('message', (event) => listener(event.data)),
    onClose: (listener) => port.on('close', () => listener()),
    close: () => port.close(),
  };
}

type SocketLike = {
  readyState: number;
  send(text: string): void;
  close(): void;
  addEventListener(type: string, listener: (event: { type: string; data?: unknown }) => void): void;
};

/** A WebSocket, the browser's or ws's. What is sent after it closed is dropped: its callers were told already. */
export function socketWire(socket: SocketLike): Wire {
  return {
    send: (text) => {
      if (socket.readyState === 1) socket.send(text);
    },
    onMessage: (listener) => socket.addEventListener('message', (event) => listener(String(event.data))),
    onClose: (listener) => socket.addEventListener('close', () => listener()),
    close: () => socket.close(),
  };
}

/** Two ends in one process: the CLI's way, and the tests'. */
export function wirePair(): [Wire, Wire] {
  const ends = [0, 1].map(() => ({ message: [] as ((text: string) => void)[], close: [] as (() => void)[] }));
  let open = true;
  const end = (me: number): Wire => ({
    send: (text) =>
      queueMicrotask(() => {
        if (open) for (const listener of ends[1 - me]!.message) listener(text);
      }),
    onMessage: (listener) => void ends[me]!.message.push(listener),
    onClose: (listener) => void ends[me]!.close.push(listener),
    close: () => {
      if (!open) return;
      open = false;
      for (const each of ends) for (const listener of each.close) listener();
    },
  });
  return [end(0), end(1)];
}
