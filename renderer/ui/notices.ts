// Sentences from the engine that no call was waiting for, such as a device that fell back. Shown under the top bar until closed.
import type { Events } from '../../shared/contract.ts';
import { createStore } from './store.ts';

export type Notice = Events['notice'] & { id: number };
export const notices = createStore<Notice[]>([]);
let nextId = 1;

export function addNotice(notice: Events['notice']): void {
  notices.set((before) =>
    [...before.filter((each) => each.text !== notice.text), { ...notice, id: nextId++ }].slice(-3),
  );
}
export const closeNotice = (id: number): void => notices.set((before) => before.filter((each) => each.id !== id));
