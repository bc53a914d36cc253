// Recall of each class, the weakest first: name, bar, percent, and of how many images.
import { percent } from '../../shared/chart/words.ts';
import './charts.css';

export type ClassRecall = { name: string; right: number; total: number };

/** From a confusion matrix; classes without a test image are left out. */
export function recallOf(classes: readonly string[], confusion: readonly (readonly number[])[]): ClassRecall[] {
  return classes
    .map((name, i) => ({
      name,
      right: confusion[i]?.[i] ?? 0,
      total: (confusion[i] ?? []).reduce((sum, n) => sum + n, 0),
    }))
    .filter(({ total }) => total > 0)
    .sort((a, b) => a.right / a.total - b.right / b.total || a.name.localeCompare(b.name));
}

export function PerClassBars({ recalls }: { recalls: ClassRecall[] }) {
  return (
    <ul className="class-bars" aria-label="Recall of each class, the weakest first">
      {recalls.map(({ name, right, total }) => (
        <li key={name}>
          <span className="clip" title={name}>
            {name}
          </span>
          <span className="recall-bar" aria-hidden="true">
            <i style={{ width: `${(100 * right) / total}%` }} />
          </span>
          <span className="num">{percent(right / total, 0)} %</span>
          <span className="num muted">
            {right} of {total}
          </span>
        </li>
      ))}
    </ul>
  );
}
