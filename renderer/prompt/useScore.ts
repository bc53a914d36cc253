// The accuracy of the captions as they are typed: asked once typing pauses, the last answer shown until the next is here.
import { useEffect, useMemo, useState } from 'react';
import type { CaptionScore, Dataset, ModelInfo } from '../../shared/contract.ts';
import { useCall } from '../lab.ts';
import { type Captions, usable } from '../ui/captions.ts';
import { START } from './drafts.ts';

/** Editing looks at train only: words fitted to the test would flatter themselves. Without train it has to be all. */
export type ScoreSplit = 'train' | 'all';
export const splitOf = (dataset: Dataset): ScoreSplit =>
  dataset.classes.some((one) => one.train > 0) ? 'train' : 'all';

export type Scored = {
  split: ScoreSplit;
  score: CaptionScore | undefined;
  /** The captions as the folders name them, in the default template. */
  start: CaptionScore | undefined;
  error: Error | null;
  /** The score shown is of captions before the last change. */
  old: boolean;
  /** No score yet, and one is being computed. */
  loading: boolean;
  again(): void;
  /** Images whose probabilities are shown. */
  images: ShownImage[];
  /** Those that stay when others are shown. */
  kept: ReadonlySet<number>;
  keep(image: ShownImage): void;
  /** Shows other images beside the kept ones. */
  next(): void;
};
export type ShownImage = { id: number; hash: string; path: string };

const PAUSE_MS = 300;
/** Images beside each other. */
export const SHOWN = 8;

export function useScore(dataset: Dataset, model: ModelInfo, captions: Captions): Scored {
  const split = splitOf(dataset);
  const [round, setRound] = useState(0);
  const [kept, setKept] = useState<ShownImage[]>([]);
  const images = useShownImages(dataset, split, round, kept);
  const wanted = useMemo(() => usable(captions), [captions]);
  const settled = useSettled(wanted);
  const base = { datasetId: dataset.id, model: model.id, split };
  const chosen = images.map((one) => one.id);
  const enabled = settled.templates.length > 0;
  const now = useCall('prompt.score', { ...base, ...settled, chosen }, { keep: true, enabled });
  const start = useCall('prompt.score', { ...base, ...START, chosen: [] });
  return {
    split,
    score: now.data,
    start: start.data,
    error: now.error ?? start.error,
    loading: now.isFetching && now.data === undefined,
    old: now.isPlaceholderData || settled !== wanted,
    again: () => {
      void now.refetch();
      void start.refetch();
    },
    images,
    kept: new Set(kept.map((one) => one.id)),
    keep: (image) =>
      setKept((before) =>
        before.some((one) => one.id === image.id) ? before.filter((one) => one.id !== image.id) : [...before, image],
      ),
    next: () => setRound((before) => before + 1),
  };
}

/** The value once it has stood still for a moment; equal captions keep their identity. */
function useSettled(wanted: Captions): Captions {
  const [settled, setSettled] = useState(wanted);
  useEffect(() => {
    if (wanted === settled) return;
    const timer = setTimeout(() => setSettled(wanted), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [wanted, settled]);
  return settled;
}

/** Eight images: the kept ones where they stand, the others spread over the classes, as items lie class by class. */
function useShownImages(dataset: Dataset, split: ScoreSplit, round: number, kept: readonly ShownImage[]): ShownImage[] {
  const filter = split === 'train' ? { split: 'train' as const, status: 'ok' as const } : { status: 'ok' as const };
  const { data } = useCall('dataset.items', { id: dataset.id, filter, offset: 0, limit: 1000 });
  return useMemo(() => {
    const labelled = (data?.items ?? []).filter((item) => item.label !== null);
    const fresh = pickSpread(labelled, SHOWN, round).map(({ id, hash, path }) => ({ id, hash, path }));
    return mixKept(fresh, kept);
  }, [data, round, kept]);
}

/** Kept images first in the order they were kept, filled up with others; one that is shown anyway keeps its place. */
export function mixKept(fresh: readonly ShownImage[], kept: readonly ShownImage[]): ShownImage[] {
  const missing = kept.filter((one) => !fresh.some((other) => other.id === one.id));
  const isKept = (one: ShownImage) => kept.some((other) => other.id === one.id);
  let free = fresh.length - missing.length - fresh.filter(isKept).length;
  const stay = fresh.filter((one) => isKept(one) || free-- > 0);
  return [...missing, ...stay];
}

/** `n` items at equal distances, the whole comb moved by one step a round; golden steps so that rounds differ. */
export function pickSpread<T>(items: readonly T[], n: number, round: number): T[] {
  const size = Math.min(n, items.length);
  const step = items.length / Math.max(1, size);
  const shift = ((round * 0.618) % 1) * step;
  const places = Array.from({ length: size }, (_, i) => Math.floor(i * step + shift) % items.length);
  return [...new Set(places)].map((place) => items[place]!);
}
