// The left rail: screens by group, with how many there are or how much waits.
import { isActive, JOBS_LISTED, useCall, useJobs } from '../lab.ts';
import { Kbd } from './controls.tsx';
import { plural } from './format.ts';
import { go, type ScreenId, useNavigation } from './navigation.ts';
import { RAIL, RAIL_GROUPS } from './screens.ts';

export function Rail() {
  const { screen } = useNavigation();
  const counts = useCounts();
  return (
    <nav className="rail" aria-label="Screens">
      {RAIL_GROUPS.map((group) => (
        <div key={group}>
          <h2>{group}</h2>
          <ul>
            {RAIL.filter((entry) => entry.group === group).map((entry) => (
              <li key={entry.id}>
                <RailLink id={entry.id} here={screen} keys={entry.keys} note={counts[entry.id]}>
                  {entry.name}
                </RailLink>
              </li>
            ))}
          </ul>
        </div>
      ))}
      <span className="spacer" />
      <button
        type="button"
        className="rail-link"
        aria-current={screen === 'settings' ? 'page' : undefined}
        aria-keyshortcuts="Control+,"
        onClick={() => go('settings')}
      >
        Settings <Kbd keys="Ctrl+," />
      </button>
    </nav>
  );
}

function RailLink({
  id,
  here,
  keys,
  note,
  children,
}: {
  id: ScreenId;
  here: ScreenId;
  keys: string;
  note: string | undefined;
  children: string;
}) {
  return (
    <button
      type="button"
      className="rail-link"
      title={keys.replace('+', ' ')}
      aria-current={here === id ? 'page' : undefined}
      aria-keyshortcuts={keys}
      onClick={() => go(id)}
    >
      {children}
      {note && <small>{note}</small>}
    </button>
  );
}

function useCounts(): Partial<Record<ScreenId, string>> {
  const datasets = useCall('dataset.list', {}).data?.length;
  const models = useCall('model.list', {}).data?.filter((model) => model.installed).length;
  const comparisons = useCall('compare.list', {}).data?.length;
  const finetunes = useCall('finetune.list', {}).data?.length;
  const jobs = useJobs();
  const active = jobs.filter(isActive).length;
  return {
    ...(datasets ? { data: plural(datasets, 'set') } : {}),
    ...(comparisons ? { compare: String(comparisons) } : {}),
    ...(finetunes ? { finetune: String(finetunes) } : {}),
    ...(models ? { models: String(models) } : {}),
    ...(active
      ? { runs: `${active} active` }
      : jobs.length
        ? { runs: jobs.length < JOBS_LISTED ? String(jobs.length) : `${JOBS_LISTED}+` }
        : {}),
  };
}
