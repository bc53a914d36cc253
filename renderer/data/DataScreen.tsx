// The Data screen.
import { Screen } from '../ui/Screen.tsx';

export const DataScreen = () => (
  <Screen label="Data" crumbs={[]}>
    <span />
  </Screen>
);
