// Where the user is: a screen and what it shows. Each screen's params are kept, so that going back finds it as it was left.
import type { ItemFilter } from '../../shared/contract.ts';
import { createStore, useStore } from './store.ts';

export type ScreenParams = {
  data: { datasetId?: number; filter?: ItemFilter };
  /** `fresh`: open the form for a new comparison, on `datasetId` and `model`, with these captions where they are given. */
  compare: {
    comparisonId?: number;
    datasetId?: number;
    model?: string;
    fresh?: boolean;
    templates?: string[];
    classNames?: Record<string, string>;
  };
  prompt: { datasetId?: number; model?: string };
  /** `fresh`: open the form for a new run, on `datasetId` and `model`. */
  finetune: { finetuneId?: number; datasetId?: number; model?: string; fresh?: boolean };
  models: { modelId?: string };
  runs: { jobId?: number };
  settings: { section?: string };
};
export type ScreenId = keyof ScreenParams;

type Place = { screen: ScreenId; params: { [S in ScreenId]: ScreenParams[S] } };
const START: Place = {
  screen: 'compare',
  params: { data: {}, compare: {}, prompt: {}, finetune: {}, models: {}, runs: {}, settings: {} },
};
const KEY = 'place';

function remembered(): Place {
  try {
    const text = sessionStorage.getItem(KEY);
    const place = text ? (JSON.parse(text) as Place) : START;
    return place.screen in START.params
      ? { screen: place.screen, params: { ...START.params, ...place.params } }
      : START;
  } catch {
    return START;
  }
}

export const place = createStore<Place>(typeof sessionStorage === 'undefined' ? START : remembered());
const back: Place[] = [];

function move(next: Place): void {
  place.set(next);
  if (typeof sessionStorage !== 'undefined') sessionStorage.setItem(KEY, JSON.stringify(next));
}

/** Goes to a screen. Without `params` it is as it was left; with them they replace what it showed. */
export function go<S extends ScreenId>(screen: S, params?: ScreenParams[S]): void {
  const before = place.get();
  if (before.screen === screen && !params) return;
  back.push(before);
  move({ screen, params: params ? { ...before.params, [screen]: params } : before.params });
}

export function goBack(): void {
  const before = back.pop();
  if (before) move(before);
}

/** Changes what the screen shows without a step to go back over: a filter, a selection. */
export function stay<S extends ScreenId>(screen: S, params: ScreenParams[S]): void {
  const before = place.get();
  move({ ...before, params: { ...before.params, [screen]: params } });
}

/** The screen, its params (of the screen that is shown), and the ways to go elsewhere. */
export function useNavigation() {
  const { screen, params } = useStore(place);
  return { screen, params: params[screen], go, goBack };
}

/** The params of one screen, typed. */
export const useParams = <S extends ScreenId>(screen: S): ScreenParams[S] => useStore(place).params[screen];
