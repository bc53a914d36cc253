// Compare: which way of adapting a model works best here, and how many labels does it need? One run at a time, or the form for the next.
import { useCall } from '../lab.ts';
import { ErrorNote } from '../ui/controls.tsx';
import { FirstSteps } from '../ui/FirstSteps.tsx';
import { stay, useParams } from '../ui/navigation.ts';
import { useShownRun } from '../ui/RunList.tsx';
import { Screen } from '../ui/Screen.tsx';
import { NewComparison } from './NewComparison.tsx';
import { RunView } from './RunView.tsx';
import './compare.css';

export function CompareScreen() {
  const params = useParams('compare');
  const list = useCall('compare.list', {});
  const info = useShownRun(list, params.comparisonId);
  if (params.fresh) return <NewComparison />;
  const runs = list.data;
  if (runs && info && info !== 'coming') return <RunView key={info.id} info={info} runs={runs} />;
  const start = { label: 'New comparison', keys: 'N', primary: true, run: () => stay('compare', { fresh: true }) };
  return (
    <Screen label="Compare" crumbs={[]} actions={[start]}>
      <ErrorNote error={list.error} retry={() => void list.refetch()} />
      {runs && !info && <FirstSteps />}
    </Screen>
  );
}
