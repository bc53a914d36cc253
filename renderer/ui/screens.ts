// The rail, in order: what exists, and the key that goes there.
import type { ScreenId } from './navigation.ts';

export const RAIL_GROUPS = ['Work', 'Train', 'Lab'] as const;
export type RailGroup = (typeof RAIL_GROUPS)[number];
export type RailEntry = { id: ScreenId; name: string; group: RailGroup; keys: string };
export const RAIL: RailEntry[] = [
  { id: 'data', name: 'Data', group: 'Work', keys: 'Alt+1' },
  { id: 'compare', name: 'Compare', group: 'Work', keys: 'Alt+2' },
  { id: 'prompt', name: 'Prompt', group: 'Work', keys: 'Alt+3' },
  { id: 'finetune', name: 'Fine-tune', group: 'Train', keys: 'Alt+4' },
  { id: 'models', name: 'Models', group: 'Lab', keys: 'Alt+5' },
  { id: 'runs', name: 'Runs', group: 'Lab', keys: 'Alt+6' },
];
