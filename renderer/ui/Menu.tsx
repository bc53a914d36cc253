// A button with a list of actions behind it, each with its key.
import { Menu as BaseMenu } from '@base-ui/react/menu';
import { Fragment, type KeyboardEvent, type ReactNode, useRef } from 'react';
import { Kbd } from './controls.tsx';

export type MenuItem = {
  label: string;
  keys?: string | undefined;
  /** The one key that runs it while the list is open, where it has none that works everywhere. */
  letter?: string;
  run(): void;
  disabled?: boolean;
  danger?: boolean;
  /** A line above it: another kind of action begins. */
  apart?: boolean;
};

/** The letter of the entry at `at` in a list whose entries come and go: 1 to 9. */
export const numbered = (at: number): { letter?: string } => (at < 9 ? { letter: String(at + 1) } : {});

type Props = {
  label: string;
  trigger: ReactNode;
  items: MenuItem[];
  /** Only where something else than the button opens it too, such as a key. */
  open?: boolean;
  onOpen?(open: boolean): void;
};

/** Actions behind one button. */
export function Menu({ label, trigger, items, open, onOpen }: Props) {
  // Opened by a key or the palette, the focus was elsewhere; it returns to where the menu is.
  const button = useRef<HTMLButtonElement>(null);
  return (
    <BaseMenu.Root
      modal={false}
      {...(open === undefined ? {} : { open })}
      {...(onOpen ? { onOpenChange: (next: boolean) => onOpen(next) } : {})}
    >
      <BaseMenu.Trigger ref={button} className="btn" aria-label={label}>
        {trigger}
      </BaseMenu.Trigger>
      <BaseMenu.Portal>
        <BaseMenu.Positioner className="positioner" sideOffset={4} align="end">
          <BaseMenu.Popup className="popup" finalFocus={button} onKeyDown={pressLetter}>
            {items.map((item) => (
              <Fragment key={item.label}>
                {item.apart && <BaseMenu.Separator className="menu-line" />}
                <BaseMenu.Item
                  className={item.danger ? 'option bad' : 'option'}
                  disabled={item.disabled ?? false}
                  onClick={item.run}
                  data-letter={item.letter}
                >
                  {item.label}
                  <span className="spacer" />
                  {(item.keys ?? item.letter) && <Kbd keys={(item.keys ?? item.letter)!} />}
                </BaseMenu.Item>
              </Fragment>
            ))}
          </BaseMenu.Popup>
        </BaseMenu.Positioner>
      </BaseMenu.Portal>
    </BaseMenu.Root>
  );
}

type BaseKeyEvent = KeyboardEvent<HTMLElement> & { preventBaseUIHandler(): void };

/** A letter presses its entry, before the list takes it as the beginning of a name. */
function pressLetter(event: BaseKeyEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || !/^[a-z0-9]$/i.test(event.key)) return;
  const item = event.currentTarget.querySelector<HTMLElement>(`[data-letter="${event.key.toUpperCase()}"]`);
  if (!item || item.hasAttribute('data-disabled')) return;
  event.preventDefault();
  event.preventBaseUIHandler();
  item.click();
}
