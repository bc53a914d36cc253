// The form for a run: images, model, method, labels, settings, captions, control set, and what it will cost.
import { useState } from 'react';
import { useCall, useMutationCall } from '../lab.ts';
import { trainable } from '../ui/applies.ts';
import { pickDataset } from '../ui/datasets.ts';
import { DatasetField } from '../ui/fields.tsx';
import { stay, useParams } from '../ui/navigation.ts';
import { RunForm } from '../ui/RunForm.tsx';
import { ControlField } from './ControlField.tsx';
import { NoImages, NoModel } from './FinetuneScreen.tsx';
import { ForecastPanel } from './ForecastPanel.tsx';
import { CaptionsField, MethodField, ModelField, NameField, ShotsField } from './fields.tsx';
import { costParams, firstPlan, notReady, type Plan, paramsOf, withOffer } from './plan.ts';
import { SettingsField } from './SettingsField.tsx';
import { useForecast } from './useForecast.ts';
import { useOwn } from './useOwn.ts';

export function NewRun() {
  const given = useParams('finetune');
  const [plan, setPlan] = useState<Plan>(() => firstPlan(given));
  const change = (part: Partial<Plan>) => setPlan((before) => ({ ...before, ...part }));
  const datasets = useCall('dataset.list', {});
  const list = useCall('model.list', {});
  const start = useMutationCall('finetune.start', ({ finetuneId }) => stay('finetune', { finetuneId }));
  const dataset = pickDataset(datasets.data ?? [], plan.datasetId);
  const models = (list.data ?? []).filter(trainable);
  const model = models.find((one) => one.id === plan.model) ?? models.find((one) => one.hasText) ?? models[0];
  const control = datasets.data?.find((one) => one.id === plan.controlId && one.id !== dataset?.id);
  const own = useOwn(plan, dataset, model);
  const missing = notReady(plan, dataset, model, own);
  const params = missing === null && dataset && model ? paramsOf(plan, dataset, model, control, own) : null;
  const forecasting = useForecast(params && costParams(params, own));
  const known = datasets.data !== undefined && list.data !== undefined;
  const cannot = forecasting.forecast !== null && forecasting.forecast.problem !== null;
  return (
    <RunForm
      label="Fine-tune"
      crumbs={[
        { label: dataset?.name ?? 'no dataset' },
        ...(model ? [{ label: model.name }] : []),
        { label: 'new run' },
      ]}
      back={{
        label: 'Back to the runs',
        run: () => stay('finetune', given.finetuneId === undefined ? {} : { finetuneId: given.finetuneId }),
      }}
      start={{
        ...(cannot ? { label: 'Start anyway' } : {}),
        busy: start.busy,
        run: () => params && start.run(params),
      }}
      missing={missing}
      error={start.error ?? datasets.error ?? list.error}
      first={known && (dataset ? <NoModel /> : <NoImages />)}
      forecast={<ForecastPanel forecasting={forecasting} onOffer={(offer) => change(withOffer(plan, offer))} />}
    >
      {known && dataset && model && (
        <>
          <div className="field-columns">
            <DatasetField datasets={datasets.data} dataset={dataset} onValue={(datasetId) => change({ datasetId })} />
            <ModelField models={models} model={model} onValue={(id) => change({ model: id })} />
          </div>
          <MethodField model={model} plan={plan} onChange={change} />
          <ShotsField plan={plan} onChange={change} />
          <SettingsField plan={plan} onChange={change} dataset={dataset} hasText={model.hasText} own={own} />
          {model.hasText && <CaptionsField plan={plan} onChange={change} dataset={dataset} own={own} />}
          <ControlField plan={plan} onChange={change} datasets={datasets.data} dataset={dataset} control={control} />
          <NameField plan={plan} onChange={change} dataset={dataset} model={model} />
        </>
      )}
    </RunForm>
  );
}
