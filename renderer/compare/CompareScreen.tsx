// The Compare screen.
import { Screen } from '../ui/Screen.tsx';

export const CompareScreen = () => (
  <Screen label="Compare" crumbs={[]}>
    <span />
  </Screen>
);
