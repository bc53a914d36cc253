// Who was taken for whom: rows are the true class, columns what was said; the diagonal blue, errors red by count.
import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { shorten } from '../../shared/chart/layout.ts';
import { count } from '../../shared/chart/words.ts';
import './charts.css';

export type Cell = { truth: number; said: number };

type ConfusionProps = {
  classes: string[];
  /** [true][predicted] counts. */
  confusion: number[][];
  /** Pixels the square and its labels may take. */
  width: number;
  /** Pixels the square alone may take; what the width leaves when it is not given. */
  height?: number;
  /** Click or Enter on a cell that holds something. */
  onPick?: (cell: Cell) => void;
  picked?: Cell | null;
};

/** "3 of 20 lily-valley said windflower" */
export function cellSentence(
  classes: readonly string[],
  confusion: readonly (readonly number[])[],
  { truth, said }: Cell,
): string {
  const row = confusion[truth] ?? [];
  const total = row.reduce((sum, n) => sum + n, 0);
  const what = truth === said ? 'were recognised' : `were taken for ${classes[said]}`;
  return `${row[said] ?? 0} of ${count(total, 'image')} of ${classes[truth]} ${what}`;
}

/** Below this many pixels a row has no room for its name; hovering and arrow keys still tell it. */
const LEAST_LABELLED = 10;
/** Names have this much, and where the square leaves more, that. */
const NAMES = 96;

export function ConfusionMatrix({ classes, confusion, width, height, onPick, picked = null }: ConfusionProps) {
  const [at, setAt] = useState<Cell | null>(null);
  const n = classes.length;
  const most = height ?? width;
  const labels = Math.min(width - NAMES - 4, most) / n >= LEAST_LABELLED;
  const names = Math.max(NAMES, width - most);
  const left = labels ? Math.min(names, 12 + Math.max(...classes.map((name) => name.length)) * 6) : 0;
  const cell = Math.min(22, Math.min(width - left, most) / Math.max(1, n));
  const gap = cell > 6 ? 1 : 0;
  const side = cell * n;
  const here = (event: PointerEvent<SVGRectElement>): Cell => {
    const box = event.currentTarget.getBoundingClientRect();
    const index = (offset: number) => Math.max(0, Math.min(n - 1, Math.floor((offset / box.width) * n)));
    return { truth: index(event.clientY - box.top), said: index(event.clientX - box.left) };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const from = at ?? { truth: 0, said: 0 };
    const moves: Record<string, Cell> = {
      ArrowUp: { ...from, truth: Math.max(0, from.truth - 1) },
      ArrowDown: { ...from, truth: Math.min(n - 1, from.truth + 1) },
      ArrowLeft: { ...from, said: Math.max(0, from.said - 1) },
      ArrowRight: { ...from, said: Math.min(n - 1, from.said + 1) },
    };
    const next = moves[event.key];
    if (next) setAt(next);
    else if (event.key === 'Enter' && at) onPick?.(at);
    else return;
    event.preventDefault();
  };
  const told = at ?? picked;
  return (
    <div className="confusion">
      <svg
        width={left + side}
        height={side}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move a cell cursor, which the line below speaks.
        tabIndex={0}
        role="application"
        aria-label={`Confusion matrix of ${count(n, 'class', 'classes')}; arrow keys move from cell to cell`}
        onKeyDown={onKeyDown}
        onFocus={(event) =>
          event.currentTarget.matches(':focus-visible') && setAt((before) => before ?? { truth: 0, said: 0 })
        }
        onBlur={() => setAt(null)}
      >
        {labels &&
          classes.map((name, i) => (
            <text
              key={name}
              x={left - 6}
              y={i * cell + cell / 2 + 3.5}
              textAnchor="end"
              className={told?.truth === i ? 'told' : undefined}
            >
              {shorten(name, 10, left - 10)}
            </text>
          ))}
        <Ground left={left} cell={cell} gap={gap} n={n} />
        {confusion.map((row, truth) => (
          <Row key={classes[truth]} row={row} truth={truth} left={left} cell={cell} gap={gap} />
        ))}
        {told && (
          <rect
            className="cursor"
            x={left + told.said * cell - 0.5}
            y={told.truth * cell - 0.5}
            width={cell}
            height={cell}
          />
        )}
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the pointer's way; the svg answers the keys. */}
        <rect
          className="surface"
          x={left}
          y={0}
          width={side}
          height={side}
          onPointerMove={(event) => setAt(here(event))}
          onPointerLeave={() => setAt(null)}
          onClick={() => at && onPick?.(at)}
        />
      </svg>
      <p className="told-line small" aria-live="polite">
        {told ? cellSentence(classes, confusion, told) : 'Rows: true class. Columns: what was said, in the same order.'}
      </p>
    </div>
  );
}

/** The empty cells: lines over one rectangle, however many classes there are. */
function Ground({ left, cell, gap, n }: { left: number; cell: number; gap: number; n: number }) {
  const side = cell * n;
  const lines = Array.from({ length: gap > 0 ? n : 0 }, (_, i) => (i + 1) * cell - 0.5);
  const d = lines.map((at) => `M${left + at} 0V${side}M${left} ${at}H${left + side}`).join('');
  return (
    <>
      <rect x={left} y={0} width={side} height={side} fill="var(--sunken)" />
      <path d={d} stroke="var(--panel)" strokeWidth={1} />
    </>
  );
}

/** Only cells that hold something are drawn: at most as many as there are test images. */
function Row({
  row,
  truth,
  left,
  cell,
  gap,
}: {
  row: number[];
  truth: number;
  left: number;
  cell: number;
  gap: number;
}) {
  const total = row.reduce((sum, n) => sum + n, 0);
  return row.map((n, said) => {
    if (n === 0) return null;
    const share = n / total;
    return (
      <rect
        // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place.
        key={said}
        x={left + said * cell}
        y={truth * cell}
        width={Math.max(1, cell - gap)}
        height={Math.max(1, cell - gap)}
        fill={truth === said ? 'var(--m-probe)' : 'var(--bad)'}
        opacity={truth === said ? 0.25 + 0.75 * share : Math.min(1, 0.5 + share)}
      />
    );
  });
}
