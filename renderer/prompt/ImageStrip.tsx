// A few images and what the captions make of each: the likeliest classes, the true one marked.
import { Check, Pin, Shuffle, X } from 'lucide-react';
import { percent } from '../../shared/chart/words.ts';
import type { CaptionScore } from '../../shared/contract.ts';
import { Button } from '../ui/controls.tsx';
import { useKeys } from '../ui/keys.ts';
import { Thumb } from '../ui/Thumb.tsx';
import { type Scored, SHOWN, type ShownImage } from './useScore.ts';

const TOP = 3;

export function ImageStrip({ scored }: { scored: Scored }) {
  const { images, score } = scored;
  useKeys([{ keys: 'O', label: 'Other images', group: 'Prompt', run: scored.next }]);
  return (
    <section className="pane image-strip" aria-label="Chosen images">
      <div className="row">
        <h3>What it says to these images, %</h3>
        <span className="muted small">click one to keep it</span>
        <span className="spacer" />
        <Button size="small" keys="O" icon={<Shuffle size={13} />} onClick={scored.next}>
          Other images
        </Button>
      </div>
      <ul>
        {images.length === 0 && <Places />}
        {images.map((image) => (
          <ImageCard
            key={image.id}
            image={image}
            kept={scored.kept.has(image.id)}
            onKeep={() => scored.keep(image)}
            score={score}
            chosen={score?.chosen.find((one) => one.itemId === image.id)}
          />
        ))}
      </ul>
    </section>
  );
}

/** As tall as the cards that come. */
const Places = () =>
  Array.from({ length: SHOWN }, (_, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same.
    <li key={i} aria-hidden="true">
      <span className="keep">
        <span className="thumb" />
      </span>
      <span className="row verdict" />
      {Array.from({ length: TOP }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same.
        <span key={row} className="said" />
      ))}
    </li>
  ));

type CardProps = {
  image: ShownImage;
  kept: boolean;
  onKeep(): void;
  score: CaptionScore | undefined;
  chosen: CaptionScore['chosen'][number] | undefined;
};

function ImageCard({ image, kept, onKeep, score, chosen }: CardProps) {
  const said = chosen && score ? topOf(chosen.probabilities, score.classes, TOP) : [];
  const right = chosen !== undefined && said[0]?.name === chosen.label;
  return (
    <li>
      <button
        type="button"
        className="keep"
        aria-pressed={kept}
        aria-label={`Keep ${image.path}`}
        title={`${image.path}: click to keep it when others are shown`}
        onClick={onKeep}
      >
        <Thumb hash={image.hash} />
        {kept && <Pin size={14} aria-hidden="true" />}
      </button>
      <span className="row verdict">
        {chosen &&
          (right ? (
            <Check size={12} className="good" aria-label="right" />
          ) : (
            <X size={12} className="bad" aria-label="wrong" />
          ))}
        <span className="clip">{chosen?.label ?? '…'}</span>
      </span>
      {Array.from({ length: TOP }, (_, i) => {
        const one = said[i];
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its rank.
          <span key={i} className={one?.name === chosen?.label ? 'said true-class' : 'said'}>
            <i style={{ width: `${(one?.p ?? 0) * 100}%` }} />
            <span className="clip">{one?.name ?? ''}</span>
            <span className="num">{one ? percent(one.p, 0) : ''}</span>
          </span>
        );
      })}
    </li>
  );
}

/** The likeliest classes with their probabilities, best first. */
export function topOf(
  probabilities: readonly number[],
  classes: readonly string[],
  n: number,
): { name: string; p: number }[] {
  return probabilities
    .map((p, i) => ({ name: classes[i] ?? '', p }))
    .sort((a, b) => b.p - a.p)
    .slice(0, n);
}
