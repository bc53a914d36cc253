// Data: what there is to learn from. One dataset as a grid with its classes and its troubles, or the list of all.
import { FolderPlus } from 'lucide-react';
import { useCallback, useState } from 'react';
import type { Dataset, Item, ItemFilter, Job } from '../../shared/contract.ts';
import { pickFolder } from '../host.ts';
import { isActive, useCall, useJobs, useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Meter, Note } from '../ui/controls.tsx';
import { DropTarget } from '../ui/DropTarget.tsx';
import { count } from '../ui/format.ts';
import { useImport } from '../ui/importing.ts';
import { JobProgress } from '../ui/JobProgress.tsx';
import { useKeys } from '../ui/keys.ts';
import { go, stay, useParams } from '../ui/navigation.ts';
import { type Action, Screen } from '../ui/Screen.tsx';
import { DeleteDialog, RenameDialog, SplitDialog } from './DatasetDialogs.tsx';
import { DatasetList } from './DatasetList.tsx';
import './data.css';
import { Details } from './Details.tsx';
import { Filters, type View } from './Filters.tsx';
import { ItemGrid } from './ItemGrid.tsx';
import { Duplicates, Problems } from './Trouble.tsx';

export function DataScreen() {
  const { datasetId } = useParams('data');
  const { data: datasets, error } = useCall('dataset.list', {});
  const importing = useImport();
  const dataset = datasets?.find((each) => each.id === datasetId) ?? (datasets?.length === 1 ? datasets[0] : undefined);
  const intake = importMenu(importing.start);
  useKeys([
    { keys: 'Ctrl+O', label: 'Import a folder', group: 'Data', run: () => importing.start() },
    {
      keys: 'Ctrl+Shift+O',
      label: 'Import a CSV or JSON list',
      group: 'Data',
      run: () => importing.start({ what: 'list' }),
    },
  ]);
  return (
    <>
      <DropTarget
        label="Drop a folder of images, or a CSV or JSON list, to import it"
        onPaths={(paths) => {
          for (const path of paths) importing.start({ path });
        }}
        onNoPath={(why) => importing.start({ why })}
      />
      {dataset ? (
        <OneDataset
          key={dataset.id}
          dataset={dataset}
          intake={intake}
          several={(datasets?.length ?? 0) > 1}
          importError={importing.error}
          onErrorClosed={importing.clear}
        />
      ) : (
        <Screen label="Data" crumbs={datasets?.length ? [{ label: 'all datasets' }] : []} actions={[intake]}>
          <ErrorNote error={importing.error} onClose={importing.clear} />
          <ErrorNote error={error} />
          {datasets && <DatasetList datasets={datasets} onImport={() => importing.start()} />}
        </Screen>
      )}
    </>
  );
}

function importMenu(start: ReturnType<typeof useImport>['start']): Action {
  return {
    label: 'Import',
    icon: <FolderPlus size={14} />,
    menu: [
      { label: 'A folder of images', keys: 'Ctrl+O', run: () => start() },
      { label: 'A CSV or JSON list', keys: 'Ctrl+Shift+O', run: () => start({ what: 'list' }) },
    ],
  };
}

type OneDatasetProps = {
  dataset: Dataset;
  intake: Action;
  several: boolean;
  importError: unknown;
  onErrorClosed(): void;
};
type Asked = 'rename' | 'split' | 'delete' | null;

function OneDataset({ dataset, intake, several, importError, onErrorClosed }: OneDatasetProps) {
  const params = useParams('data');
  const filter: ItemFilter = params.datasetId === dataset.id ? (params.filter ?? {}) : {};
  const [view, setView] = useState<View>('all');
  const [asked, setAsked] = useState<Asked>(null);
  const [selected, setSelected] = useState<Item | null>(null);
  const [total, setTotal] = useState<number | null>(null);
  const setFilter = (next: ItemFilter) => stay('data', { datasetId: dataset.id, filter: next });
  const selectClass = useCallback((item: Item | null) => setSelected(item), []);
  const rescan = useMutationCall('dataset.rescan');
  const relink = useMutationCall('dataset.relink');
  const askRelink = () =>
    void pickFolder(`Where is ${dataset.name} now?`).then((path) => path && relink.run({ id: dataset.id, path }));
  const actions = datasetActions(dataset, {
    rescan: () => rescan.run({ id: dataset.id }),
    relink: askRelink,
    ask: setAsked,
  });
  useKeys(actions.keys);
  const shown = stillThere(view, dataset);
  return (
    <Screen
      label="Data"
      crumbs={[...(several ? [{ label: 'all datasets', onClick: () => go('data', {}) }] : []), { label: dataset.name }]}
      actions={[
        intake,
        { label: 'Dataset', menu: actions.menu },
        {
          label: 'Compare methods on this',
          keys: 'C',
          primary: true,
          disabled: notComparable(dataset),
          run: () => go('compare', { datasetId: dataset.id, fresh: true }),
        },
      ]}
      panel={
        <Details
          dataset={dataset}
          item={shown === 'all' ? selected : null}
          coming={shown === 'all' && selected === null && total !== 0}
          filter={filter}
          onFilter={setFilter}
          onSplit={() => setAsked('split')}
        />
      }
    >
      <ErrorNote error={importError} onClose={onErrorClosed} />
      <ErrorNote error={rescan.error ?? relink.error} />
      <Offline dataset={dataset} onRelink={askRelink} />
      <Filters dataset={dataset} view={shown} filter={filter} onView={setView} onFilter={setFilter} />
      {shown === 'all' && <ItemGrid dataset={dataset} filter={filter} onSelect={selectClass} onTotal={setTotal} />}
      {shown === 'problems' && <Problems dataset={dataset} />}
      {shown === 'duplicates' && <Duplicates dataset={dataset} only="all" />}
      {(shown === 'leaks' || shown === 'conflicts') && <Duplicates dataset={dataset} only={shown} />}
      <Counts dataset={dataset} shown={shown === 'all' ? total : null} />
      {asked === 'rename' && <RenameDialog dataset={dataset} onClose={() => setAsked(null)} />}
      {asked === 'split' && <SplitDialog dataset={dataset} onClose={() => setAsked(null)} />}
      {asked === 'delete' && (
        <DeleteDialog dataset={dataset} onClose={() => setAsked(null)} onDeleted={() => go('data', {})} />
      )}
    </Screen>
  );
}

