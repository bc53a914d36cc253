// The Settings screen.
import { Screen } from '../ui/Screen.tsx';

export const SettingsScreen = () => (
  <Screen label="Settings" crumbs={[]}>
    <span />
  </Screen>
);
