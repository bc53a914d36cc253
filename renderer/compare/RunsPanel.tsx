// Every comparison there is: open one, lay it over the chart, delete it.
import type { ComparisonInfo } from '../../shared/contract.ts';
import { isActive } from '../lab.ts';
import { CheckField } from '../ui/controls.tsx';
import { plural, runName, when } from '../ui/format.ts';
import { stay } from '../ui/navigation.ts';
import { RunList } from '../ui/RunList.tsx';
import { rowsText } from './run.ts';
import type { Overlays } from './useOverlays.ts';

type Props = { info: ComparisonInfo; runs: ComparisonInfo[]; overlays: Overlays };

export function RunsPanel({ info, runs, overlays }: Props) {
  return (
    <RunList<ComparisonInfo>
      label="All comparisons"
      runs={runs}
      shown={info.id}
      onOpen={(run) => stay('compare', { comparisonId: run.id })}
      remove="compare.delete"
      isActive={isActive}
      lines={(run) => ({
        title: (
          <span className="clip">
            {runName(run)} · {run.datasetName}
          </span>
        ),
        about: `${run.models.join(' + ')} · ${plural(run.methods.length, 'method')}`,
        state: `${when(run.createdAt)} · ${standing(run)}`,
      })}
      below={(run) =>
        run.id !== info.id && (
          <CheckField
            checked={overlays.ids.includes(run.id)}
            disabled={!overlays.possible.some((each) => each.id === run.id)}
            onChecked={() => overlays.toggle(run.id)}
          >
            <span className="small">
              {run.datasetId === info.datasetId ? 'Lay over this chart' : 'Another dataset: cannot be laid over'}
            </span>
          </CheckField>
        )
      }
      loses={(run) => `Its ${plural(run.rows, 'row')} and predictions go. Images, models and cached features stay.`}
    />
  );
}

/** "waiting its turn, 0 of 100 rows" */
function standing(run: ComparisonInfo): string {
  if (run.status === 'done') return rowsText(run);
  return `${run.status === 'queued' ? 'waiting its turn' : run.status}, ${rowsText(run)}`;
}
