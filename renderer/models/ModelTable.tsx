// The models there are and those that can be had, with what each is good for, its size and its licence.
import type { KeyboardEvent } from 'react';
import type { ModelInfo } from '../../shared/contract.ts';
import { bytes } from '../ui/format.ts';
import { GetModel, useDownload } from '../ui/GetModel.tsx';
import { FAMILY } from './words.ts';

type ModelTableProps = {
  title: string;
  models: ModelInfo[];
  selected: string | undefined;
  onSelect(id: string): void;
  empty: string;
  /** With a column to download from. */
  downloads?: boolean;
};

export function ModelTable({ title, models, selected, onSelect, empty, downloads = false }: ModelTableProps) {
  return (
    <section className="pane model-list" aria-label={title}>
      <table className="table" aria-label={title}>
        <thead>
          <tr>
            <th>{title}</th>
            <th>good for</th>
            <th className="n">size</th>
            <th>licence</th>
            {downloads && <th aria-label="download" />}
          </tr>
        </thead>
        <tbody onKeyDown={(event) => arrows(event)}>
          {models.map((model) => (
            <tr key={model.id} aria-selected={model.id === selected} onClick={() => onSelect(model.id)}>
              <td>
                <button
                  type="button"
                  className="link strong model-name"
                  onClick={() => onSelect(model.id)}
                  onFocus={() => onSelect(model.id)}
                >
                  {model.name}
                </button>
                <div className="row wrap small model-marks">
                  <span className="muted">{FAMILY[model.family].name}</span>
                  {!model.pretrained && <span className="chip warn tag">no pretraining</span>}
                  {model.problem && (
                    <span className="chip bad tag">{model.installed ? 'no text side' : 'cannot be used'}</span>
                  )}
                </div>
              </td>
              <td>
                <span className={model.problem ? 'lines bad' : 'lines muted'}>
                  {model.problem ?? model.goodFor ?? FAMILY[model.family].can}
                </span>
                {downloads && <FailedDownload model={model} />}
              </td>
              <td className="n nowrap">{model.bytes > 0 ? bytes(model.bytes) : 'none'}</td>
              <td>
                <span className={model.licence ? 'lines' : 'lines muted'}>{model.licence ?? 'not stated'}</span>
              </td>
              {downloads && (
                <td className="n">
                  <GetModel model={model} toldElsewhere {...(model.id === selected ? { screen: 'Models' } : {})} />
                </td>
              )}
            </tr>
          ))}
          {models.length === 0 && (
            <tr>
              <td colSpan={downloads ? 5 : 4} className="muted">
                {empty}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  );
}

/** Why its last download failed, where there is room: a sentence with an address does not fit beside the button. */
function FailedDownload({ model }: { model: ModelInfo }) {
  const job = useDownload(model.id);
  return job?.status === 'failed' ? <p className="bad small breaking">{job.error?.message}</p> : null;
}

/** Up and down between the names. */
function arrows(event: KeyboardEvent<HTMLElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0 || !(event.target instanceof HTMLElement) || !event.target.matches('.model-name')) return;
  const names = [...event.currentTarget.querySelectorAll<HTMLElement>('.model-name')];
  const next = names[names.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
