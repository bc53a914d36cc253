// The forecast of what is on the form: measured once the form rests, one at a time, and never beside a running job.
import { useEffect, useState } from 'react';
import type { Params } from '../../shared/contract.ts';
import type { FinetuneForecast } from '../../shared/finetune.ts';
import { isActive, useCall, useJobs } from '../lab.ts';

export type Forecasting = {
  /** Of exactly what is on the form; null while it is not known. */
  forecast: FinetuneForecast | null;
  error: Error | null;
  state: 'nothing' | 'measuring' | 'waits for a job' | 'known';
};

const REST_MS = 800;
type Asked = Params<'finetune.forecast'>;
const NOTHING: Asked = { datasetId: 0, model: { id: '' }, method: 'fine-tune' };

export function useForecast(params: Asked | null): Forecasting {
  const [asked, setAsked] = useState<Asked | null>(null);
  const busy = useJobs().some((job) => isActive(job) && job.status !== 'paused' && job.kind !== 'download');
  const query = useCall('finetune.forecast', asked ?? NOTHING, { enabled: asked !== null && !busy });
  const wanted = params ? JSON.stringify(params) : null;
  const isAsked = wanted !== null && wanted === JSON.stringify(asked);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `wanted` is the params as text.
  useEffect(() => {
    if (wanted === null || isAsked || query.isFetching || busy) return;
    const timer = setTimeout(() => setAsked(params), REST_MS);
    return () => clearTimeout(timer);
  }, [wanted, isAsked, query.isFetching, busy]);
  if (wanted === null) return { forecast: null, error: null, state: 'nothing' };
  const forecast = isAsked ? (query.data ?? null) : null;
  if (forecast) return { forecast, error: null, state: 'known' };
  const error = isAsked && !query.isFetching ? query.error : null;
  return { forecast: null, error, state: error ? 'known' : busy ? 'waits for a job' : 'measuring' };
}
