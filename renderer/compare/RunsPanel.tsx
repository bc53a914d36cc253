// Every comparison there is: open one, lay it over the chart, delete it.
import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { ComparisonInfo } from '../../shared/contract.ts';
import { useMutationCall } from '../lab.ts';
import { CheckField, IconButton } from '../ui/controls.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { plural, when } from '../ui/format.ts';
import { stay } from '../ui/navigation.ts';
import { isLive, rowsText, runName } from './run.ts';
import type { Overlays } from './useOverlays.ts';

const STATUS: Record<ComparisonInfo['status'], string> = {
  done: '',
  running: 'running',
  queued: 'waiting its turn',
  paused: 'paused',
  interrupted: 'interrupted',
  failed: 'failed',
  cancelled: 'cancelled',
};

type Props = { info: ComparisonInfo; runs: ComparisonInfo[]; overlays: Overlays };

export function RunsPanel({ info, runs, overlays }: Props) {
  const [asking, setAsking] = useState<ComparisonInfo | null>(null);
  const remove = useMutationCall('compare.delete', () => setAsking(null));
  return (
    <>
      <ul className="runs-list" aria-label="All comparisons, newest first">
        {runs.map((run) => (
          <li key={run.id} className={run.id === info.id ? 'shown' : undefined}>
            <div className="row">
              <button
                type="button"
                className="run-open"
                aria-current={run.id === info.id}
                onClick={() => stay('compare', { comparisonId: run.id })}
              >
                <span className="clip strong">
                  {runName(run)} · {run.datasetName}
                </span>
                <span className="clip muted small">
                  {run.models.join(' + ')} · {plural(run.methods.length, 'method')}
                </span>
                <span className="clip muted small num">
                  {when(run.createdAt)} ·{' '}
                  {run.status === 'done' ? rowsText(run) : `${STATUS[run.status]}, ${rowsText(run)}`}
                </span>
              </button>
              <IconButton
                label={isLive(run.status) ? 'Cancel it before deleting it' : `Delete ${runName(run)}`}
                icon={<Trash2 size={14} />}
                disabled={isLive(run.status)}
                onClick={() => setAsking(run)}
              />
            </div>
            {run.id !== info.id && (
              <CheckField
                checked={overlays.ids.includes(run.id)}
                disabled={!overlays.possible.some((each) => each.id === run.id)}
                onChecked={() => overlays.toggle(run.id)}
              >
                <span className="small">
                  {run.datasetId === info.datasetId ? 'Lay over this chart' : 'Another dataset: cannot be laid over'}
                </span>
              </CheckField>
            )}
          </li>
        ))}
      </ul>
      <Confirm
        open={asking !== null}
        onClose={() => setAsking(null)}
        title={asking ? `Delete ${runName(asking)}?` : ''}
        action="Delete"
        danger
        busy={remove.busy}
        error={remove.error}
        onConfirm={() => asking && remove.run({ id: asking.id })}
      >
        Its {asking ? plural(asking.rows, 'row') : 'rows'} and predictions go. Images, models and cached features stay.
      </Confirm>
    </>
  );
}
