// A method's marker as a small picture beside its name: the same shape and colour as in the chart.
import type { MethodId } from '../../shared/report.ts';
import { type MarkerShape, METHODS } from './methods.ts';

/** The outline of a marker of radius `r` around (x, y), for charts and icons alike; '' for none. */
export function markerPath(shape: MarkerShape, x: number, y: number, r = 4): string {
  if (shape === 'circle') return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  if (shape === 'diamond')
    return `M${x} ${y - r * 1.25}l${r * 1.25} ${r * 1.25}l${-r * 1.25} ${r * 1.25}l${-r * 1.25} ${-r * 1.25}z`;
  if (shape === 'square') return `M${x - r * 0.9} ${y - r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}z`;
  if (shape === 'triangle') return `M${x} ${y - r * 1.25}l${r * 1.2} ${r * 2.1}h${-r * 2.4}z`;
  return '';
}

export function MethodMark({ method, hollow = false }: { method: MethodId; hollow?: boolean }) {
  const look = METHODS[method];
  return (
    <svg width="18" height="10" viewBox="0 0 18 10" aria-hidden="true">
      <path
        d="M0 5H18"
        stroke={look.colour}
        strokeWidth="1.5"
        strokeDasharray={look.dashed ? '4 3' : undefined}
        fill="none"
      />
      {look.marker !== 'none' && (
        <path
          d={markerPath(look.marker, 9, 5, 3.4)}
          fill={hollow ? 'var(--panel)' : look.colour}
          stroke={look.colour}
          strokeWidth="1.2"
        />
      )}
    </svg>
  );
}
