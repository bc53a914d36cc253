// A thread that runs models (workers/onnx.ts), asked and answered by message; begun when first asked, ended when idle.
import { Worker } from 'node:worker_threads';
import { LabError } from '../../../shared/contract.ts';
import { endThread } from '../workers/answers.ts';
import { workerFile } from '../workers/pool.ts';
import type { OnnxAnswer, OnnxRequest, OnnxTensor } from './sessions.ts';

export type Thread = {
  ask<K extends OnnxRequest['kind']>(kind: K, request: Extract<OnnxRequest, { kind: K }>): Promise<OnnxAnswer[K]>;
  /** Ends the thread while nothing is pending; the next question starts another. */
  idle(): void;
  close(): Promise<void>;
};

/** `onDeath`: the thread ended by itself, and what it held is lost. */
export function createThread(onDeath: () => void): Thread {
  let worker: Worker | null = null;
  let nextId = 1;
  let closed = false;
  const pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();

  const self: Thread = {
    ask(_kind, request) {
      if (closed) return Promise.reject(new LabError('cancelled', 'The lab is closing.'));
      worker ??= start();
      const id = nextId++;
      const asked = new Promise<never>((resolve, reject) => pending.set(id, { resolve, reject }));
      worker.ref();
      worker.postMessage({ ...request, id }, 'feeds' in request ? handedOver(request.feeds) : []);
      return asked;
    },
    idle() {
      if (pending.size > 0 || !worker) return;
      const ended = worker;
      worker = null;
      void endThread(ended);
    },
    async close() {
      closed = true;
      const ended = worker;
      worker = null;
      if (ended) await endThread(ended);
      rejectAll(new LabError('cancelled', 'The lab is closing.'));
    },
  };

  function rejectAll(error: Error): void {
    for (const waiter of pending.values()) waiter.reject(error);
    pending.clear();
  }

  function start(): Worker {
    const started = new Worker(new URL(workerFile('onnx')));
    started.unref();
    started.on('message', (message: { id: number; result: never } | { id: number; error: string }) => {
      const waiter = pending.get(message.id);
      pending.delete(message.id);
      if ('error' in message) waiter?.reject(new Error(message.error));
      else waiter?.resolve(message.result);
      // the process may end while the thread has nothing to do, never while it works or is being closed
      if (pending.size === 0 && worker === started) started.unref();
    });
    const died = (error: Error) => {
      if (worker !== started) return;
      worker = null;
      onDeath();
      rejectAll(error);
    };
    started.on('error', died);
    started.on('exit', (code) => died(new Error(`the thread that runs models ended (code ${code})`)));
    return started;
  }
  return self;
}

/** Shared memory stays where it is; plain memory moves. */
function handedOver(feeds: Record<string, OnnxTensor>): ArrayBuffer[] {
  return [...new Set(Object.values(feeds).map((feed) => feed.data.buffer))].filter(
    (buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer,
  );
}
