// One run: its curves as it trains, what it came to, the line between before and after, and a panel of its facts and all runs.
import { Plus, Save, Square } from 'lucide-react';
import { useRef, useState } from 'react';
import type { Job } from '../../shared/contract.ts';
import type { FinetuneInfo, FinetuneRun } from '../../shared/finetune.ts';
import { isActive, useCall, useJob, useMutationCall } from '../lab.ts';
import { ErrorNote, Segments } from '../ui/controls.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { runName } from '../ui/format.ts';
import { useKeys } from '../ui/keys.ts';
import { METHODS } from '../ui/methods.ts';
import { go, stay } from '../ui/navigation.ts';
import { type Action, Screen } from '../ui/Screen.tsx';
import { Figures } from './Figures.tsx';
import { LiveCharts } from './LiveCharts.tsx';
import { trainsEncoder } from './plan.ts';
import { EpochsPanel, FactsPanel } from './RunFacts.tsx';
import { RunLine } from './RunLine.tsx';
import { RunsPanel } from './RunsPanel.tsx';
import { WisePanel } from './WisePanel.tsx';

type Tab = 'run' | 'epochs' | 'runs';

export function RunView({ info, runs }: { info: FinetuneInfo; runs: FinetuneInfo[] }) {
  const { data: run, error } = useCall('finetune.get', { id: info.id });
  const job = useJob(info.jobId);
  const [tab, setTab] = useState<Tab>('run');
  const saveForm = useRef<HTMLInputElement>(null);
  const stop = useMutationCall('finetune.stop');
  const [asking, setAsking] = useState(false);
  const cancel = useMutationCall('job.cancel', () => setAsking(false));
  useKeys([
    { keys: 'I', label: 'Show facts of the run', group: 'Fine-tune', run: () => setTab('run') },
    { keys: 'E', label: 'Show its epochs', group: 'Fine-tune', run: () => setTab('epochs') },
    { keys: 'A', label: 'Show all runs', group: 'Fine-tune', run: () => setTab('runs') },
  ]);
  const stopped = stop.result?.id === info.jobId || stop.busy;
  return (
    <Screen
      label="Fine-tune"
      crumbs={[
        { label: info.datasetName, onClick: () => go('data', { datasetId: info.datasetId }) },
        { label: info.model, onClick: () => go('models', { modelId: info.model }) },
        { label: `${METHODS[info.method].name}, ${runName(info)}` },
      ]}
      actions={actionsFor({
        run,
        job,
        stopped,
        onStop: () => stop.run({ id: info.id }),
        onCancel: () => (run && run.epochs.length > 0 ? setAsking(true) : cancel.run({ id: info.jobId })),
        onSave: () => saveForm.current?.focus(),
      })}
      panelWidth={330}
      panel={
        <section className="pane pad side-panel" aria-label="Details">
          <Segments<Tab>
            label="What the panel shows"
            value={tab}
            onValue={setTab}
            options={[
              { value: 'run', label: 'This run' },
              { value: 'epochs', label: 'Epochs' },
              { value: 'runs', label: 'All runs', note: String(runs.length) },
            ]}
          />
          {run && tab === 'run' && <FactsPanel run={run} />}
          {run && tab === 'epochs' && <EpochsPanel run={run} />}
          {tab === 'runs' && <RunsPanel info={info} runs={runs} />}
        </section>
      }
    >
      <ErrorNote error={error ?? stop.error ?? (asking ? null : cancel.error)} onClose={stop.reset} />
      {run && (
        <>
          <RunLine run={run} job={job} stopped={stopped} />
          <Figures run={run} live={isActive(job)} />
          {trainsEncoder(run.method) && <LiveCharts run={run} job={job} />}
          <Confirm
            open={asking}
            onClose={() => setAsking(false)}
            title={`End ${runName(info)} and keep nothing?`}
            action="End it"
            danger
            busy={cancel.busy}
            error={cancel.error}
            onConfirm={() => cancel.run({ id: info.jobId })}
          >
            What it has learnt goes. To keep its best epoch, stop it instead.
          </Confirm>
          <WisePanel key={run.report ? 'ended' : 'live'} run={run} live={isActive(job)} nameField={saveForm} />
        </>
      )}
    </Screen>
  );
}

type ActionsInput = {
  run: FinetuneRun | undefined;
  job: Job | undefined;
  stopped: boolean;
  onStop(): void;
  onCancel(): void;
  onSave(): void;
};

function actionsFor({ run, job, stopped, onStop, onCancel, onSave }: ActionsInput): Action[] {
  const another: Action = {
    label: 'New run',
    keys: 'N',
    icon: <Plus size={14} />,
    primary: true,
    run: () => stay('finetune', { fresh: true, ...(run ? { finetuneId: run.id } : {}) }),
  };
  if (isActive(job))
    return [
      { label: 'Cancel', keys: 'X', run: onCancel },
      {
        label: 'Stop, keep the best',
        keys: 'S',
        icon: <Square size={12} />,
        disabled: stopped
          ? 'It stops after this step; the best epoch is tested then.'
          : job?.status === 'running'
            ? false
            : 'It has not begun.',
        run: onStop,
      },
      another,
    ];
  return [
    {
      label: 'Save as a model',
      keys: 'S',
      icon: <Save size={14} />,
      disabled: run?.report ? false : 'Only a run that has ended can be saved.',
      run: onSave,
    },
    another,
  ];
}
