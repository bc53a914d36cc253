// The row over the grid: which part of the dataset is shown.
import { Search, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { Dataset, ItemFilter } from '../../shared/contract.ts';
import { IconButton, Segments, Select, TextField } from '../ui/controls.tsx';
import { count } from '../ui/format.ts';
import { useKeys } from '../ui/keys.ts';

export type View = 'all' | 'problems' | 'duplicates' | 'leaks' | 'conflicts';
const NO_CLASS = '\u0000none';
const ANY = '\u0000any';

type FiltersProps = {
  dataset: Dataset;
  view: View;
  filter: ItemFilter;
  onView(view: View): void;
  onFilter(filter: ItemFilter): void;
};

/** The views worth offering: all, and each kind of trouble that there is. */
export function views(dataset: Dataset): { value: View; label: string; note: string }[] {
  const all: { value: View; label: string; n: number }[] = [
    { value: 'all', label: 'All', n: dataset.files },
    { value: 'problems', label: 'Problems', n: dataset.problems },
    { value: 'duplicates', label: 'Duplicates', n: dataset.duplicates },
    { value: 'leaks', label: 'Leaks', n: dataset.leaks },
    { value: 'conflicts', label: 'Conflicts', n: dataset.conflicts },
  ];
  return all
    .filter((each) => each.value === 'all' || each.n > 0)
    .map(({ value, label, n }) => ({ value, label, note: count(n) }));
}

export function Filters({ dataset, view, filter, onView, onFilter }: FiltersProps) {
  const set = (change: ItemFilter) => onFilter(clean({ ...filter, ...change }));
  const splits = (['train', 'val', 'test'] as const).filter(
    (split) => dataset.classes.some((each) => each[split] > 0) || filter.split === split,
  );
  return (
    <div className="row filters">
      <Segments label="Which part" value={view} options={views(dataset)} onValue={onView} />
      <span className="spacer" />
      {view === 'all' && (
        <>
          <TextSearch value={filter.text ?? ''} onValue={(text) => set({ text: text || undefined })} />
          <Select
            label="Class"
            value={filter.label === null ? NO_CLASS : (filter.label ?? ANY)}
            options={[
              { value: ANY, label: 'Any class' },
              ...(dataset.labelled < dataset.items ? [{ value: NO_CLASS, label: 'Without a label' }] : []),
              ...dataset.classes.map((each) => ({
                value: each.name,
                label: each.name,
                note: count(each.train + each.val + each.test + each.unsplit),
              })),
            ]}
            onValue={(value) => set({ label: value === ANY ? undefined : value === NO_CLASS ? null : value })}
          />
          {splits.length > 0 && (
            <Select<string>
              label="Split"
              value={filter.split ?? ANY}
              options={[
                { value: ANY, label: 'Any split' },
                ...splits.map((split) => ({ value: split as string, label: split })),
              ]}
              onValue={(value) => set({ split: value === ANY ? undefined : (value as 'train') })}
            />
          )}
        </>
      )}
    </div>
  );
}

/** Undefined entries go, so that equal filters have equal keys. */
const clean = (filter: ItemFilter): ItemFilter =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));

function TextSearch({ value, onValue }: { value: string; onValue(value: string): void }) {
  const [text, setText] = useState(value);
  const latest = useRef(onValue);
  latest.current = onValue;
  useKeys([
    {
      keys: '/',
      label: 'Search by file name',
      group: 'Data',
      run: () => document.getElementById('data-search')?.focus(),
    },
  ]);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => latest.current(text), 200);
    return () => clearTimeout(timer);
  }, [text, value]);
  return (
    <span className="search">
      <Search size={14} aria-hidden="true" />
      <TextField id="data-search" label="Search by file name" placeholder="File name" value={text} onValue={setText} />
      {text !== '' && <IconButton label="Clear the search" icon={<X size={12} />} onClick={() => setText('')} />}
    </span>
  );
}
