// The Models screen.
import { Screen } from '../ui/Screen.tsx';

export const ModelsScreen = () => (
  <Screen label="Models" crumbs={[]}>
    <span />
  </Screen>
);
