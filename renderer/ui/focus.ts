// The focus is never lost: when what had it goes away, the screen takes it, at the place it names as its first.

/** Put on the element of a screen that should have the focus when nothing else has, such as a grid that answers arrows. */
export const FIRST_FOCUS = { 'data-first-focus': '' };

const place = (): HTMLElement | null =>
  document.querySelector<HTMLElement>('main [data-first-focus]') ?? document.querySelector<HTMLElement>('main');

/** Where the focus goes when a screen was reached by a list that closed behind it. */
export const firstFocus = place;

/** Gives the focus to the screen when nobody has it. */
export function rescueFocus(): void {
  const at = document.activeElement;
  if ((!at || at === document.body) && document.hasFocus()) place()?.focus({ preventScroll: true });
}

/** Watches for a focus that goes nowhere; a moment later, as closing dialogs give it back themselves. */
export function watchFocus(): () => void {
  const lost = (event: FocusEvent) => {
    if (event.relatedTarget === null) setTimeout(rescueFocus, 80);
  };
  document.addEventListener('focusout', lost);
  return () => document.removeEventListener('focusout', lost);
}
