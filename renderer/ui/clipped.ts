// What an ellipsis cuts off can be read whole under the pointer, wherever that happens.

/** On the way into a `.clip` that does not fit, its text becomes its title; one with a title of its own keeps that. */
export function tellClipped(): () => void {
  const over = ({ target }: Event) => {
    const at = target instanceof Element ? target.closest<HTMLElement>('.clip') : null;
    if (!at || (at.title !== '' && at.dataset.whole === undefined)) return;
    const cut = at.scrollWidth > at.clientWidth;
    at.title = cut ? (at.textContent ?? '') : '';
    if (cut) at.dataset.whole = '';
    else delete at.dataset.whole;
  };
  document.addEventListener('pointerover', over);
  return () => document.removeEventListener('pointerover', over);
}
