// A form that starts a run: its fields, beside them what it will cost, Escape to leave it, Ctrl Enter to start.
import { Play } from 'lucide-react';
import type { ReactNode } from 'react';
import { ErrorNote, Note } from './controls.tsx';
import { type Crumb, Screen } from './Screen.tsx';

type Props = {
  /** The screen's name. */
  label: string;
  crumbs: Crumb[];
  back: { label: string; run(): void };
  /** `label`: other words for "Start". */
  start: { label?: string; busy: boolean; run(): void };
  /** Why it cannot start yet; null when it can. */
  missing: string | null;
  error: unknown;
  /** What it will cost; shown with the fields. */
  forecast: ReactNode;
  /** In place of the fields, as long as there is nothing to choose from. */
  first: ReactNode;
  /** The fields; none while they are not known. */
  children: ReactNode;
};

export function RunForm({ label, crumbs, back, start, missing, error, forecast, first, children }: Props) {
  return (
    <Screen
      label={label}
      crumbs={crumbs}
      actions={[
        { ...back, keys: 'Escape' },
        {
          label: start.label ?? 'Start',
          keys: 'Ctrl+Enter',
          icon: <Play size={14} />,
          primary: true,
          disabled: missing ?? start.busy,
          run: () => missing === null && !start.busy && start.run(),
        },
      ]}
      panelWidth={330}
      panel={
        children && (
          <section className="pane pad side-panel" aria-label="Forecast">
            <h2>Before it starts</h2>
            {forecast}
            {missing && <Note kind="warn">{missing}</Note>}
          </section>
        )
      }
    >
      <ErrorNote error={error} />
      {children ? (
        <form className="pane scroll run-form" onSubmit={(event) => event.preventDefault()}>
          {children}
        </form>
      ) : (
        first
      )}
    </Screen>
  );
}
