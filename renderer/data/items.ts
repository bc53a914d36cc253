// The items of a dataset as one long list of which only the pages in sight are loaded.
import { useQueries } from '@tanstack/react-query';
import { useRef } from 'react';
import type { Item, ItemFilter, Result } from '../../shared/contract.ts';
import { call } from '../lab.ts';
import { PAGE, pagesFor } from './grid.ts';

export type Items = { total: number | null; at(index: number): Item | undefined; error: Error | null };

/** Items first to last. While another filter loads, the old items stay, so nothing flashes. */
export function useItems(datasetId: number, filter: ItemFilter, first: number, last: number): Items {
  const before = useRef<{ key: string; items: Items } | null>(null);
  const key = JSON.stringify([datasetId, filter]);
  const known = before.current?.key === key ? (before.current.items.total ?? 0) : 0;
  const offsets = pagesFor(first, last, Math.max(known, last + 1));
  const pages = useQueries({
    queries: offsets.map((offset) => {
      const params = { id: datasetId, filter, offset, limit: PAGE };
      return { queryKey: ['dataset.items', params], queryFn: () => call('dataset.items', params) };
    }),
    combine: (results) => ({
      pages: results.map((each) => each.data as Result<'dataset.items'> | undefined),
      error: results.find((each) => each.error)?.error ?? null,
    }),
  });
  const loaded = pages.pages.find((page) => page !== undefined);
  if (!loaded && before.current) {
    const sameDataset = before.current.key.startsWith(`[${datasetId},`);
    return sameDataset
      ? { ...before.current.items, error: pages.error }
      : { total: null, at: () => undefined, error: pages.error };
  }
  const start = offsets[0] ?? 0;
  const items: Items = {
    total: loaded?.total ?? null,
    at: (index) => pages.pages[Math.floor((index - start) / PAGE)]?.items[(index - start) % PAGE],
    error: pages.error,
  };
  before.current = { key, items };
  return items;
}
