// The mistakes of a dot, surest first, and each of them large with the way to the next.
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useEffect, useState } from 'react';
import { percent } from '../../shared/chart/words.ts';
import type { PointDetail } from '../../shared/report.ts';
import { imageUrl } from '../../shared/urls.ts';
import { Button, IconButton } from '../ui/controls.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Thumb } from '../ui/Thumb.tsx';

type Wrong = PointDetail['wrong'];

const FIRST = 6;
const MORE = 60;

export function WrongImages({ wrong }: { wrong: Wrong }) {
  const [shown, setShown] = useState(FIRST);
  const [open, setOpen] = useState<number | null>(null);
  if (wrong.length === 0) return <p className="good">Nothing was wrong here.</p>;
  const left = wrong.length - shown;
  return (
    <>
      <ul className="wrong-grid" aria-label="Wrong images, most confident first">
        {wrong.slice(0, shown).map((one, i) => (
          <li key={one.itemId}>
            <button
              type="button"
              className="wrong-open"
              onClick={() => setOpen(i)}
              title={`Said ${one.predicted}, is ${one.label}`}
              aria-label={`Open ${one.path}: said ${one.predicted} with ${percent(one.p)} %, is ${one.label}`}
            >
              <Thumb hash={one.hash} lazy />
              <span className="said-so">
                <bdi className="bad clip">{one.predicted}</bdi>
                <span className="num">{one.p.toFixed(2)}</span>
              </span>
              <span className="clip muted">
                is <bdi>{one.label}</bdi>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {left > 0 && (
        <Button size="small" onClick={() => setShown(shown + MORE)}>
          {left <= MORE ? `Show all ${wrong.length}` : `Show ${MORE} more of ${wrong.length}`}
        </Button>
      )}
      <BigView wrong={wrong} at={open} onAt={setOpen} />
    </>
  );
}

function BigView({ wrong, at, onAt }: { wrong: Wrong; at: number | null; onAt(at: number | null): void }) {
  const one = at === null ? undefined : wrong[at];
  const to = (next: number) => onAt(Math.max(0, Math.min(wrong.length - 1, next)));
  useEffect(() => {
    if (at === null) return;
    const onKey = (event: KeyboardEvent) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      onAt(Math.max(0, Math.min(wrong.length - 1, at + step)));
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [at, wrong.length, onAt]);
  return (
    <Dialog
      open={one !== undefined}
      onClose={() => onAt(null)}
      title={one ? `Said ${one.predicted}, is ${one.label}` : ''}
      wide
      foot={
        at !== null && (
          <>
            <span className="muted num">
              {at + 1} of {wrong.length}
            </span>
            <span className="spacer" />
            <IconButton
              label="Before"
              keys="ArrowLeft"
              icon={<ChevronLeft size={16} />}
              disabled={at === 0}
              onClick={() => to(at - 1)}
            />
            <IconButton
              label="Next"
              keys="ArrowRight"
              icon={<ChevronRight size={16} />}
              disabled={at === wrong.length - 1}
              onClick={() => to(at + 1)}
            />
            <Button onClick={() => onAt(null)} keys="Escape">
              Close
            </Button>
          </>
        )
      }
    >
      {one && (
        <>
          <div className="big-image">
            <Whole key={one.itemId} one={one} />
          </div>
          <dl className="facts">
            <dt>Predicted</dt>
            <dd>
              <b className="bad">{one.predicted}</b> with {percent(one.p)} % confidence
            </dd>
            <dt>Labelled</dt>
            <dd>
              <b>{one.label}</b>
            </dd>
            <dt>File</dt>
            <dd className="path">{one.path}</dd>
          </dl>
        </>
      )}
    </Dialog>
  );
}

function Whole({ one }: { one: Wrong[number] }) {
  const [failed, setFailed] = useState(false);
  if (failed)
    return (
      <p className="muted">
        The image cannot be shown: its dataset was taken off the list, or its folder is away. What was predicted stays.
      </p>
    );
  return <img src={imageUrl(one.itemId)} alt={`${one.path}, labelled ${one.label}`} onError={() => setFailed(true)} />;
}
