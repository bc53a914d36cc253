// Where announcements are put for screen readers.
import { said } from './live.ts';
import { useStore } from './store.ts';

export function LiveRegion() {
  const { text, n } = useStore(said);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      <span key={n}>{text}</span>
    </div>
  );
}
