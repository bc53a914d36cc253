// A button with a list of actions behind it, each with its key.
import { Menu as BaseMenu } from '@base-ui/react/menu';
import { Fragment, type ReactNode, useRef } from 'react';
import { Kbd } from './controls.tsx';

export type MenuItem = {
  label: string;
  keys?: string | undefined;
  run(): void;
  disabled?: boolean;
  danger?: boolean;
  /** A line above it: another kind of action begins. */
  apart?: boolean;
};

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
          <BaseMenu.Popup className="popup" finalFocus={button}>
            {items.map((item) => (
              <Fragment key={item.label}>
                {item.apart && <BaseMenu.Separator className="menu-line" />}
                <BaseMenu.Item
                  className={item.danger ? 'option bad' : 'option'}
                  disabled={item.disabled ?? false}
                  onClick={item.run}
                >
                  {item.label}
                  <span className="spacer" />
                  {item.keys && <Kbd keys={item.keys} />}
                </BaseMenu.Item>
              </Fragment>
            ))}
          </BaseMenu.Popup>
        </BaseMenu.Positioner>
      </BaseMenu.Portal>
    </BaseMenu.Root>
  );
}
