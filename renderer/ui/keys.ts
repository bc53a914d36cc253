// Every key does one thing and is on one list: screens add theirs while they are shown; the sheet and the palette read it.
import { useEffect, useRef } from 'react';
import { isMac } from '../host.ts';
import { createStore, useStore } from './store.ts';

export type KeyBinding = {
  /** "Ctrl+K", "Alt+1", "?", "ArrowLeft". Ctrl is Command on a Mac. Without keys it is in the palette only. */
  keys?: string;
  label: string;
  /** Heading in the sheet. */
  group?: string;
  run(): void;
  /** Not now: neither run nor offered. */
  disabled?: boolean;
  /** Only told in the sheet; the component that has the focus answers the key itself. */
  told?: boolean;
  /** Opens a list; the palette has the list's own entries instead. */
  opens?: boolean;
};

type Entry = { id: number; bindings: KeyBinding[] };
const entries = createStore<Entry[]>([]);
let nextId = 1;

/** Adds bindings while the component lives. */
export function useKeys(bindings: KeyBinding[]): void {
  const latest = useRef(bindings);
  latest.current = bindings;
  const signature = bindings
    .map((each) => `${each.keys}|${each.label}|${each.group}|${each.disabled}|${each.told}`)
    .join('\n');
  // biome-ignore lint/correctness/useExhaustiveDependencies: the signature says when the list changed; `latest` has the newest closures.
  useEffect(() => {
    const id = nextId++;
    const own = latest.current.map((each, i) => ({ ...each, run: () => latest.current[i]?.run() }));
    entries.set((before) => [...before, { id, bindings: own }]);
    return () => entries.set((before) => before.filter((each) => each.id !== id));
  }, [signature]);
}

/** Everything that can be done here and now, the screen's own first. */
export const useBindings = (): KeyBinding[] =>
  [...useStore(entries)]
    .reverse()
    .flatMap((each) => each.bindings)
    .filter((each) => !each.disabled);

type Pressed = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** Whether an event is the combination. A digit is told by its place, as Alt writes other signs with it on a Mac. */
export function matches(keys: string, event: Pressed): boolean {
  const parts = keys.split('+');
  const key = parts.pop() || '+';
  const ctrl = event.ctrlKey || event.metaKey;
  if (ctrl !== parts.includes('Ctrl') || event.altKey !== parts.includes('Alt')) return false;
  // Shift is part of how signs such as ? are typed; it counts only for letters and named keys.
  if (/^([a-z]|\w{2,})$/i.test(key) && event.shiftKey !== parts.includes('Shift')) return false;
  if (/^\d$/.test(key) && parts.length > 0) return event.code === `Digit${key}`;
  return event.key.toLowerCase() === key.toLowerCase();
}

/** Enter and Space press what has the focus; Ctrl Enter does not. */
const PRESSED = 'button, a, summary, [role=button], [role=option], [role=checkbox]';
const TYPING = 'input:not([type=checkbox], [type=radio], [type=button]), textarea, [contenteditable=true]';

/** Whether keys without a modifier belong to the element: a text field, a dialog, an open list or menu. */
function ownsPlainKeys(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    (target.matches(TYPING) || target.closest('[role=dialog], [role=alertdialog], .positioner') !== null)
  );
}

/** A button that is disabled and keeps the focus: Base UI takes all keys from it but Tab, though only Enter and Space are its own. */
const isHeld = (target: EventTarget | null): boolean =>
  target instanceof Element && target.matches('button[aria-disabled=true]');

function handle(event: KeyboardEvent): void {
  if ((event.defaultPrevented && !isHeld(event.target)) || event.isComposing) return;
  const plain = !(event.ctrlKey || event.metaKey || event.altKey);
  if (plain && ownsPlainKeys(event.target)) return;
  if (plain && /^( |Enter)$/.test(event.key) && event.target instanceof Element && event.target.closest(PRESSED))
    return;
  // One that is fading out is finished.
  const open = document.querySelector(':is([role=dialog], [role=alertdialog]):not([data-closed])') !== null;
  for (const { bindings } of [...entries.get()].reverse()) {
    const hit = bindings.find((each) => each.keys && !each.told && !each.disabled && matches(each.keys, event));
    if (!hit) continue;
    // A dialog is finished first: a key must not change the screen behind it.
    if (open) return;
    event.preventDefault();
    hit.run();
    return;
  }
}

export function listenToKeys(): () => void {
  window.addEventListener('keydown', handle);
  return () => window.removeEventListener('keydown', handle);
}

const NAMES: Record<string, string> = {
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  Enter: '↵',
  Escape: 'Esc',
  Delete: 'Del',
  ' ': 'Space',
  Space: 'Space',
  PageUp: 'Page Up',
  PageDown: 'Page Down',
};

/** "Ctrl+K" as people read it: "Ctrl K", "⌘ K" on a Mac. */
export function keyText(keys: string): string {
  const parts = keys.split('+');
  return parts
    .map((part) =>
      part === 'Ctrl' && isMac
        ? '⌘'
        : part === 'Alt' && isMac
          ? '⌥'
          : (NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part)),
    )
    .join(' ');
}
