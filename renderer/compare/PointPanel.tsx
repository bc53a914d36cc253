// One dot opened up, for one seed: how many were right, who was taken for whom, what went wrong, how far p can be trusted.
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useState } from 'react';
import { milliseconds, percent } from '../../shared/chart/words.ts';
import type { Comparison } from '../../shared/contract.ts';
import type { PointDetail, ResultRow } from '../../shared/report.ts';
import { type Cell, ConfusionMatrix } from '../charts/ConfusionMatrix.tsx';
import { PerClassBars, recallOf } from '../charts/PerClassBars.tsx';
import { ReliabilityDiagram } from '../charts/ReliabilityDiagram.tsx';
import { useCall } from '../lab.ts';
import { Button, ErrorNote, IconButton } from '../ui/controls.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { count, plural } from '../ui/format.ts';
import { isLive, type PointKey, pointTitle, rowsAt } from './run.ts';
import { WrongImages } from './WrongImages.tsx';

const WIDTH = 304;

export function PointPanel({ comparison, point }: { comparison: Comparison; point: PointKey | null }) {
  const [seedAt, setSeedAt] = useState(0);
  const rows = point ? rowsAt(comparison.results, point) : [];
  const row = rows[Math.min(seedAt, rows.length - 1)];
  const { data, error } = useCall(
    'compare.point',
    { id: comparison.id, ...(point ?? { method: 'knn', model: '', shots: 1 }), seed: row?.seed ?? null },
    { enabled: row !== undefined, keep: true },
  );
  if (!point || !row) {
    return (
      <p className="muted">
        Click a point of the chart or a cell of the table: its confusions and wrong images come here.{' '}
        {isLive(comparison.status) && 'When the run has ended, its best point opens by itself.'}
      </p>
    );
  }
  // The answer of the point before stays until the new one is here, but never under the new one's name.
  const detail = data && sameRow(data.row, row) ? data : undefined;
  return (
    <>
      <div>
        <h2>{pointTitle(point, comparison.models.length > 1)}</h2>
        <div className="row point-line">
          {rows.length > 1 && <Seeds at={rows.indexOf(row)} rows={rows} onSeed={setSeedAt} />}
          <span className="muted num">
            {Math.round(row.accuracy * comparison.testItems)} of {count(comparison.testItems)} right · ECE{' '}
            {row.ece.toFixed(2)}
          </span>
        </div>
      </div>
      <ErrorNote error={error} />
      <div className={detail ? 'stack point-body' : 'stack point-body waiting'} aria-busy={!detail}>
        {data && (
          <>
            <Detail detail={detail ?? data} />
            <Facts row={row} />
          </>
        )}
      </div>
    </>
  );
}

const sameRow = (a: ResultRow, b: ResultRow): boolean =>
  a.method === b.method && a.model === b.model && a.shots === b.shots && a.seed === b.seed;

function Seeds({ at, rows, onSeed }: { at: number; rows: ResultRow[]; onSeed(at: number): void }) {
  return (
    <span className="row seeds">
      <IconButton
        label="Seed before"
        icon={<ChevronLeft size={14} />}
        disabled={at === 0}
        onClick={() => onSeed(at - 1)}
      />
      <span className="num nowrap">
        seed {at + 1} of {rows.length}
      </span>
      <IconButton
        label="Next seed"
        icon={<ChevronRight size={14} />}
        disabled={at === rows.length - 1}
        onClick={() => onSeed(at + 1)}
      />
    </span>
  );
}

function Detail({ detail }: { detail: PointDetail }) {
  const [picked, setPicked] = useState<Cell | null>(null);
  const [large, setLarge] = useState(false);
  const { classes, confusion } = detail;
  const pick = (cell: Cell) =>
    setPicked((before) =>
      cell.truth === cell.said || (before?.truth === cell.truth && before.said === cell.said) ? null : cell,
    );
  const wrong = picked
    ? detail.wrong.filter((one) => one.label === classes[picked.truth] && one.predicted === classes[picked.said])
    : detail.wrong;
  return (
    <>
      <section>
        <div className="row">
          <h3>Confusions</h3>
          <span className="spacer" />
          {classes.length > 14 && (
            <Button size="small" kind="quiet" onClick={() => setLarge(true)}>
              Enlarge
            </Button>
          )}
        </div>
        <ConfusionMatrix classes={classes} confusion={confusion} width={WIDTH} picked={picked} onPick={pick} />
      </section>
      <section>
        <div className="row">
          <h3>
            {picked
              ? `${classes[picked.truth]} taken for ${classes[picked.said]}`
              : `Wrong, most confident first · ${plural(detail.wrong.length, 'image')}`}
          </h3>
          <span className="spacer" />
          {picked && (
            <Button size="small" kind="quiet" onClick={() => setPicked(null)}>
              All {detail.wrong.length}
            </Button>
          )}
        </div>
        <WrongImages key={`${picked?.truth}/${picked?.said}`} wrong={wrong} />
      </section>
      <section>
        <h3>Recall of each class, weakest first</h3>
        <PerClassBars recalls={recallOf(classes, confusion)} />
      </section>
      <section>
        <h3>Reliability</h3>
        <ReliabilityDiagram bins={detail.reliability} width={WIDTH} />
      </section>
      <Dialog
        open={large}
        onClose={() => setLarge(false)}
        title={`Confusions of ${plural(classes.length, 'class', 'classes')}`}
        wide
      >
        <div className="scroll">
          <ConfusionMatrix
            classes={classes}
            confusion={confusion}
            width={780}
            height={Math.min(780, window.innerHeight * 0.76 - 150)}
            picked={picked}
            onPick={pick}
          />
        </div>
      </Dialog>
    </>
  );
}

function Facts({ row }: { row: ResultRow }) {
  const choice = Object.entries(row.choice).map(([name, value]) => `${name} = ${Number(value.toPrecision(3))}`);
  return (
    <section>
      <h3>Numbers of this seed</h3>
      <dl className="facts">
        <dt>Accuracy</dt>
        <dd>{percent(row.accuracy)} %</dd>
        <dt>Macro-F1</dt>
        <dd>{percent(row.macroF1)} %</dd>
        <dt>Log-loss</dt>
        <dd>{row.logLoss.toFixed(3)} nats an image</dd>
        <dt>ECE, 15 bins</dt>
        <dd>{row.ece.toFixed(3)}</dd>
        <dt>Brier score</dt>
        <dd>{row.brier.toFixed(3)}</dd>
        <dt>Fit</dt>
        <dd>{milliseconds(row.fitMs)} ms</dd>
        {choice.length > 0 && (
          <>
            <dt>Chosen</dt>
            <dd>{choice.join(', ')}</dd>
          </>
        )}
        <dt>Validation</dt>
        <dd>{row.validation > 0 ? `up to ${plural(row.validation, 'image')} a class` : 'none used'}</dd>
      </dl>
    </section>
  );
}
