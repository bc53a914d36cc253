// A method's marker as a small picture beside its name: the same shape and colour as in the chart.
import { markerPath } from '../../shared/chart/style.ts';
import type { MethodId } from '../../shared/report.ts';
import { METHODS } from './methods.ts';

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
          d={markerPath(look.marker, 9, 5, 0.85)}
          fill={hollow ? 'var(--panel)' : look.colour}
          stroke={look.colour}
          strokeWidth="1.2"
        />
      )}
    </svg>
  );
}
