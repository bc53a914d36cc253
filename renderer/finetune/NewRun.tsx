// The form for a run: images, model, method, labels, settings, control set, and what it will cost.
import { Play } from 'lucide-react';
import { useState } from 'react';
import type { Dataset } from '../../shared/contract.ts';
import { useCall, useMutationCall } from '../lab.ts';
import { trainable } from '../ui/applies.ts';
import { ErrorNote } from '../ui/controls.tsx';
import { useKeys } from '../ui/keys.ts';
import { stay, useParams } from '../ui/navigation.ts';
import { Screen } from '../ui/Screen.tsx';
import { ControlField } from './ControlField.tsx';
import { NoImages, NoModel } from './FinetuneScreen.tsx';
import { ForecastPanel } from './ForecastPanel.tsx';
import { DatasetField, LabelsField, MethodField, ModelField, NameField } from './fields.tsx';
import { costParams, firstPlan, notReady, type Plan, paramsOf, withOffer } from './plan.ts';
import { SettingsField } from './SettingsField.tsx';
import { useForecast } from './useForecast.ts';

export function NewRun() {
  const given = useParams('finetune');
  const [plan, setPlan] = useState<Plan>(() => firstPlan(given));
  const change = (part: Partial<Plan>) => setPlan((before) => ({ ...before, ...part }));
  const datasets = useCall('dataset.list', {});
  const list = useCall('model.list', {});
  const start = useMutationCall('finetune.start', ({ finetuneId }) => stay('finetune', { finetuneId }));
  const dataset = pick(datasets.data ?? [], plan.datasetId);
  const models = (list.data ?? []).filter(trainable);
  const model = models.find((one) => one.id === plan.model) ?? models.find((one) => one.hasText) ?? models[0];
  const control = datasets.data?.find((one) => one.id === plan.controlId && one.id !== dataset?.id);
  const missing = notReady(plan, dataset, model);
  const params = missing === null && dataset && model ? paramsOf(plan, dataset, model, control) : null;
  const forecasting = useForecast(params && costParams(params));
  const begin = () => {
    if (params && !start.busy) start.run(params);
  };
  const back = () => stay('finetune', given.finetuneId === undefined ? {} : { finetuneId: given.finetuneId });
  useKeys([{ keys: 'Escape', label: 'Back to the runs', group: 'Fine-tune', run: back }]);
  const known = datasets.data !== undefined && list.data !== undefined;
  const cannot = forecasting.forecast !== null && forecasting.forecast.problem !== null;
  return (
    <Screen
      label="Fine-tune"
      crumbs={[
        { label: dataset?.name ?? 'no dataset' },
        ...(model ? [{ label: model.name }] : []),
        { label: 'new run' },
      ]}
      actions={[
        { label: 'Back to the runs', run: back },
        {
          label: cannot ? 'Start anyway' : 'Start',
          keys: 'Ctrl+Enter',
          icon: <Play size={14} />,
          primary: true,
          disabled: missing ?? start.busy,
          run: begin,
        },
      ]}
      panelWidth={330}
      panel={
        known &&
        dataset &&
        model && (
          <ForecastPanel
            forecasting={forecasting}
            missing={missing}
            onOffer={(offer) => change(withOffer(plan, offer))}
          />
        )
      }
    >
      <ErrorNote error={start.error ?? datasets.error ?? list.error} />
      {known && !dataset && <NoImages />}
      {known && dataset && !model && <NoModel />}
      {known && dataset && model && (
        <form className="pane scroll finetune-form" onSubmit={(event) => event.preventDefault()}>
          <div className="form-pair">
            <DatasetField
              datasets={datasets.data ?? []}
              dataset={dataset}
              onValue={(datasetId) => change({ datasetId })}
            />
            <ModelField models={models} model={model} onValue={(id) => change({ model: id })} />
          </div>
          <MethodField model={model} plan={plan} onChange={change} />
          <LabelsField plan={plan} onChange={change} />
          <SettingsField plan={plan} onChange={change} dataset={dataset} params={params} />
          <ControlField
            plan={plan}
            onChange={change}
            datasets={datasets.data ?? []}
            dataset={dataset}
            control={control}
          />
          <NameField plan={plan} onChange={change} dataset={dataset} model={model} />
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
