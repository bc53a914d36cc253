// A screen gives its crumbs, at most three actions, its body and its right panel; the frame puts them in their places.
import { ChevronDown } from 'lucide-react';
import { type CSSProperties, Fragment, type ReactNode, useEffect, useState } from 'react';
import { Button, Kbd } from './controls.tsx';
import { KEEPS_FOCUS, rescueFocus } from './focus.ts';
import { type KeyBinding, useKeys } from './keys.ts';
import { Logo } from './Logo.tsx';
import { Menu, type MenuItem } from './Menu.tsx';

export type Action = {
  label: string;
  keys?: string;
  icon?: ReactNode;
  primary?: boolean;
  /** A string says why not. */
  disabled?: boolean | string | undefined;
  run?: () => void;
  /** A list of actions instead of `run`; `keys` opens it. */
  menu?: MenuItem[];
};

export type Crumb = { label: string; onClick?: () => void };
/** Letters of a crumb that is always whole; longer ones share what room there is. */
const SHORT = 16;

type ScreenProps = {
  /** Where we are, outermost first: dataset, model, run. */
  crumbs: Crumb[];
  /** At most three, the primary one last. Their keys work while the screen is shown. */
  actions?: Action[];
  /** Details of the selection; `panelWidth` 270 to 330 px. */
  panel?: ReactNode;
  panelWidth?: number;
  /** Accessible name of the screen. */
  label: string;
  children: ReactNode;
};

export function Screen({ crumbs, actions = [], panel, panelWidth = 300, label, children }: ScreenProps) {
  const [menu, setMenu] = useState<string | null>(null);
  useKeys(actions.flatMap((action) => bindingsOf(action, label, setMenu)));
  // Going to a screen puts the focus in it, and what vanishes from it leaves the focus there.
  useEffect(rescueFocus);
  return (
    <Fragment>
      <header className="bar" {...KEEPS_FOCUS}>
        <Logo />
        <span className="bar-name">Fewshot Lab</span>
        <nav aria-label="Where you are" className="clip">
          <ol className="crumbs">
            {[{ label }, ...crumbs].map((crumb: Crumb, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a crumb is its place.
              <li key={i} className={crumb.label.length > SHORT ? undefined : 'short'}>
                {crumb.onClick ? (
                  <button type="button" className="clip" onClick={crumb.onClick}>
                    {crumb.label}
                  </button>
                ) : (
                  <span className="clip">{crumb.label}</span>
                )}
              </li>
            ))}
          </ol>
        </nav>
        <span className="spacer" />
        {actions.map((action) =>
          action.menu ? (
            <Menu
              key={action.label}
              label={action.label}
              open={menu === action.label}
              onOpen={(open) => setMenu(open ? action.label : null)}
              trigger={
                <>
                  {action.icon}
                  {action.label}
                  {action.keys && <Kbd keys={action.keys} />}
                  <ChevronDown size={14} />
                </>
              }
              items={action.menu}
            />
          ) : (
            <Button
              key={action.label}
              kind={action.primary ? 'primary' : 'normal'}
              icon={action.icon}
              disabled={action.disabled ?? false}
              keys={action.keys}
              onClick={() => action.run?.()}
            >
              {action.label}
            </Button>
          ),
        )}
      </header>
      <main
        tabIndex={-1}
        aria-label={label}
        className={panel ? 'main with-panel' : 'main'}
        style={{ '--panel-width': `${panelWidth}px` } as CSSProperties}
      >
        <div className="main-body">{children}</div>
        {panel && (
          <aside className="side" aria-label="Details">
            {panel}
          </aside>
        )}
      </main>
    </Fragment>
  );
}

/** An action is one binding; a list is one that opens it, and for the palette one for each entry that has no key of its own. */
export function bindingsOf(action: Action, group: string, open: (label: string) => void): KeyBinding[] {
  const { label, menu, run } = action;
  const off = Boolean(action.disabled);
  const keys = action.keys ? { keys: action.keys } : {};
  if (!menu) return [{ label, group, ...keys, disabled: off || !run, run: () => run?.() }];
  const entries = menu.filter((item) => !item.keys);
  return [
    ...(action.keys ? [{ label, group, ...keys, disabled: off, opens: true, run: () => open(label) }] : []),
    ...entries.map((item) => ({
      label: `${label}: ${item.label}`,
      group,
      disabled: off || Boolean(item.disabled),
      run: item.run,
    })),
  ];
}
