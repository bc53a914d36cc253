// Light or dark: as the system says, or as the user chose. Remembered here too, so that the first frame is right already.
import { useEffect } from 'react';
import { useCall } from '../lab.ts';

type Choice = 'system' | 'light' | 'dark';
const KEY = 'theme';
const system = () => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

export function applyTheme(choice: Choice): void {
  document.documentElement.dataset.theme = choice === 'system' ? system() : choice;
}

export const rememberedTheme = (): Choice => (localStorage.getItem(KEY) as Choice | null) ?? 'system';

export function useTheme(): void {
  const choice = useCall('settings.get', {}).data?.theme;
  useEffect(() => {
    if (!choice) return;
    localStorage.setItem(KEY, choice);
    applyTheme(choice);
    const media = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => applyTheme(choice);
    media.addEventListener('change', follow);
    return () => media.removeEventListener('change', follow);
  }, [choice]);
}
