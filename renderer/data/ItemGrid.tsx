// The thumbnail grid: 100,000 tiles of which only those in sight exist; arrows move, Space or Enter opens.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { Dataset, Item, ItemFilter } from '../../shared/contract.ts';
import { ErrorNote } from '../ui/controls.tsx';
import { FIRST_FOCUS } from '../ui/focus.ts';
import { useKeys } from '../ui/keys.ts';
import { layout, move } from './grid.ts';
import { useItems } from './items.ts';
import { Tile } from './Tile.tsx';
import { Viewer } from './Viewer.tsx';

type ItemGridProps = {
  dataset: Dataset;
  filter: ItemFilter;
  onSelect(item: Item | null): void;
  onTotal(total: number | null): void;
};

export function ItemGrid({ dataset, filter, onSelect, onTotal }: ItemGridProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const width = useWidth(scroller);
  const [total, setTotal] = useState(0);
  const [active, setActive] = useState(0);
  const [open, setOpen] = useState(false);
  const { columns, tile, rowHeight, rows } = layout(width, total);
  const rowsVirtual = useVirtualizer({
    count: rows,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 2,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: heights are cached by the virtualizer until it is told of a new layout.
  useLayoutEffect(() => rowsVirtual.measure(), [rowHeight]);

  const shown = rowsVirtual.getVirtualItems();
  const first = (shown[0]?.index ?? 0) * columns;
  const last = ((shown.at(-1)?.index ?? 8) + 1) * columns - 1;
  const items = useItems(dataset.id, filter, first, last);
  useEffect(() => {
    if (items.total !== null) setTotal(items.total);
    onTotal(items.total);
  }, [items.total, onTotal]);

  const filterKey = JSON.stringify([dataset.id, filter]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another filter begins at its top.
  useEffect(() => {
    setActive(0);
    scroller.current?.scrollTo({ top: 0 });
  }, [filterKey]);
  const current = active < total ? items.at(active) : undefined;
  // Scrolled far away, the selected item is not loaded any more: its details stay.
  useEffect(() => {
    if (current || total === 0) onSelect(current ?? null);
  }, [current, total, onSelect]);

  useKeys(TOLD);
  const select = (index: number) => {
    setActive(index);
    rowsVirtual.scrollToIndex(Math.floor(index / columns), { align: 'auto' });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pageRows = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight));
    const next = move(event.key, active, total, columns, pageRows);
    if (next !== null) select(next);
    else if ((event.key === ' ' || event.key === 'Enter') && current) setOpen(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <ErrorNote error={items.error} />
      <div
        ref={scroller}
        {...FIRST_FOCUS}
        className="grid-scroll"
        role="listbox"
        aria-label={`Images of ${dataset.name}, ${total} shown`}
        aria-activedescendant={current ? tileId(active) : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <div className="grid-body" role="presentation" style={{ height: rowsVirtual.getTotalSize() }}>
          {shown.map((row) => (
            <div
              key={row.key}
              role="presentation"
              className="grid-row"
              style={{ transform: `translateY(${row.start}px)`, gridTemplateColumns: `repeat(${columns}, ${tile}px)` }}
            >
              {Array.from({ length: Math.min(columns, total - row.index * columns) }, (_, column) => {
                const index = row.index * columns + column;
                return (
                  <Tile
                    key={index}
                    id={tileId(index)}
                    item={items.at(index)}
                    size={tile}
                    index={index}
                    total={total}
                    active={index === active}
                    onPick={() => select(index)}
                    onOpen={() => {
                      select(index);
                      setOpen(true);
                    }}
                  />
                );
              })}
            </div>
          ))}
        </div>
      </div>
      {open && current && (
        <Viewer
          item={current}
          index={active}
          total={total}
          onMove={(by) => select(Math.max(0, Math.min(total - 1, active + by)))}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}

/** The grid answers these itself; the sheet of keys tells of them. */
const TOLD = [
  ['ArrowRight', 'Next image, and the other arrows'],
  ['PageDown', 'A page on, Page Up back'],
  ['End', 'The last image, Home the first'],
  ['Space', 'Open the image large'],
].map(([keys, label]) => ({ keys: keys!, label: label!, group: 'Images', run: () => {}, told: true }));

const tileId = (index: number) => `tile-${index}`;

/** The inner width of an element, followed as the window changes. */
function useWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(900);
  useLayoutEffect(() => {
    if (!element.current) return;
    const measure = () => element.current && setWidth(element.current.clientWidth - 4);
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(element.current);
    return () => watch.disconnect();
  }, [element]);
  return width;
}
