// What a comparison will cost, before it is started: embedding by a measured rate, and how many rows follow.
import { useQueries } from '@tanstack/react-query';
import { listed } from '../../shared/chart/words.ts';
import type { Dataset, EmbedForecast, ModelInfo } from '../../shared/contract.ts';
import { call, errorText } from '../lab.ts';
import { isTrained } from '../ui/applies.ts';
import { Note } from '../ui/controls.tsx';
import { bytes, count, plural, rate, span } from '../ui/format.ts';
import { METHODS } from '../ui/methods.ts';
import { type Choice, methodsChosen, rowsAsked, shotsFilled } from './choice.ts';

type Props = { choice: Choice; dataset: Dataset; models: ModelInfo[] };

export function Forecast({ choice, dataset, models }: Props) {
  const ready = dataset.state === 'ready';
  const forecasts = useQueries({
    queries: models.map((model) => {
      const output = choice.models.get(model.id);
      const params = { datasetId: dataset.id, model: model.id, ...(output ? { output } : {}) };
      return { queryKey: ['embed.forecast', params], queryFn: () => call('embed.forecast', params), enabled: ready };
    }),
  });
  const answers = forecasts.map((one) => one.data);
  const seconds = answers.reduce((sum, one) => sum + (one?.seconds ?? 0), 0);
  const all = models.length > 0 && answers.every((one) => one !== undefined);
  const coming = { ...choice, shots: shotsFilled(dataset, choice.shots) };
  const methods = methodsChosen(choice, models).map((method) => METHODS[method].name);
  return (
    <>
      <dl className="facts">
        <dt>Rows</dt>
        <dd>{plural(rowsAsked(coming, models), 'row')} of the chart</dd>
        <dt>Methods</dt>
        <dd>{methods.length > 0 ? listed(methods).replace('k-NN', 'k\u2011NN') : 'none'}</dd>
        <dt>Embedding</dt>
        <dd>
          {all
            ? seconds < 0.5
              ? 'nothing to wait for'
              : `about ${span(seconds)}`
            : models.length > 0
              ? 'measuring …'
              : '–'}
        </dd>
      </dl>
      {models.map((model, i) => (
        <OneForecast key={model.id} model={model} forecast={answers[i]} error={forecasts[i]?.error ?? null} />
      ))}
      <TrainedRows rows={rowsAsked(coming, models, isTrained)} />
      <p className="muted small">
        Rows appear in the chart as they are computed; it can be cancelled, and goes on where it stopped.
      </p>
    </>
  );
}

/** What a trained row costs depends on the recipe; Fine-tune measures it. */
function TrainedRows({ rows }: { rows: number }) {
  if (rows === 0) return null;
  return (
    <Note kind="warn">
      {plural(rows, 'row')} train the encoder: each is a whole run of fine-tuning, minutes to hours on a processor. What
      one takes is measured before it starts under Fine-tune.
    </Note>
  );
}

function OneForecast({
  model,
  forecast,
  error,
}: {
  model: ModelInfo;
  forecast: EmbedForecast | undefined;
  error: Error | null;
}) {
  return (
    <section>
      <h3>{model.name}</h3>
      {error && <p className="bad small">{errorText(error)}</p>}
      {!error && !forecast && <p className="muted">Measuring on a few images …</p>}
      {forecast && (
        <p className="num">
          {count(forecast.cached)} of {plural(forecast.items, 'image')} embedded already
          {forecast.cached < forecast.items &&
            `; the rest about ${span(forecast.seconds)} at ${rate(forecast.imagesPerSecond, 'images')}, ${bytes(forecast.bytes)} of cache`}
        </p>
      )}
    </section>
  );
}
