// Facts of a run: what passes what, what was left out and why, on which images and models, how long it took.
import { crossingSentences, modelCrossings, startOrders } from '../../shared/chart/crossings.ts';
import { seriesOf } from '../../shared/chart/series.ts';
import { capital, listed, percent } from '../../shared/chart/words.ts';
import type { Comparison } from '../../shared/contract.ts';
import type { Report } from '../../shared/report.ts';
import { templatesText } from '../ui/captions.ts';
import { count, plural, span, when } from '../ui/format.ts';
import { omittedByReason } from './run.ts';

const MOST = 12;

export function RunPanel({ comparison }: { comparison: Comparison }) {
  const series = seriesOf(comparison.summary, comparison.models);
  const sentences = [
    ...crossingSentences(comparison.crossings, series, comparison.report?.paired),
    ...modelCrossings(series).map((sentence) => ({ sentence, unsure: false })),
  ];
  const starts = startOrders(comparison.crossings, series);
  return (
    <>
      <section>
        <h3>What passes what</h3>
        {sentences.length === 0 ? (
          <p className="muted">No line passes another.</p>
        ) : (
          <ul className="sentences">
            {sentences.slice(0, MOST).map(({ sentence, unsure }) => (
              <li key={sentence} className={unsure ? 'muted' : undefined}>
                {capital(sentence)}
              </li>
            ))}
            {sentences.length > MOST && (
              <li className="muted">and {sentences.length - MOST} more; the report lists them all</li>
            )}
          </ul>
        )}
        {starts.map((sentence) => (
          <p className="muted" key={sentence}>
            {capital(sentence)}.
          </p>
        ))}
      </section>
      <LeftOut comparison={comparison} />
      <section>
        <h3>Run</h3>
        <dl className="facts">
          <dt>Started</dt>
          <dd>{when(comparison.createdAt)}</dd>
          <dt>Rows</dt>
          <dd>
            {count(comparison.rows)} of {count(comparison.expectedRows)}
          </dd>
          <dt>Test</dt>
          <dd>{plural(comparison.testItems, 'image')}</dd>
          {comparison.baselines && (
            <>
              <dt>Chance</dt>
              <dd>{percent(comparison.baselines.chance)} %</dd>
              <dt>Commonest class</dt>
              <dd>{percent(comparison.baselines.majority)} %</dd>
            </>
          )}
        </dl>
      </section>
      {comparison.report && <Protocol report={comparison.report} />}
    </>
  );
}

function LeftOut({ comparison }: { comparison: Comparison }) {
  const groups = omittedByReason(comparison.omitted);
  const excluded = comparison.report?.excluded ?? [];
  if (groups.length === 0 && excluded.length === 0) return null;
  return (
    <section>
      <h3>Left out</h3>
      <ul className="sentences">
        {groups.map(({ reason, what }) => (
          <li key={reason}>
            {what.length > 0 && (
              <b>{listed(what.length > 4 ? [...what.slice(0, 3), `${what.length - 3} more`] : what)}: </b>
            )}
            {reason}
          </li>
        ))}
        {excluded.length > 0 && (
          <li>
            {plural(excluded.length, 'file')}: {excluded[0]!.path}: {excluded[0]!.reason}
            {excluded.length > 1 && `, and ${count(excluded.length - 1)} more (all in the report)`}
          </li>
        )}
      </ul>
    </section>
  );
}

function Protocol({ report }: { report: Report }) {
  const { protocol, environment } = report;
  return (
    <section>
      <h3>How</h3>
      <dl className="facts">
        {report.models.map((model) => (
          <FactsOfModel key={`${model.id}/${model.output}`} model={model} />
        ))}
        <dt>Train</dt>
        <dd>
          {plural(report.counts.train, 'image')} in {plural(report.classes.length, 'class', 'classes')}
        </dd>
        <dt>Split</dt>
        <dd>{protocol.splitSource}</dd>
        <dt>Validation</dt>
        <dd>{protocol.validation}</dd>
        {protocol.templates.length > 0 && report.summary.some((row) => row.shots === 0) && (
          <>
            <dt>Templates</dt>
            <dd>{templatesText(protocol.templates)}</dd>
          </>
        )}
        <dt>Machine</dt>
        <dd>
          {environment.cpu}, {plural(environment.threads, 'thread')}
        </dd>
      </dl>
    </section>
  );
}

function FactsOfModel({ model }: { model: Report['models'][number] }) {
  const speed =
    model.embedded > 0 ? `${plural(model.embedded, 'image')} in ${span(model.embedMs / 1000)}` : 'all from the cache';
  return (
    <>
      <dt>Model</dt>
      <dd>
        {model.id}: {model.output}, {plural(model.dim, 'dimension')}, {model.device}
        {!model.pretrained && ', no pretraining'}; embedded {speed}
      </dd>
    </>
  );
}
