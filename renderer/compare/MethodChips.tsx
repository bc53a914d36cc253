// The methods above the chart: a click hides a line; what could not be used says why.
import type { Comparison } from '../../shared/contract.ts';
import type { MethodId } from '../../shared/report.ts';
import { useCall } from '../lab.ts';
import { Hint } from '../ui/controls.tsx';
import { plural } from '../ui/format.ts';
import { MethodMark } from '../ui/MethodMark.tsx';
import { METHODS } from '../ui/methods.ts';
import { methodsLeftOut } from './run.ts';

type Props = {
  comparison: Comparison;
  methods: MethodId[];
  hidden: ReadonlySet<MethodId>;
  onHidden(hidden: ReadonlySet<MethodId>): void;
};

export function MethodChips({ comparison, methods, hidden, onHidden }: Props) {
  const models = useCall('model.list', {}).data ?? [];
  const seeds = Math.max(0, ...comparison.summary.map((row) => row.seeds));
  const toggle = (method: MethodId) => {
    const next = new Set(hidden);
    if (!next.delete(method)) next.add(method);
    onHidden(next);
  };
  return (
    <div className="row chips-row">
      <fieldset className="row wrap bare" aria-label="Methods in the chart">
        {methods.map((method) => (
          <Hint key={method} text={hidden.has(method) ? 'Show its line' : METHODS[method].about}>
            <button
              type="button"
              className={hidden.has(method) ? 'chip hidden-line' : 'chip'}
              aria-pressed={!hidden.has(method)}
              onClick={() => toggle(method)}
            >
              <MethodMark method={method} />
              {METHODS[method].name}
            </button>
          </Hint>
        ))}
        {methodsLeftOut(comparison, models).map(({ method, reason }) => (
          <Hint key={method} text={reason}>
            <button
              type="button"
              className="chip off"
              aria-disabled="true"
              aria-label={`${METHODS[method].name} is not in this run: ${reason}`}
            >
              {METHODS[method].name}
            </button>
          </Hint>
        ))}
      </fieldset>
      <span className="spacer" />
      <span className="muted num nowrap run-size">
        {seeds > 0 && `${plural(seeds, 'seed')} · `}
        {comparison.testItems > 0 && plural(comparison.testItems, 'test image')}
      </span>
    </div>
  );
}
