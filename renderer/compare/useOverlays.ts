// Earlier runs laid over the chart: which are possible, which are chosen, and their rows.
import { useQueries } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import type { Comparison, ComparisonInfo } from '../../shared/contract.ts';
import { call } from '../lab.ts';

export type Overlays = {
  /** Runs with results on the same dataset: others have another test set, so another axis. */
  possible: ComparisonInfo[];
  ids: number[];
  comparisons: Comparison[];
  toggle(id: number): void;
};

export function useOverlays(info: ComparisonInfo, runs: readonly ComparisonInfo[]): Overlays {
  const [wanted, setWanted] = useState<number[]>([]);
  const possible = runs.filter((run) => run.id !== info.id && run.datasetId === info.datasetId && run.rows > 0);
  const ids = wanted.filter((id) => possible.some((run) => run.id === id));
  const comparisons = useQueries({
    queries: ids.map((id) => ({ queryKey: ['compare.get', { id }], queryFn: () => call('compare.get', { id }) })),
    combine: useCallback(
      (results: { data: Comparison | undefined }[]) => results.flatMap(({ data }) => (data ? [data] : [])),
      [],
    ),
  });
  const toggle = useCallback(
    (id: number) => setWanted((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id])),
    [],
  );
  return useMemo(() => ({ possible, ids, comparisons, toggle }), [possible, ids, comparisons, toggle]);
}
