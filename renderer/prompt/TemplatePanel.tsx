// What each template is worth alone, the best subset chosen on train step by step, and the test, looked at on purpose only.
import { useEffect, useState } from 'react';
import { percent, points } from '../../shared/chart/words.ts';
import { type Dataset, LabError, type ModelInfo, type TemplateSelection } from '../../shared/contract.ts';
import { useMutationCall } from '../lab.ts';
import { usable } from '../ui/captions.ts';
import { Button, ErrorNote } from '../ui/controls.tsx';
import { count, plural } from '../ui/format.ts';
import { useKeys } from '../ui/keys.ts';
import { useStore } from '../ui/store.ts';
import { type Draft, edit, looks } from './drafts.ts';
import type { Scored } from './useScore.ts';

type Props = {
  dataset: Dataset;
  model: ModelInfo;
  draft: Draft;
  change(next: (before: Draft) => Draft): void;
  scored: Scored;
};

export function TemplatePanel({ dataset, model, draft, change, scored }: Props) {
  const unready = isUnembedded(scored) && 'The images have to be embedded first.';
  return (
    <section className="pane pad side-panel prompt-panel" aria-label="Templates and test">
      <PerTemplate scored={scored} />
      {scored.split === 'train' && (
        <BestSubset dataset={dataset} model={model} draft={draft} change={change} unready={unready} />
      )}
      <OnTest dataset={dataset} model={model} draft={draft} unready={unready} />
    </section>
  );
}

/** Nothing can be scored before the images are embedded. */
const isUnembedded = ({ error }: Scored): boolean => error instanceof LabError && error.code === 'conflict';

type Unready = { unready: string | false };

function PerTemplate({ scored }: { scored: Scored }) {
  const bars = (scored.score?.perTemplate ?? []).toSorted((a, b) => b.accuracy - a.accuracy);
  return (
    <div>
      <h3>Each template alone, %</h3>
      {isUnembedded(scored) && (
        <p className="muted small">Here each template is scored once the images are embedded.</p>
      )}
      <ul className="template-bars" aria-label="Accuracy of each template alone, best first">
        {bars.map(({ template, accuracy }) => (
          <li key={template}>
            <span className="clip" title={template}>
              {template}
            </span>
            <span className="recall-bar" aria-hidden="true">
              <i style={{ width: `${accuracy * 100}%` }} />
            </span>
            <span className="num right">{percent(accuracy)}</span>
          </li>
        ))}
      </ul>
      {scored.score && bars.length > 1 && (
        <p className="muted small">
          All {bars.length} averaged: {percent(scored.score.accuracy)} %.
        </p>
      )}
    </div>
  );
}

function BestSubset({ dataset, model, draft, change, unready }: Omit<Props, 'scored'> & Unready) {
  const select = useMutationCall('prompt.select');
  const captions = usable(draft.now);
  const choose = () => select.run({ datasetId: dataset.id, model: model.id, ...captions, split: 'train', max: 10 });
  const off =
    unready || select.busy || (captions.templates.length < 2 && 'Two templates at least; take a built-in set.');
  useKeys([{ keys: 'S', label: 'Choose best subset on train', group: 'Prompt', disabled: Boolean(off), run: choose }]);
  const use = (found: TemplateSelection) =>
    change((before) => edit(before, { ...before.now, templates: found.templates }, '', Date.now()));
  return (
    <div className="stack">
      <h3>Best subset</h3>
      <p className="muted small">
        Templates are added one by one, each time the one that helps most on train, until none does. The test is not
        looked at.
      </p>
      <Button keys="S" disabled={off} onClick={choose}>
        {select.busy ? `Choosing among ${captions.templates.length} …` : 'Choose best subset on train'}
      </Button>
      <ErrorNote error={select.error} />
      {select.result && <Steps found={select.result} onUse={use} />}
    </div>
  );
}

function Steps({ found, onUse }: { found: TemplateSelection; onUse(found: TemplateSelection): void }) {
  return (
    <>
      <ol className="steps" aria-label="Steps of the choice">
        {found.steps.map(({ template, trainAccuracy }, i) => (
          <li key={template}>
            <span className="clip" title={template}>
              {i + 1}. {template}
            </span>
            <span className="num right">{percent(trainAccuracy)}</span>
            <span className="num small muted right">
              {i === 0 ? '' : points(trainAccuracy - found.steps[i - 1]!.trainAccuracy)}
            </span>
          </li>
        ))}
      </ol>
      <p className="small num">
        {plural(found.templates.length, 'template')}: {percent(found.trainAccuracy)} % of {count(found.items)} train
        images.
      </p>
      <Button onClick={() => onUse(found)}>
        Use {found.templates.length === 1 ? 'this template' : `these ${found.templates.length}`}
      </Button>
    </>
  );
}

/** Test accuracy, only when asked for; each look is counted, since every look lets the words be fitted to it. */
function OnTest({ dataset, model, draft, unready }: Pick<Props, 'dataset' | 'model' | 'draft'> & Unready) {
  const captions = usable(draft.now);
  const key = JSON.stringify([model.id, captions]);
  const [asked, setAsked] = useState('');
  const seen = useStore(looks)[dataset.id] ?? 0;
  const measure = useMutationCall('prompt.score', () => looks.set((before) => ({ ...before, [dataset.id]: seen + 1 })));
  const test = dataset.classes.reduce((sum, one) => sum + one.test, 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another model, another answer.
  useEffect(() => measure.reset(), [model.id]);
  const { result } = measure;
  const run = () => {
    setAsked(key);
    measure.run({ datasetId: dataset.id, model: model.id, ...captions, split: 'test' });
  };
  const off =
    unready ||
    measure.busy ||
    captions.templates.length === 0 ||
    (asked === key && result !== undefined && 'Measured for these captions already.');
  useKeys([{ keys: 'M', label: 'Measure on test', group: 'Prompt', disabled: Boolean(off) || test === 0, run }]);
  if (test === 0) return null;
  return (
    <div className="stack">
      <h3>Test</h3>
      {result && (
        <p className="num">
          <b>{percent(result.accuracy)} %</b>, {count(Math.round(result.accuracy * result.items))} of{' '}
          {count(result.items)} test images right
          {asked !== key && <span className="muted"> (before the last change)</span>}
        </p>
      )}
      <p className="muted small">
        {seen === 0
          ? 'Not looked at yet. Measure it once, when the captions are done.'
          : `Looked at ${plural(seen, 'time')}. Each look and change after it fits the words a little to the test.`}
      </p>
      <Button keys="M" disabled={off} onClick={run}>
        Measure on test
      </Button>
      <ErrorNote error={measure.error} />
    </div>
  );
}
