// The Runs screen.
import { Screen } from '../ui/Screen.tsx';

export const RunsScreen = () => (
  <Screen label="Runs" crumbs={[]}>
    <span />
  </Screen>
);
