// Keeps one engine alive: forks it, forks it again with a growing pause when it dies, and holds the windows' lines meanwhile.
import type { MessagePortMain } from 'electron';
import type { FromEngine } from '../../shared/engine-messages.ts';
import type { EngineChild } from './fork.ts';

type Ready = Extract<FromEngine, { kind: 'ready' }>;

export type Supervisor = {
  /** Gives a window's line to the engine, now or when it is back. */
  connect(port: MessagePortMain): void;
  /** The running engine's file address; waits while it starts. Rejects once it was given up. */
  ready(): Promise<Ready>;
  /** Ends this engine; a new one follows. */
  restart(): void;
  /** Ends it for good, within six seconds. */
  stop(): Promise<void>;
};

type Options = {
  fork(): EngineChild;
  onBusy(busy: boolean): void;
  /** The engine says why it cannot start; it is not tried again. */
  onRefused(message: string): void;
  /** It died too often; `restart` tries anew. */
  onGivenUp(): void;
  onOutput(text: string): void;
};

/** Milliseconds before the first, second ... new start within a minute; after the last the engine is given up. */
const PAUSES = [100, 1000, 4000];
const MINUTE = 60_000;
const PATIENCE = 6000; // ms an engine may take to stop

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export function superviseEngine({ fork, onBusy, onRefused, onGivenUp, onOutput }: Options): Supervisor {
  let child: EngineChild | null = null;
  let ready = Promise.withResolvers<Ready>();
  let waiting: MessagePortMain[] = [];
  let deaths: number[] = [];
  let ending = false;
  let exited = Promise.resolve();

  function start(): void {
    const mine = fork();
    child = mine;
    mine.onOutput(onOutput);
    mine.onMessage((message) => {
      if (message.kind === 'ready') ready.resolve(message);
      if (message.kind === 'busy') onBusy(message.busy);
      if (message.kind === 'refused') {
        ending = true;
        ready.reject(new Error(message.message));
        onRefused(message.message);
      }
    });
    exited = new Promise((resolve) =>
      mine.onExit((code) => {
        resolve();
        void died(code);
      }),
    );
    for (const port of waiting.splice(0)) mine.connect(port);
  }

  async function died(code: number | null): Promise<void> {
    child = null;
    onBusy(false);
    if (ending) return;
    onOutput(`The engine ended (exit code ${code ?? 'none'}).\n`);
    // Whoever waited for the one that died waits for the next.
    const before = ready;
    ready = Promise.withResolvers<Ready>();
    ready.promise.catch(() => {});
    before.resolve(ready.promise);
    const now = Date.now();
    deaths = [...deaths.filter((at) => now - at < MINUTE), now];
    const wait = PAUSES[deaths.length - 1];
    if (wait === undefined) {
      ready.reject(new Error('The engine stopped too often.'));
      for (const port of waiting.splice(0)) port.close();
      onGivenUp();
      return;
    }
    await pause(wait);
    if (!ending && !child) start();
  }

  ready.promise.catch(() => {});
  start();
  return {
    connect(port) {
      if (child) child.connect(port);
      else waiting = [...waiting, port];
    },
    ready: () => ready.promise,
    restart() {
      deaths = [];
      if (child) return child.kill();
      ready = Promise.withResolvers<Ready>();
      ready.promise.catch(() => {});
      start();
    },
    async stop() {
      ending = true;
      const last = child;
      if (!last) return;
      last.stop();
      await Promise.race([exited, pause(PATIENCE)]);
      last.kill();
    },
  };
}
