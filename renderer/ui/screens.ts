// The rail, in order: what exists, and the key that goes there.
import type { ScreenId } from './navigation.ts';

export type RailEntry = { id: ScreenId; name: string; group: 'Work' | 'Lab'; keys: string };
export const RAIL: RailEntry[] = [
  { id: 'data', name: 'Data', group: 'Work', keys: 'Alt+1' },
  { id: 'compare', name: 'Compare', group: 'Work', keys: 'Alt+2' },
  { id: 'prompt', name: 'Prompt', group: 'Work', keys: 'Alt+3' },
  { id: 'models', name: 'Models', group: 'Lab', keys: 'Alt+4' },
  { id: 'runs', name: 'Runs', group: 'Lab', keys: 'Alt+5' },
];
