// The forecast on the form: figures where the run fits, and what would fit where it does not, each one button.
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { ForecastPanel } from '../../../renderer/finetune/ForecastPanel.tsx';
import type { FinetuneForecast } from '../../../shared/finetune.ts';

const fits: FinetuneForecast = {
  settings: { batch: 16 } as FinetuneForecast['settings'],
  trainItems: 192,
  steps: 240,
  secondsPerStep: 1.5,
  seconds: 360,
  memoryBytes: 2_100_000_000,
  freeMemoryBytes: 8_000_000_000,
  diskBytes: 350_000_000,
  freeDiskBytes: 77_000_000_000,
  trainedParameters: 2_200_000,
  problem: null,
  offers: [],
};
const draw = (forecast: FinetuneForecast | null, state: 'known' | 'measuring' = 'known') =>
  renderToStaticMarkup(<ForecastPanel forecasting={{ forecast, error: null, state }} onOffer={() => {}} />).replace(
    /<[^>]+>/g,
    ' ',
  );

test('time, memory and disk, each with what there is', () => {
  const text = draw(fits);
  expect(text).toContain('about 6 min: 240 steps of 1.5 s');
  expect(text).toContain('about 2.1 GB; 8.0 GB are free');
  expect(text).toContain('about 350 MB; 77.0 GB are free');
  expect(text).toContain('2.20 million numbers');
  expect(text).not.toContain('does not fit');
});

test('a run that cannot fit says so and offers what fits', () => {
  const offers = [
    { label: '4 images at once, gradients added up', settings: { microBatch: 4 }, memoryBytes: 3_000_000_000 },
    { label: 'LoRA', method: 'lora' as const, settings: { microBatch: 1 }, memoryBytes: 900_000_000 },
  ];
  const text = draw({ ...fits, problem: 'It needs about 12.0 GB of memory; 7.5 GB are free.', seconds: 0, offers });
  expect(text).toContain('It needs about 12.0 GB of memory');
  expect(text).toContain('4 images at once, gradients added up : 3.0 GB'.replace(' :', ':'));
  expect(text).toContain('LoRA: 900 MB');
  expect(text).toContain('not measured: it does not fit');
  expect(draw({ ...fits, problem: 'Too large.', offers: [] })).toContain('Choose a smaller model');
});

test('while it is measured, and where nothing has to be, it says that', () => {
  expect(draw(null, 'measuring')).toContain('Measuring a few steps');
  expect(draw({ ...fits, steps: 0, seconds: 0 })).toContain('only the head is trained');
});
