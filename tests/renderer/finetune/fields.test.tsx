// Fields and words that depend on whether a run has a head: as the engine answers, and neither before it has.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { captionsAre } from '../../../renderer/finetune/fields.tsx';
import { firstPlan, type Own } from '../../../renderer/finetune/plan.ts';
import { SettingsField } from '../../../renderer/finetune/SettingsField.tsx';
import type { Dataset } from '../../../shared/contract.ts';

const common = { epochs: 20, lr: 1e-3, augment: 'crop' };
const both = { ...common, encoders: 'both', targets: ['q', 'k', 'v'] } as Own;
const vision = { ...common, encoders: 'vision', targets: ['all'], headLr: 3e-4 } as Own;

test('captions are what images are told apart by, or what the head begins from', () => {
  expect(captionsAre('lora', both)).toMatch(/^Images are told apart by these captions/);
  expect(captionsAre('lora', vision)).toMatch(/^The head begins from the features/);
  expect(captionsAre('lora', undefined)).toBe('');
  expect(captionsAre('flyp', undefined)).toMatch(/^Images are trained against these captions/);
  expect(captionsAre('fine-tune', undefined)).toMatch(/^The head begins from the features/);
});

const plan = { ...firstPlan({}), method: 'lora' as const, typed: { headLr: '0.02' } };
const drawn = (own: Own) =>
  renderToStaticMarkup(
    <QueryClientProvider client={new QueryClient()}>
      <SettingsField plan={plan} onChange={() => {}} dataset={{ leaks: 0 } as unknown as Dataset} hasText own={own} />
    </QueryClientProvider>,
  );
const headRate = (own: Own) => /<input[^>]*aria-label="Learning rate of the head"[^>]*>/.exec(drawn(own))![0];

test('the head’s rate keeps its place, and can be typed where there is a head', () => {
  expect(headRate(vision)).toMatch(/placeholder="3e-4".* value="0.02"/);
  expect(headRate(vision)).not.toContain('disabled');
  expect(headRate(undefined)).not.toContain('disabled');
  expect(headRate(both)).toMatch(/placeholder="no head".*disabled="".* value=""/);
});

test('a choice left to the method is named once it is known', () => {
  expect(drawn(both)).toMatch(/Where LoRA is added.*q, k and v.*Encoders.*both/);
  expect(drawn(vision)).toMatch(/Where LoRA is added.*every product.*Encoders.*vision alone/);
  expect(drawn(undefined)).toMatch(/Where LoRA is added.*its own.*Encoders.*its own/);
});
