// The form for a comparison: what, with which models and methods, how many labels and seeds, and what it will cost.
import { useState } from 'react';
import { useCall, useMutationCall } from '../lab.ts';
import { pickDataset } from '../ui/datasets.ts';
import { DatasetField } from '../ui/fields.tsx';
import { ImportFirst } from '../ui/ImportFirst.tsx';
import { stay, useParams } from '../ui/navigation.ts';
import { RunForm } from '../ui/RunForm.tsx';
import { Advanced } from './Advanced.tsx';
import { type Choice, comparable, firstChoice, notReady, paramsOf } from './choice.ts';
import { Forecast } from './Forecast.tsx';
import { MethodsField, ModelsField, ShotsField } from './fields.tsx';

export function NewComparison() {
  const given = useParams('compare');
  const [choice, setChoice] = useState<Choice>(() => firstChoice(given));
  const change = (part: Partial<Choice>) => setChoice((before) => ({ ...before, ...part }));
  const datasets = useCall('dataset.list', {});
  const list = useCall('model.list', {});
  const start = useMutationCall('compare.start', ({ comparisonId }) => stay('compare', { comparisonId }));
  const dataset = pickDataset(datasets.data ?? [], choice.datasetId);
  const models = (list.data ?? []).filter(comparable);
  const chosen = models.filter((model) => choice.models.has(model.id));
  const known = datasets.data !== undefined && list.data !== undefined;
  return (
    <RunForm
      label="Compare"
      crumbs={[{ label: dataset?.name ?? 'no dataset' }, { label: 'new comparison' }]}
      back={{
        label: 'Back to the chart',
        run: () => stay('compare', given.comparisonId === undefined ? {} : { comparisonId: given.comparisonId }),
      }}
      start={{ busy: start.busy, run: () => dataset && start.run(paramsOf(choice, dataset.id, chosen)) }}
      missing={notReady(choice, dataset, chosen)}
      error={start.error ?? datasets.error ?? list.error}
      first={
        known && (
          <ImportFirst>
            A comparison needs images with labels: a folder with one sub-folder per class is enough.
          </ImportFirst>
        )
      }
      forecast={dataset && <Forecast choice={choice} dataset={dataset} models={chosen} />}
    >
      {known && dataset && (
        <>
          <DatasetField datasets={datasets.data} dataset={dataset} onValue={(datasetId) => change({ datasetId })} />
          <ModelsField models={models} choice={choice} onChange={change} />
          <MethodsField models={chosen} choice={choice} onChange={change} />
          <ShotsField dataset={dataset} choice={choice} onChange={change} />
          <Advanced dataset={dataset} models={chosen} choice={choice} onChange={change} />
        </>
      )}
    </RunForm>
  );
}
