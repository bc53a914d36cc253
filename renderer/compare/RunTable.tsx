// The chart as a table: mean and 95 % interval of every method at every shot count; a cell opens its dot. One stop of the Tab key.
import { type KeyboardEvent, useRef, useState } from 'react';
import { compareShots, labelsPerClass, milliseconds, percent } from '../../shared/chart/words.ts';
import type { Comparison } from '../../shared/contract.ts';
import type { MethodId, Shots, SummaryRow } from '../../shared/report.ts';
import { isStep } from '../charts/steps.ts';
import { useCall } from '../lab.ts';
import { Hint } from '../ui/controls.tsx';
import { MethodMark } from '../ui/MethodMark.tsx';
import { METHODS } from '../ui/methods.ts';
import { type CellAt, cellFrom } from './cells.ts';
import { goesOn, type PointKey, type TableLine, tableLines } from './run.ts';

type Props = {
  comparison: Comparison;
  methods: MethodId[];
  shots: Shots[];
  selected: PointKey | null;
  onSelect(point: PointKey): void;
};

export function RunTable({ comparison, methods, shots, selected, onSelect }: Props) {
  const known = useCall('model.list', {}).data ?? [];
  const lines = tableLines(comparison, methods, known);
  const columns = [
    ...new Set([...shots, ...comparison.summary.filter((row) => row.shots !== 0).map((row) => row.shots)]),
  ].sort(compareShots);
  const many = comparison.models.length > 1;
  const best = new Map(
    columns.map((column) => [column, Math.max(...lines.map((line) => at(line, column)?.mean ?? -1))]),
  );
  const filled = lines.map((line) => columns.map((column) => at(line, column) !== undefined));
  const roving = useRoving(filled, () => firstOf(lines, columns, selected));
  return (
    <div className="pane table-pane scroll">
      <table className="table sticky run-table" aria-label="Accuracy in percent, mean over seeds with 95 % interval">
        <Head columns={columns} />
        <tbody ref={roving.body} onKeyDown={roving.onKeyDown}>
          {lines.map((line, lineIndex) => (
            <tr key={`${line.model}/${line.method}`}>
              <th scope="row">
                <span className="row">
                  <MethodMark method={line.method} hollow={line.modelIndex > 0} />
                  <span className="clip">
                    {METHODS[line.method].name}
                    {many && <span className="muted"> {line.model}</span>}
                  </span>
                </span>
              </th>
              {columns.map((column, columnIndex) => {
                const row = at(line, column);
                const point = row && { method: line.method, model: line.model, shots: row.shots };
                return (
                  <Cell
                    key={column}
                    row={row}
                    at={{ row: lineIndex, column: columnIndex }}
                    stop={roving.stop.row === lineIndex && roving.stop.column === columnIndex}
                    onFocus={roving.onFocus}
                    live={goesOn(comparison.status)}
                    best={row !== undefined && lines.length > 1 && row.mean === best.get(column)}
                    selected={point !== undefined && same(point, selected)}
                    name={`${METHODS[line.method].name}${many ? ` on ${line.model}` : ''}, ${labelsPerClass(column)}`}
                    onSelect={() => point && onSelect(point)}
                  />
                );
              })}
              <td className="n muted">{fitMs(line)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head({ columns }: { columns: Shots[] }) {
  return (
    <thead>
      <tr>
        <th scope="col">accuracy, % · method</th>
        {columns.map((column) => (
          <th key={column} scope="col" className="n">
            <abbr title={labelsPerClass(column)}>{column}</abbr>
          </th>
        ))}
        <th scope="col" className="n">
          <Hint text="Choosing hyper-parameters and the final fit at the largest shot count, mean over seeds, without embedding">
            <abbr>fit, ms</abbr>
          </Hint>
        </th>
      </tr>
    </thead>
  );
}

const same = (a: PointKey, b: PointKey | null): boolean =>
  b !== null && a.method === b.method && a.model === b.model && a.shots === b.shots;

/** Zero-shot has one row; it holds at every shot count. */
const at = (line: TableLine, shots: Shots): SummaryRow | undefined =>
  line.method === 'zero-shot' ? line.rows[0] : line.rows.find((row) => row.shots === shots);

function fitMs(line: TableLine): string {
  if (line.method === 'zero-shot') return '–';
  const last = line.rows.toSorted((a, b) => compareShots(a.shots, b.shots)).at(-1);
  return last ? milliseconds(last.fitMs) : '–';
}

/** Where the Tab key comes in: the selected point, else the first number. */
function firstOf(lines: TableLine[], columns: Shots[], selected: PointKey | null): CellAt {
  const row = lines.findIndex((line) => line.method === selected?.method && line.model === selected?.model);
  // Zero-shot's one point stands in every column.
  if (row >= 0) return { row, column: Math.max(0, selected ? columns.indexOf(selected.shots) : 0) };
  return {
    row: Math.max(
      0,
      lines.findIndex((line) => line.rows.length > 0),
    ),
    column: 0,
  };
}

/** The cell that had the focus last is the one stop; the arrows go on from there. */
function useRoving(filled: boolean[][], first: () => CellAt) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [kept, setKept] = useState<CellAt | null>(null);
  const has = (cell: CellAt | null) => cell !== null && filled[cell.row]?.[cell.column] === true;
  const begin = has(kept) ? kept! : first();
  const stop = has(begin) ? begin : cellFrom(filled, { ...begin, column: -1 }, 'ArrowRight');
  const onKeyDown = (event: KeyboardEvent) => {
    if (!isStep(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = cellFrom(filled, stop, event.key);
    body.current?.querySelector<HTMLElement>(`[data-cell="${next.row}:${next.column}"]`)?.focus();
  };
  return { body, stop, onKeyDown, onFocus: setKept };
}

type CellProps = {
  row: SummaryRow | undefined;
  at: CellAt;
  /** The Tab key stops here. */
  stop: boolean;
  onFocus(at: CellAt): void;
  live: boolean;
  best: boolean;
  selected: boolean;
  name: string;
  onSelect(): void;
};

function Cell({ row, at: cell, stop, onFocus, live, best, selected, name, onSelect }: CellProps) {
  if (!row) return <td className="n muted">{live ? '·' : '–'}</td>;
  const interval = row.ci95 === null ? '' : ` ±${percent(row.ci95)}`;
  return (
    <td className={selected ? 'n cell selected' : 'n cell'}>
      <button
        type="button"
        className={best ? 'best' : undefined}
        data-cell={`${cell.row}:${cell.column}`}
        tabIndex={stop ? 0 : -1}
        aria-pressed={selected}
        aria-label={`${name}: ${percent(row.mean)} %${interval}${best ? ', the best here' : ''}`}
        onClick={onSelect}
        onFocus={() => onFocus(cell)}
      >
        {percent(row.mean)}
        <span className="pm">{interval}</span>
      </button>
    </td>
  );
}
