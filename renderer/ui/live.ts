// What a screen reader is told without the user asking: job ends, the engine's death and return.
import { createStore } from './store.ts';

/** The last sentence; `n` makes an equal sentence be said again. */
export const said = createStore({ text: '', n: 0 });
export const announce = (text: string): void => said.set(({ n }) => ({ text, n: n + 1 }));
