// A thread that answers one request after the other, and how it is ended.
import { parentPort, type TransferListItem, type Worker } from 'node:worker_threads';

const END = 'end';
/** Milliseconds that a thread may take to finish what it is at; a large model opens in less. */
const PATIENCE = 20_000;

/**
 * In a worker: answers in order, so that a release never overtakes the run before it. An error is answered with its message and
 * name. `moved`: the memory of an answer that is handed over. `begin`: what can be done of a request before its turn, which `answer`
 * is given.
 */
export function answerInOrder<T extends object, B = undefined>(
  answer: (request: T, begun: B | undefined) => unknown,
  moved: (result: unknown) => readonly TransferListItem[] = () => [],
  begin?: (request: T) => B | undefined,
): void {
  let last: Promise<unknown> = Promise.resolve();
  let ending = false;
  parentPort?.on('message', (request: (T & { id: number }) | typeof END) => {
    if (request === END) {
      ending = true;
      void last.then(() => process.exit());
      return;
    }
    const begun = begin?.(request);
    last = last.then(async () => {
      if (ending) return;
      try {
        const result = await answer(request, begun);
        parentPort?.postMessage({ id: request.id, result }, moved(result));
      } catch (error) {
        const { message, name } = error instanceof Error ? error : { message: String(error), name: '' };
        parentPort?.postMessage({ id: request.id, error: message, name });
      }
    });
  });
}

/**
 * Ends such a thread once it is done with what it is at: terminated inside the runtime, it would take the whole process along. What
 * was asked after that is not answered.
 */
export async function endThread(worker: Worker): Promise<void> {
  if (worker.threadId < 0) return;
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.ref();
  worker.postMessage(END);
  const late = setTimeout(() => void worker.terminate(), PATIENCE);
  await ended;
  clearTimeout(late);
}
