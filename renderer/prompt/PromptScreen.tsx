// The Prompt screen.
import { Screen } from '../ui/Screen.tsx';

export const PromptScreen = () => (
  <Screen label="Prompt" crumbs={[]}>
    <span />
  </Screen>
);
