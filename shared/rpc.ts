// One protocol for every transport: a request has an id and is answered once; an event is announced to all.
// JSON text both ways: {id, call, params} -> {id, result} | {id, error: {code, message}}, and {event, payload}.
import {
  type CallName,
  calls,
  type ErrorCode,
  type EventName,
  type Events,
  type Handlers,
  LabError,
  type Params,
  type Result,
} from './contract.ts';

/** Anything that carries strings both ways: an in-memory pair, a MessagePort, a WebSocket. */
export type Wire = {
  send(text: string): void;
  onMessage(listener: (text: string) => void): void;
  onClose(listener: () => void): void;
  close(): void;
};

type Request = { id: number; call: string; params: unknown };
type WireError = { code: ErrorCode; message: string };
type Reply = { id: number; result: unknown } | { id: number; error: WireError };
type Push = { event: EventName; payload: unknown };

export type Client = {
  call<C extends CallName>(call: C, params: Params<C>): Promise<Result<C>>;
  /** Returns the way to stop listening. */
  on<E extends EventName>(event: E, listener: (payload: Events[E]) => void): () => void;
  onClose(listener: () => void): void;
  close(): void;
};

const STOPPED = 'The engine stopped. Work that was running can be resumed under Runs once it is back.';

/** The asking end. When the wire closes, every pending call is rejected with `disconnected`. */
export function connect(wire: Wire): Client {
  let nextId = 1;
  let open = true;
  const pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  const listeners = new Map<EventName, Set<(payload: never) => void>>();
  const closers = new Set<() => void>();

  wire.onMessage((text) => {
    const message = JSON.parse(text) as Reply | Push;
    if ('event' in message) {
      for (const listener of [...(listeners.get(message.event) ?? [])]) listener(message.payload as never);
      return;
    }
    const waiter = pending.get(message.id);
    pending.delete(message.id);
    if ('error' in message) waiter?.reject(new LabError(message.error.code, message.error.message));
    else waiter?.resolve(message.result as never);
  });
  wire.onClose(() => {
    if (!open) return;
    open = false;
    for (const waiter of pending.values()) waiter.reject(new LabError('disconnected', STOPPED));
    pending.clear();
    for (const closer of closers) closer();
  });

  return {
    call: (call, params) =>
      new Promise((resolve, reject) => {
        if (!open) return reject(new LabError('disconnected', STOPPED));
        const id = nextId++;
        pending.set(id, { resolve: resolve as (value: never) => void, reject });
        wire.send(JSON.stringify({ id, call, params } satisfies Request));
      }),
    on(event, listener) {
      const set = listeners.get(event) ?? new Set();
      listeners.set(event, set.add(listener as (payload: never) => void));
      return () => set.delete(listener as (payload: never) => void);
    },
    onClose: (listener) => void closers.add(listener),
    close: () => wire.close(),
  };
}

/** Validates the params of `call` and runs its handler; throws LabError for both kinds of refusal. */
export async function dispatch(handlers: Handlers, call: string, params: unknown): Promise<unknown> {
  if (!Object.hasOwn(calls, call) || !Object.hasOwn(handlers, call))
    throw new LabError('bad-request', `There is no call named ${call}.`);
  const name = call as CallName;
  const parsed = calls[name].safeParse(params ?? undefined);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new LabError('bad-request', `${call}: ${issue.path.join('.') || 'params'}: ${issue.message}`);
  }
  const handler = handlers[name] as (params: unknown) => unknown;
  return (await handler(parsed.data)) ?? null;
}

/** The answering end: any number of wires, one set of handlers. Unexpected errors go to `log` and cross as `internal`. */
export function serve(handlers: Handlers, log: (error: unknown, call: string) => void) {
  const wires = new Set<Wire>();

  async function answer(wire: Wire, text: string): Promise<void> {
    let id = -1;
    let call = '?';
    try {
      const request = JSON.parse(text) as Request;
      id = request.id;
      call = request.call;
      const result = await dispatch(handlers, call, request.params);
      wire.send(JSON.stringify({ id, result } satisfies Reply));
    } catch (error) {
      if (!(error instanceof LabError)) log(error, call);
      const { code, message }: WireError =
        error instanceof LabError
          ? error
          : { code: 'internal', message: `${call} failed: ${error instanceof Error ? error.message : String(error)}` };
      wire.send(JSON.stringify({ id, error: { code, message } } satisfies Reply));
    }
  }

  return {
    accept(wire: Wire): void {
      wires.add(wire);
      wire.onMessage((text) => void answer(wire, text));
      wire.onClose(() => wires.delete(wire));
    },
    push<E extends EventName>(event: E, payload: Events[E]): void {
      const text = JSON.stringify({ event, payload } satisfies Push);
      for (const wire of wires) wire.send(text);
    },
    /** How many windows, pages and shells listen now. */
    clients: () => wires.size,
    close(): void {
      for (const wire of wires) wire.close();
    },
  };
}
