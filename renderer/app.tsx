// The app: providers around the frame, and one screen in it.
import { CSPProvider } from '@base-ui/react/csp-provider';
import { Tooltip } from '@base-ui/react/tooltip';
import { QueryClientProvider } from '@tanstack/react-query';
import type { ComponentType } from 'react';
import { CompareScreen } from './compare/CompareScreen.tsx';
import { DataScreen } from './data/DataScreen.tsx';
import { FinetuneScreen } from './finetune/FinetuneScreen.tsx';
import { queries } from './lab.ts';
import { ModelsScreen } from './models/ModelsScreen.tsx';
import { PromptScreen } from './prompt/PromptScreen.tsx';
import { RunsScreen } from './runs/RunsScreen.tsx';
import { SettingsScreen } from './settings/SettingsScreen.tsx';
import { type ScreenId, useNavigation } from './ui/navigation.ts';
import { Shell } from './ui/Shell.tsx';
import { useTheme } from './ui/theme.ts';

const SCREENS: Record<ScreenId, ComponentType> = {
  data: DataScreen,
  compare: CompareScreen,
  prompt: PromptScreen,
  finetune: FinetuneScreen,
  models: ModelsScreen,
  runs: RunsScreen,
  settings: SettingsScreen,
};

export function App() {
  return (
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Tooltip.Provider>
          <Window />
        </Tooltip.Provider>
      </QueryClientProvider>
    </CSPProvider>
  );
}

function Window() {
  useTheme();
  const { screen } = useNavigation();
  const Current = SCREENS[screen];
  return (
    <Shell>
      <Current key={screen} />
    </Shell>
  );
}