/** A view whose trouble has gone falls back to all. */
function stillThere(view: View, dataset: Dataset): View {
  if (view === 'all') return 'all';
  return dataset[view] > 0 ? view : 'all';
}

function notComparable(dataset: Dataset): string | false {
  if (dataset.state === 'offline') return 'The folder is offline. Relink it first.';
  if (dataset.classes.length < 2) return 'A comparison needs labels of at least two classes.';
  return false;
}

function datasetActions(dataset: Dataset, run: { rescan(): void; relink(): void; ask(what: Asked): void }) {
  const busy = dataset.state === 'importing';
  const list = [
    { label: 'Rename', keys: 'F2', run: () => run.ask('rename') },
    { label: 'Change the split', keys: 'S', run: () => run.ask('split'), disabled: dataset.labelled === 0 },
    { label: 'Re-scan the folder', keys: 'R', run: run.rescan, disabled: busy, apart: true },
    { label: 'Relink: the folder was moved', keys: 'L', run: run.relink, disabled: busy },
    { label: 'Take off the list', keys: 'Delete', run: () => run.ask('delete'), danger: true, apart: true },
  ];
  return { menu: list, keys: list.map((each) => ({ ...each, group: 'Data' })) };
}

/** A folder that is away, and what to do about it. */
function Offline({ dataset, onRelink }: { dataset: Dataset; onRelink(): void }) {
  if (dataset.state !== 'offline') return null;
  return (
    <Note
      kind="warn"
      actions={
        <Button size="small" keys="L" onClick={onRelink}>
          Relink
        </Button>
      }
    >
      <b>The folder cannot be reached:</b> <span className="path">{dataset.path}</span>. Plug the drive in and re-scan,
      or say where it is now. Nothing was deleted.
    </Note>
  );
}

/** Whether a job works on the dataset: its params hold the id. */
function concerns(job: Job, datasetId: number): boolean {
  const params = job.params as { datasetId?: number; id?: number } | null;
  return params?.datasetId === datasetId || (job.kind === 'rescan' && params?.id === datasetId);
}

/** "n of N", truthfully: what is shown, what is usable, what was decoded; an import counts here, so that nothing moves. */
function Counts({ dataset, shown }: { dataset: Dataset; shown: number | null }) {
  const job = useJobs().find((each) => INTAKE.includes(each.kind) && concerns(each, dataset.id) && isActive(each));
  const resume = useMutationCall('job.resume');
  const { done, total } = dataset.verified;
  return (
    <div className="row small muted num counts">
      <span>
        {shown !== null && shown !== dataset.files ? `${count(shown)} shown · ` : ''}
        {count(dataset.items)} of {count(dataset.files)} files usable
      </span>
      <span>
        {count(dataset.labelled)} of {count(dataset.items)} labelled
      </span>
      <span className="spacer" />
      {job ? (
        <>
          <b>
            {job.kind === 'rescan' ? 'Re-scanning' : 'Importing'}: {count(job.done)}
            {job.total > 0 ? ` of ${count(job.total)}` : ''}
          </b>
          <JobProgress job={job} />
          {job.status === 'paused' && (
            <>
              <span className="warn clip">{job.error?.message}</span>
              <Button size="small" onClick={() => resume.run({ id: job.id })}>
                Go on
              </Button>
            </>
          )}
        </>
      ) : (
        <>
          {done < total && <Meter value={done / Math.max(1, total)} label="Full decode in the background" />}
          <span>
            {count(done)} of {count(total)} checked by full decoding
          </span>
        </>
      )}
    </div>
  );
}

const INTAKE: Job['kind'][] = ['import', 'rescan'];
