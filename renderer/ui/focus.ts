// The focus is never lost: when what had it goes away, what took its place has it, or the screen, at the place it names as its first.

/** Put on the element of a screen that should have the focus when nothing else has, such as a grid that answers arrows. */
export const FIRST_FOCUS = { 'data-first-focus': '' };

/**
 * Put on what stays while its controls come and go, such as the line of a run: a focus that vanished in it goes to the control
 * there now, or to the line itself. Who puts it there calls `rescueFocus` after drawing, as no event tells of a removed element.
 */
export const KEEPS_FOCUS = { 'data-keeps-focus': '', tabIndex: -1 };

/** Put on the one of several controls that follows on one that vanished: Resume, after Cancel. */
export const TAKES_FOCUS = { 'data-takes-focus': '' };

type Focusable = HTMLElement | SVGElement;
type Last = { element: Focusable; home: HTMLElement | null; at: number };

/** What had the focus last, and where it stood; not what lies over the screen and closes again. */
let last: Last | null = null;
const OVER = '[role=dialog], [role=alertdialog], .positioner';

const place = (): HTMLElement | null =>
  document.querySelector<HTMLElement>('main [data-first-focus]') ?? document.querySelector<HTMLElement>('main');

/** Where the focus goes when a screen was reached by a list that closed behind it. */
export const firstFocus = place;

const controlsIn = (home: HTMLElement): HTMLElement[] => [
  ...home.querySelectorAll<HTMLElement>('button:not([disabled])'),
];

/** What stands now where the focus vanished. */
function successor({ home, at }: Last): HTMLElement | null {
  if (!home?.isConnected) return null;
  const controls = controlsIn(home);
  return (
    home.querySelector<HTMLElement>('[data-takes-focus]:not([disabled])') ??
    controls[Math.min(Math.max(at, 0), controls.length - 1)] ??
    (home.hasAttribute('tabindex') ? home : null)
  );
}

function note({ target }: FocusEvent): void {
  if (!(target instanceof HTMLElement || target instanceof SVGElement) || target.closest(OVER)) return;
  const home = target.closest<HTMLElement>('[data-keeps-focus]');
  last = { element: target, home, at: home ? controlsIn(home).indexOf(target as HTMLElement) : 0 };
}

/** Taken away, or disabled in the moment it was pressed: a browser takes the focus from it either way. */
const isGone = (element: Focusable): boolean => !element.isConnected || element.matches(':disabled');

const vanished = (): HTMLElement | null => (last && isGone(last.element) ? successor(last) : null);

const isNobody = (at: Element | null): at is null => at === null || at === document.body;

/** Gives the focus to the screen when nobody has it. */
export function rescueFocus(): void {
  if (!isNobody(document.activeElement) || !document.hasFocus()) return;
  const next = vanished();
  // Shown, though the button that vanished may have been pressed with the mouse: it is elsewhere now.
  if (next) next.focus({ preventScroll: true, focusVisible: true } as FocusOptions);
  else place()?.focus({ preventScroll: true });
}

/**
 * Where a dialog gives the focus back: to what had it before, or to what took its place. True: as the dialog would by itself, which
 * is right for one over another.
 */
export function focusBefore(): HTMLElement | boolean {
  if (!last || document.querySelector(':is([role=dialog], [role=alertdialog]):not([data-closed])')) return true;
  const to = isGone(last.element) ? (vanished() ?? place()) : last.element;
  if (!(to instanceof HTMLElement)) return true;
  // What the Tab key does not reach, such as a screen, would hand the focus to the first control in it, whose hint opens.
  if (to.tabIndex >= 0) return to;
  setTimeout(() => {
    const at = document.activeElement;
    if (isNobody(at) || at.closest(OVER)) to.focus({ preventScroll: true }); // or it went somewhere in the meantime, and stays
  });
  return false;
}

/** Watches for a focus that goes nowhere; a moment later, as closing dialogs give it back themselves. */
export function watchFocus(): () => void {
  const lost = (event: FocusEvent) => {
    if (event.relatedTarget === null) setTimeout(rescueFocus, 80);
  };
  document.addEventListener('focusin', note);
  document.addEventListener('focusout', lost);
  return () => {
    document.removeEventListener('focusin', note);
    document.removeEventListener('focusout', lost);
  };
}
