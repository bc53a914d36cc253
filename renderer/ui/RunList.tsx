// Every run of a screen, newest first: open one, delete it on the user's word.
import { Trash2 } from 'lucide-react';
import { type ReactNode, useRef, useState } from 'react';
import { useMutationCall } from '../lab.ts';
import { IconButton } from './controls.tsx';
import { Confirm } from './Dialog.tsx';
import { runName } from './format.ts';

type Props<R> = {
  /** "All comparisons" */
  label: string;
  runs: R[];
  /** The id of the one on the screen. */
  shown: number;
  onOpen(run: R): void;
  remove: 'compare.delete' | 'finetune.delete';
  /** It runs, waits or is paused: then it is cancelled before it is deleted. */
  isActive(run: R): boolean;
  /** Of three lines: which run on what; with what; when, and how far it came. */
  lines(run: R): { title: ReactNode; about: string; state: string };
  /** Under a run. */
  below?(run: R): ReactNode;
  /** What goes when it is deleted, and what stays. */
  loses(run: R): string;
};

type List<R> = { data: R[] | undefined; isFetching: boolean };

/**
 * The run asked for, or the newest where none was, or where it is gone; 'coming' while the list is read that will have it. `looked`:
 * a list was looked for it before, so that one that was deleted is not waited for whenever the list is read again.
 */
export function shownRun<R extends { id: number }>(
  { data, isFetching }: List<R>,
  id: number | undefined,
  looked: boolean,
): R | 'coming' | undefined {
  const asked = data?.find((run) => run.id === id);
  if (!asked && id !== undefined && isFetching && !looked) return 'coming';
  return asked ?? data?.[0];
}

export function useShownRun<R extends { id: number }>(list: List<R>, id: number | undefined): R | 'coming' | undefined {
  const looked = useRef<number | undefined>(undefined);
  const run = shownRun(list, id, looked.current === id);
  if (run !== 'coming') looked.current = id;
  return run;
}

export function RunList<R extends { id: number }>(props: Props<R>) {
  const { label, runs, shown, onOpen, isActive, lines, below, loses } = props;
  const [asking, setAsking] = useState<R | null>(null);
  const remove = useMutationCall(props.remove, () => setAsking(null));
  return (
    <>
      <ul className="run-list" aria-label={`${label}, newest first`}>
        {runs.map((run) => {
          const { title, about, state } = lines(run);
          return (
            <li key={run.id} className={run.id === shown ? 'shown' : undefined}>
              <div className="row">
                <button type="button" className="run-open" aria-current={run.id === shown} onClick={() => onOpen(run)}>
                  <span className="row strong">{title}</span>
                  <span className="clip muted small">{about}</span>
                  <span className="clip muted small num">{state}</span>
                </button>
                <IconButton
                  label={isActive(run) ? 'Cancel it before deleting it' : `Delete ${runName(run)}`}
                  icon={<Trash2 size={14} />}
                  disabled={isActive(run)}
                  onClick={() => setAsking(run)}
                />
              </div>
              {below?.(run)}
            </li>
          );
        })}
      </ul>
      <Confirm
        open={asking !== null}
        onClose={() => setAsking(null)}
        title={asking ? `Delete ${runName(asking)}?` : ''}
        action="Delete"
        danger
        busy={remove.busy}
        error={remove.error}
        onConfirm={() => asking && remove.run({ id: asking.id })}
      >
        {asking && loses(asking)}
      </Confirm>
    </>
  );
}
