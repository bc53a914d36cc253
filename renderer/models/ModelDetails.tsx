// The right panel of Models: the facts of the selected one, what embedding a dataset with it will cost, and the device.
import { useState } from 'react';
import type { Dataset, ModelInfo } from '../../shared/contract.ts';
import { useCall, useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Note, Select } from '../ui/controls.tsx';
import { DeviceSetting } from '../ui/DeviceSetting.tsx';
import { bytes, count, plural, rate, span } from '../ui/format.ts';
import { useKeys } from '../ui/keys.ts';
import { FAMILY, SOURCE } from './words.ts';

export function ModelFacts({ model, onFinetune }: { model: ModelInfo; onFinetune: (() => void) | null }) {
  return (
    <section className="pane pad stack" aria-label="Selected model">
      <h2>{model.name}</h2>
      {!model.pretrained && (
        <Note kind="warn">
          <b>No pretraining.</b> The line every foundation model has to beat.
        </Note>
      )}
      {model.problem && (
        <Note kind="bad">
          <span className="lines long">{model.problem}</span>
        </Note>
      )}
      <p>{FAMILY[model.family].can}</p>
      {model.goodFor && <p className="muted">{model.goodFor}</p>}
      <dl className="facts">
        <dt>Source</dt>
        <dd>{SOURCE[model.source]}</dd>
        {model.dim !== null && (
          <>
            <dt>Features</dt>
            <dd>
              {plural(model.dim, 'number')}
              {model.outputs[0] ? `, ${model.outputs[0]}` : ''}
            </dd>
          </>
        )}
        {model.imageSize !== null && (
          <>
            <dt>Image</dt>
            <dd>{model.imageSize} px</dd>
          </>
        )}
        <dt>Size</dt>
        <dd>{model.bytes > 0 ? bytes(model.bytes) : 'no file'}</dd>
        <dt>Licence</dt>
        <dd>{model.licence ?? 'not stated'}</dd>
        {model.repo && (
          <>
            <dt>Repository</dt>
            <dd className="path">{model.repo}</dd>
          </>
        )}
        {model.path && (
          <>
            <dt>Folder</dt>
            <dd className="path selectable">{model.path}</dd>
          </>
        )}
      </dl>
      {onFinetune && (
        <div className="row">
          <Button keys="F" onClick={onFinetune}>
            Fine-tune this
          </Button>
        </div>
      )}
    </section>
  );
}

/** Time and disk before embedding, measured on a few of the dataset's own images. */
export function Forecast({ model, datasets }: { model: ModelInfo; datasets: Dataset[] }) {
  const [datasetId, setDatasetId] = useState(datasets[0]?.id ?? 0);
  const [asked, setAsked] = useState(false);
  const params = { datasetId, model: model.id };
  const forecast = useCall('embed.forecast', params, { enabled: asked });
  const embed = useMutationCall('embed.start');
  const dataset = datasets.find((each) => each.id === datasetId);
  const left = forecast.data ? forecast.data.items - forecast.data.cached : null;
  const done = asked && (forecast.isFetching || !forecast.error);
  const ask = () => (asked ? void forecast.refetch() : setAsked(true));
  const canEmbed = asked && left !== null && left > 0;
  useKeys([
    { keys: 'P', label: 'Forecast the cost of embedding', group: 'Models', disabled: !dataset || done, run: ask },
    {
      keys: 'E',
      label: 'Embed with this, once its cost is forecast',
      group: 'Models',
      disabled: !canEmbed || embed.busy,
      run: () => embed.run(params),
    },
  ]);
  if (!dataset) return null;
  return (
    <section className="pane pad stack" aria-label="Embedding forecast">
      <h3>Cost of embedding</h3>
      <div className="row">
        <Select
          label="Dataset to embed"
          value={String(datasetId)}
          options={datasets.map((each) => ({ value: String(each.id), label: each.name, note: count(each.items) }))}
          onValue={(value) => {
            setAsked(false);
            setDatasetId(Number(value));
          }}
        />
        <Button keys="P" disabled={done && 'Asked already.'} onClick={ask}>
          Forecast
        </Button>
        {asked && forecast.isFetching && <span className="muted">measuring a few images</span>}
      </div>
      <ErrorNote error={forecast.error ?? embed.error} />
      {asked && forecast.data && left !== null && (
        <>
          <p className="num">
            {left === 0 ? (
              `All ${plural(forecast.data.items, 'image')} are embedded already.`
            ) : (
              <>
                <b>about {span(forecast.data.seconds)}</b> for {plural(left, 'image')} at{' '}
                {rate(forecast.data.imagesPerSecond, 'images')}, {bytes(forecast.data.bytes)} on disk
                {forecast.data.cached > 0 && `; ${count(forecast.data.cached)} are there already`}
              </>
            )}
          </p>
          {canEmbed && (
            <Button keys="E" disabled={embed.busy} onClick={() => embed.run(params)}>
              Embed now
            </Button>
          )}
        </>
      )}
    </section>
  );
}

/** Which device the runtime uses; what cannot be had says why. */
export function Device() {
  const providers = useCall('model.providers', {});
  return (
    <section className="pane pad stack" aria-label="Device">
      <h3>Device</h3>
      <DeviceSetting />
      <ul className="stack small">
        {providers.data?.map((each) => (
          <li key={each.id} className="provider">
            <b>{each.id}</b>{' '}
            <span className={each.available ? 'good' : 'muted'}>
              {each.available ? '✓ available' : `not available${each.reason ? `: ${each.reason}` : ''}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
