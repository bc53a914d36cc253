// The right panel: facts of a run as it was asked and as it went, and its epochs as a table.
import { percent } from '../../shared/chart/words.ts';
import type { FinetuneRun } from '../../shared/finetune.ts';
import { templatesText } from '../ui/captions.ts';
import { bytes, span, when } from '../ui/format.ts';
import { MethodMark } from '../ui/MethodMark.tsx';
import { METHODS } from '../ui/methods.ts';
import { go } from '../ui/navigation.ts';
import { trainsEncoder } from './plan.ts';
import { asked, bestOf, countsText, ending, many, settingRows, settingText } from './run.ts';

export function FactsPanel({ run }: { run: FinetuneRun }) {
  const { report, settings } = run;
  const words = Object.entries(run.params.classNames).map(([name, called]) => `${name}: ${called}`);
  return (
    <>
      <section className="stack">
        <p className="row strong">
          <MethodMark method={run.method} />
          <span>{asked(run)}</span>
        </p>
        <p className="muted small">{METHODS[run.method].about}</p>
        {report && <p>{ending(report)}</p>}
        {report?.control && (
          <p className="small muted">
            {report.control.items} control images of {report.control.classes} classes were told apart by{' '}
            {report.control.by === 'captions' ? 'captions' : 'the model’s own classes'}.
          </p>
        )}
        {report?.controlProblem && <p className="small warn">Control set: {report.controlProblem}</p>}
      </section>
      {run.saved.length > 0 && (
        <section>
          <h3>Saved as</h3>
          <ul>
            {run.saved.map((id) => (
              <li key={id}>
                <button type="button" className="link" onClick={() => go('models', { modelId: id })}>
                  {id}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h3>Run</h3>
        <dl className="facts">
          <dt>Started</dt>
          <dd>{when(run.createdAt)}</dd>
          {run.params.templates.length > 0 && (
            <>
              <dt>Templates</dt>
              <dd>{templatesText(run.params.templates)}</dd>
            </>
          )}
          {words.length > 0 && (
            <>
              <dt>Classes called</dt>
              <dd>{words.join(', ')}</dd>
            </>
          )}
          {report && (
            <>
              <dt>Trained for</dt>
              <dd>{span(report.seconds)}</dd>
              <dt>Images</dt>
              <dd>{countsText(report)}</dd>
              <dt>Trained</dt>
              <dd>
                {many(report.trainedParameters)} of {many(report.parameters)} numbers
              </dd>
              <dt>Head began</dt>
              <dd>{report.head === 'zero-shot' ? 'from the captions’ weights' : 'from a linear probe'}</dd>
              <dt>Device</dt>
              <dd>{report.device}</dd>
              <dt>Memory</dt>
              <dd>{bytes(report.peakBytes)} at most</dd>
              <dt>Licence</dt>
              <dd>{report.model.licence ?? 'not stated'}</dd>
            </>
          )}
        </dl>
      </section>
      {trainsEncoder(run.method) && (
        <section>
          <h3>Settings</h3>
          <dl className="facts">
            {settingRows(settings).map(([label, value]) => (
              <div key={label} className="facts-row">
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {report && report.excluded.length > 0 && <LeftOut excluded={report.excluded} />}
    </>
  );
}

const MOST = 20;

function LeftOut({ excluded }: { excluded: { path: string; reason: string }[] }) {
  return (
    <section>
      <h3>Left out</h3>
      <ul className="small">
        {excluded.slice(0, MOST).map(({ path, reason }) => (
          <li key={path}>
            <span className="path">{path}</span> <span className="muted">{reason}</span>
          </li>
        ))}
        {excluded.length > MOST && <li className="muted">and {excluded.length - MOST} more</li>}
      </ul>
    </section>
  );
}

export function EpochsPanel({ run }: { run: FinetuneRun }) {
  const best = run.report?.best ?? bestOf(run.epochs)?.epoch;
  if (run.epochs.length === 0)
    return (
      <p className="muted">
        {trainsEncoder(run.method) ? 'No epoch has ended yet.' : 'There are none: only the head was trained.'}
      </p>
    );
  return (
    <table className="table sticky epochs-table" aria-label="Epochs">
      <thead>
        <tr>
          <th scope="col" className="n">
            epoch
          </th>
          <th scope="col" className="n">
            loss
          </th>
          <th scope="col" className="n">
            val. loss
          </th>
          <th scope="col" className="n">
            val. %
          </th>
          <th scope="col" className="n">
            rate
          </th>
          <th scope="col" className="n">
            img/s
          </th>
        </tr>
      </thead>
      <tbody>
        {run.epochs.map((epoch) => (
          <tr key={epoch.epoch} className={epoch.epoch === best ? 'sel' : undefined}>
            <th scope="row" className="n">
              {epoch.epoch}
              {epoch.epoch === best && <span className="visually-hidden">, the best</span>}
            </th>
            <td className="n">{epoch.trainLoss.toFixed(3)}</td>
            <td className="n">{epoch.valLoss?.toFixed(3) ?? '–'}</td>
            <td className="n">{epoch.valAccuracy === null ? '–' : percent(epoch.valAccuracy)}</td>
            <td className="n">{settingText(Number(epoch.lr.toPrecision(2)))}</td>
            <td className="n">{epoch.imagesPerSecond.toFixed(epoch.imagesPerSecond < 9.95 ? 1 : 0)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
