// The form for a comparison: what, with which models and methods, how many labels and seeds, and what it will cost.
import { Play } from 'lucide-react';
import { useState } from 'react';
import type { Dataset } from '../../shared/contract.ts';
import { useCall, useMutationCall } from '../lab.ts';
import { Button, Empty, ErrorNote, Select } from '../ui/controls.tsx';
import { count, plural } from '../ui/format.ts';
import { useImport } from '../ui/importing.ts';
import { useKeys } from '../ui/keys.ts';
import { go, stay, useParams } from '../ui/navigation.ts';
import { Screen } from '../ui/Screen.tsx';
import { Advanced } from './Advanced.tsx';
import { type Choice, comparable, firstChoice, notReady, paramsOf } from './choice.ts';
import { Forecast } from './Forecast.tsx';
import { MethodsField, ModelsField, ShotsField } from './fields.tsx';

export function NewComparison() {
  const given = useParams('compare');
  const [choice, setChoice] = useState<Choice>(() => firstChoice(given));
  const change = (part: Partial<Choice>) => setChoice((before) => ({ ...before, ...part }));
  const datasets = useCall('dataset.list', {});
  const models = useCall('model.list', {});
  const start = useMutationCall('compare.start', ({ comparisonId }) => stay('compare', { comparisonId }));
  const dataset = pick(datasets.data ?? [], choice.datasetId);
  const offered = (models.data ?? []).filter(comparable);
  const chosen = offered.filter((model) => choice.models.has(model.id));
  const missing = notReady(choice, dataset, chosen);
  const back = () => stay('compare', given.comparisonId === undefined ? {} : { comparisonId: given.comparisonId });
  const begin = () => {
    if (!missing && dataset && !start.busy) start.run(paramsOf(choice, dataset.id, chosen));
  };
  useKeys([{ keys: 'Escape', label: 'Back to the chart', group: 'Compare', run: back }]);
  const known = datasets.data !== undefined && models.data !== undefined;
  return (
    <Screen
      label="Compare"
      crumbs={[{ label: dataset?.name ?? 'no dataset' }, { label: 'new comparison' }]}
      actions={[
        { label: 'Back to the chart', run: back },
        {
          label: 'Start',
          keys: 'Ctrl+Enter',
          icon: <Play size={14} />,
          primary: true,
          disabled: missing ?? start.busy,
          run: begin,
        },
      ]}
      panelWidth={330}
      panel={known && dataset && <Forecast choice={choice} dataset={dataset} models={chosen} missing={missing} />}
    >
      <ErrorNote error={start.error ?? datasets.error ?? models.error} />
      {known && datasets.data?.length === 0 && <NoDataset />}
      {known && dataset && (
        <form className="pane scroll compare-form" onSubmit={(event) => event.preventDefault()}>
          <DatasetField
            datasets={datasets.data ?? []}
            dataset={dataset}
            onValue={(datasetId) => change({ datasetId })}
          />
          <ModelsField models={offered} choice={choice} onChange={change} />
          <MethodsField models={chosen} choice={choice} onChange={change} />
          <ShotsField dataset={dataset} choice={choice} onChange={change} />
          <Advanced dataset={dataset} models={chosen} choice={choice} onChange={change} />
        </form>
      )}
    </Screen>
  );
}

/** The one asked for, else the newest of the user's own, else the demo. */
const pick = (datasets: Dataset[], id: number | null): Dataset | undefined =>
  datasets.find((one) => one.id === id) ??
  datasets.filter((one) => !one.demo && one.classes.length > 1).sort((a, b) => b.id - a.id)[0] ??
  datasets[0];

function NoDataset() {
  const own = useImport();
  return (
    <Empty
      title="No dataset yet"
      action={
        <Button kind="primary" disabled={own.busy} onClick={() => own.start({})}>
          Import a folder
        </Button>
      }
    >
      A comparison needs images with labels: a folder with one sub-folder per class is enough.
    </Empty>
  );
}

type DatasetFieldProps = { datasets: Dataset[]; dataset: Dataset; onValue(id: number): void };

function DatasetField({ datasets, dataset, onValue }: DatasetFieldProps) {
  const sum = (split: 'train' | 'val' | 'test') => dataset.classes.reduce((total, one) => total + one[split], 0);
  const counts = [
    plural(dataset.classes.length, 'class', 'classes'),
    `${count(sum('train'))} train`,
    ...(sum('val') > 0 ? [`${count(sum('val'))} validation`] : []),
    `${count(sum('test'))} test`,
    ...(dataset.problems > 0 ? [`${plural(dataset.problems, 'file')} with a problem, left out`] : []),
    ...(dataset.leaks > 0 ? [`${count(dataset.leaks)} of the test also in train, left out`] : []),
  ];
  return (
    <section>
      <h2>Images</h2>
      <div className="row wrap">
        <Select
          label="Dataset"
          value={String(dataset.id)}
          options={datasets.map((one) => ({
            value: String(one.id),
            label: one.name,
            ...(one.demo ? { note: 'demo' } : {}),
          }))}
          onValue={(value) => onValue(Number(value))}
        />
        <span className="muted num">{counts.join(' · ')}</span>
        <button type="button" className="link" onClick={() => go('data', { datasetId: dataset.id })}>
          Open in Data
        </button>
      </div>
    </section>
  );
}
