// What a run will cost, measured before it starts; where it does not fit, what would, one click away.
import type { FinetuneForecast } from '../../shared/finetune.ts';
import { Button, ErrorNote, Note } from '../ui/controls.tsx';
import { bytes, count, milliseconds, plural, span } from '../ui/format.ts';
import { many } from './run.ts';
import type { Forecasting } from './useForecast.ts';

type Props = {
  forecasting: Forecasting;
  onOffer(offer: FinetuneForecast['offers'][number]): void;
};

const WAITING: Record<Forecasting['state'], string> = {
  nothing: '',
  measuring: 'Measuring a few steps …',
  'waits for a job': 'Measured when the running job has ended: now, both would be slow.',
  known: '',
};

export function ForecastPanel({ forecasting, onOffer }: Props) {
  const { forecast, error, state } = forecasting;
  const cannot = forecast?.problem !== null && forecast !== null;
  return (
    <>
      <dl className="facts">
        <dt>Time</dt>
        <dd>{forecast ? timeText(forecast) : '–'}</dd>
        <dt>Memory</dt>
        <dd>{forecast ? `about ${bytes(forecast.memoryBytes)}; ${bytes(forecast.freeMemoryBytes)} are free` : '–'}</dd>
        <dt>Disk</dt>
        <dd>{forecast ? `about ${bytes(forecast.diskBytes)}; ${bytes(forecast.freeDiskBytes)} are free` : '–'}</dd>
        <dt>Trains</dt>
        <dd>{forecast ? `${many(forecast.trainedParameters)} numbers` : '–'}</dd>
        <dt>On</dt>
        <dd>{forecast ? `${plural(forecast.trainItems, 'image')}, ${count(forecast.settings.batch)} a step` : '–'}</dd>
      </dl>
      <p className="muted one-line" role="status">
        {WAITING[state]}
      </p>
      <ErrorNote error={error} />
      {cannot && (
        <Note kind="warn">
          <b>As it is, it does not fit.</b> {forecast.problem}
        </Note>
      )}
      {cannot && (
        <fieldset className="bare stack" aria-label="What fits">
          {forecast.offers.length > 0 && <h3>What fits</h3>}
          {forecast.offers.map((offer) => (
            <Button key={offer.label} onClick={() => onOffer(offer)}>
              {offer.label}: {bytes(offer.memoryBytes)}
            </Button>
          ))}
          {forecast.offers.length === 0 && (
            <p>Nothing smaller of this model fits either. Choose a smaller model, or close other programs.</p>
          )}
        </fieldset>
      )}
      <p className="muted small">
        Embedding images that are new to this model comes before. A run can be stopped at any step, its best epoch kept;
        cut off, it goes on where it was.
      </p>
    </>
  );
}

function timeText({ seconds, steps, secondsPerStep, problem }: FinetuneForecast): string {
  if (problem !== null) return 'not measured: it does not fit';
  if (steps === 0) return 'seconds: only the head is trained';
  return `about ${span(seconds)}: ${plural(steps, 'step')} of ${milliseconds(secondsPerStep * 1000)}`;
}
