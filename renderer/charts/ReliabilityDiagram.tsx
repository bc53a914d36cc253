// How far the stated confidence can be trusted: accuracy in each bin against its mean confidence, with the counts.
import { type KeyboardEvent, useState } from 'react';
import { count, percent } from '../../shared/chart/words.ts';
import type { PointDetail } from '../../shared/report.ts';
import './charts.css';

type Bins = PointDetail['reliability'];

const HEIGHT = 130;
const LEFT = 26;

const compact = (n: number): string => (n < 1000 ? String(n) : `${Math.round(n / 1000)}k`);

export function binSentence(bin: Bins[number]): string {
  if (bin.count === 0) return `No prediction with a confidence of ${percent(bin.lo, 0)} to ${percent(bin.hi, 0)} %`;
  return `${count(bin.count, 'prediction')} with ${percent(bin.confidence)} % mean confidence: ${percent(bin.accuracy)} % right`;
}

export function ReliabilityDiagram({ bins, width }: { bins: Bins; width: number }) {
  const [at, setAt] = useState<number | null>(null);
  const plot = width - LEFT - 2;
  const x = (fraction: number) => LEFT + fraction * plot;
  const y = (fraction: number) => 6 + (1 - fraction) * HEIGHT;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setAt((before) => Math.max(0, Math.min(bins.length - 1, (before ?? -1) + step)));
  };
  const told = at === null ? null : bins[at];
  return (
    <div className="reliability">
      <svg
        width={width}
        height={HEIGHT + 46}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move from bin to bin, which the line below speaks.
        tabIndex={0}
        role="application"
        aria-label="Reliability diagram: accuracy against confidence; arrow keys move from bin to bin"
        onKeyDown={onKeyDown}
        onBlur={() => setAt(null)}
        onPointerLeave={() => setAt(null)}
      >
        {[0, 0.5, 1].map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={LEFT + plot} y1={y(tick)} y2={y(tick)} stroke="var(--line)" />
            <text x={LEFT - 5} y={y(tick) + 3.5} textAnchor="end">
              {percent(tick, 0)}
            </text>
            <text x={x(tick)} y={HEIGHT + 40} textAnchor={tick === 0 ? 'start' : tick === 1 ? 'end' : 'middle'}>
              {tick === 0.5 ? 'confidence, %' : percent(tick, 0)}
            </text>
          </g>
        ))}
        {bins.map((bin, i) => (
          <Bin key={bin.lo} bin={bin} x={x} y={y} told={at === i} onPoint={() => setAt(i)} />
        ))}
        <path className="diagonal" d={`M${x(0)} ${y(0)}L${x(1)} ${y(1)}`} />
      </svg>
      <p className="told-line small" aria-live="polite">
        {told ? binSentence(told) : 'Bar: accuracy of the bin. Dot: its mean confidence. Below: predictions.'}
      </p>
    </div>
  );
}

type BinProps = {
  bin: Bins[number];
  x(fraction: number): number;
  y(fraction: number): number;
  told: boolean;
  onPoint(): void;
};

function Bin({ bin, x, y, told, onPoint }: BinProps) {
  const [left, width] = [x(bin.lo) + 0.5, x(bin.hi) - x(bin.lo) - 1];
  return (
    <g onPointerMove={onPoint}>
      <rect className="surface" x={left} y={y(1)} width={width} height={HEIGHT + 20} />
      {told && <rect className="told-bin" x={left} y={y(1)} width={width} height={HEIGHT + 20} />}
      {bin.count > 0 && (
        <>
          <rect
            x={left}
            y={y(bin.accuracy)}
            width={width}
            height={y(0) - y(bin.accuracy)}
            fill="var(--m-probe)"
            opacity={0.75}
          />
          <circle cx={x(bin.confidence)} cy={y(bin.confidence)} r={2.5} fill="var(--text)" />
          <text className="bin-count" x={left + width / 2} y={HEIGHT + 19} textAnchor="middle">
            {compact(bin.count)}
          </text>
        </>
      )}
    </g>
  );
}
