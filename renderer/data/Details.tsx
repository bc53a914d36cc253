// The right panel of Data: what is selected, the dataset's classes with their counts, its split, where it lies.
import { Fragment } from 'react';
import type { Dataset, Item, ItemFilter } from '../../shared/contract.ts';
import { Button } from '../ui/controls.tsx';
import { bytes, count, plural } from '../ui/format.ts';
import { Thumb } from '../ui/Thumb.tsx';

type DetailsProps = {
  dataset: Dataset;
  item: Item | null;
  /** An image is selected, and what is to be known of it is on its way. */
  coming: boolean;
  filter: ItemFilter;
  onFilter(filter: ItemFilter): void;
  onSplit(): void;
};

export function Details({ dataset, item, coming, filter, onFilter, onSplit }: DetailsProps) {
  return (
    <>
      {item && <ItemFacts item={item} />}
      {coming && <ItemPlace />}
      <section className="pane pad stack">
        <h3>{dataset.classes.length > 0 ? plural(dataset.classes.length, 'class', 'classes') : 'Classes'}</h3>
        <ClassBars dataset={dataset} filter={filter} onFilter={onFilter} />
      </section>
      <section className="pane pad stack">
        <div className="row">
          <h3>Split</h3>
          <span className="spacer" />
          <Button
            size="small"
            keys="S"
            onClick={onSplit}
            disabled={dataset.labelled === 0 ? 'A split needs labels.' : false}
          >
            Change
          </Button>
        </div>
        <SplitFacts dataset={dataset} />
      </section>
      <section className="pane pad stack">
        <h3>Where it lies</h3>
        <p className="path selectable">{dataset.path}</p>
        <p className="muted small">Images stay there; the lab only reads them.</p>
      </section>
    </>
  );
}

/** As tall as the facts of an image whose name is short. */
const ItemPlace = () => (
  <section className="pane pad stack" aria-hidden="true">
    <div className="item-head">
      <span className="mini big">
        <span className="thumb" />
      </span>
    </div>
    <p className="path">&nbsp;</p>
    <p className="small">&nbsp;</p>
  </section>
);

function ItemFacts({ item }: { item: Item }) {
  return (
    <section className="pane pad stack" aria-label="Selected image">
      <div className="item-head">
        {item.status === 'ok' && item.hash && (
          <span className="mini big">
            <Thumb key={item.hash} hash={item.hash} />
          </span>
        )}
        <div className="stack tight">
          <h2 className="breaking">{item.label ?? 'no label'}</h2>
          <span className="muted num small">
            {item.width} × {item.height} · {item.format} · {bytes(item.size)}
          </span>
          <span className="row small">
            {item.split && <span className="chip">{item.split}</span>}
            {item.leak && <span className="chip warn">also in train</span>}
          </span>
        </div>
      </div>
      <p className="path selectable">{item.path}</p>
      {item.reason && <p className="bad">{item.reason}</p>}
      <p className="muted small" title={item.hash}>
        SHA-256 <span className="mono">{item.hash.slice(0, 16)}…</span>
      </p>
    </section>
  );
}

const sum = (dataset: Dataset, split: 'train' | 'val' | 'test' | 'unsplit') =>
  dataset.classes.reduce((all, each) => all + each[split], 0);

/** Train dark, test light; the number is all of them. */
function ClassBars({ dataset, filter, onFilter }: Pick<DetailsProps, 'dataset' | 'filter' | 'onFilter'>) {
  if (dataset.classes.length === 0)
    return (
      <p className="muted">
        No labels yet. Put the images into one folder per class, or import a CSV or JSON list of path,label.
      </p>
    );
  const most = Math.max(1, ...dataset.classes.map((each) => each.train + each.val + each.test + each.unsplit));
  const unlabelled = dataset.items - dataset.labelled;
  const { label: _label, ...others } = filter;
  return (
    <ul className="classes">
      {dataset.classes.map((each) => {
        const all = each.train + each.val + each.test + each.unsplit;
        const on = filter.label === each.name;
        return (
          <li key={each.name}>
            <button
              type="button"
              className="class-row"
              aria-pressed={on}
              title={`${each.train} train, ${each.val} val, ${each.test} test`}
              onClick={() => onFilter(on ? others : { ...others, label: each.name })}
            >
              <span className="clip">{each.name}</span>
              <span className="class-bar" aria-hidden="true">
                <i style={{ width: `${(100 * (each.train + each.val + each.unsplit)) / most}%` }} />
                <i className="test" style={{ width: `${(100 * each.test) / most}%` }} />
              </span>
              <span className="num muted">{count(all)}</span>
            </button>
          </li>
        );
      })}
      {unlabelled > 0 && (
        <li>
          <button
            type="button"
            className="class-row"
            aria-pressed={filter.label === null}
            onClick={() => onFilter(filter.label === null ? others : { ...others, label: null })}
          >
            <span className="clip faint">without a label</span>
            <span />
            <span className="num muted">{count(unlabelled)}</span>
          </button>
        </li>
      )}
    </ul>
  );
}

/** "stratified, seed 0, 20 % test" or where it came from. */
export function splitText(dataset: Dataset): string {
  if (dataset.splitSource === 'folders')
    return dataset.classes.some((each) => each.val > 0)
      ? 'from the folders train, val and test'
      : 'from the folders train and test';
  if (dataset.splitSource === 'list') return 'from the list';
  if (dataset.splitSource === 'stratified')
    return `drawn per class, seed ${dataset.splitSeed}, ${Math.round(dataset.testFraction * 100)} % test`;
  return 'none yet';
}

function SplitFacts({ dataset }: { dataset: Dataset }) {
  const parts = (['train', 'val', 'test'] as const)
    .map((name) => ({ name, n: sum(dataset, name) }))
    .filter(({ n }) => n > 0);
  return (
    <>
      <p>{splitText(dataset)}</p>
      <dl className="facts">
        {parts.map(({ name, n }) => (
          <Fragment key={name}>
            <dt>
              <i className={`swatch ${name}`} aria-hidden="true" /> {name}
            </dt>
            <dd>
              {count(n)}
              {name === 'test' && dataset.leaks > 0 && (
                <span className="warn"> · {count(dataset.leaks)} left out, also in train</span>
              )}
            </dd>
          </Fragment>
        ))}
      </dl>
    </>
  );
}
