// A method to choose: its mark and name, what it does on hover and focus; struck through with the reason where it does not apply.
import type { MethodId } from '../../shared/report.ts';
import { Hint } from './controls.tsx';
import { MethodMark } from './MethodMark.tsx';
import { METHODS } from './methods.ts';

type Props = {
  method: MethodId;
  pressed: boolean;
  /** Why it does not apply; null where it does. */
  reason: string | null;
  onPress(): void;
};

export function MethodChip({ method, pressed, reason, onPress }: Props) {
  return (
    <Hint text={reason ?? METHODS[method].about}>
      <button
        type="button"
        className={reason === null ? 'chip' : 'chip off'}
        aria-pressed={pressed}
        aria-disabled={reason !== null}
        onClick={() => reason === null && onPress()}
      >
        <MethodMark method={method} />
        {METHODS[method].name}
      </button>
    </Hint>
  );
}
