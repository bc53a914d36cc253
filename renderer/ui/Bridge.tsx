// The strip under the top bar: the engine's death, and notices that no call was waiting for.
import { useEffect, useState } from 'react';
import { line, useLine } from '../lab.ts';
import { Button, Note } from './controls.tsx';
import { go } from './navigation.ts';
import { closeNotice, notices } from './notices.ts';
import { useStore } from './store.ts';

export function Bridge() {
  const { status } = useLine();
  const late = useLate(status !== 'open', 500);
  const told = useStore(notices);
  return (
    <div className="bridge">
      {status === 'lost' && (
        <Note
          kind="warn"
          actions={
            <Button size="small" onClick={() => go('runs', {})}>
              Open Runs
            </Button>
          }
        >
          <b>The engine stopped. Restarting…</b> What was running can be resumed under Runs. Nothing that was saved is
          lost.
        </Note>
      )}
      {status === 'connecting' && late && <Note kind="plain">Waiting for the engine to start.</Note>}
      {told.map((notice) => (
        <Note
          key={notice.id}
          kind={notice.level === 'info' ? 'info' : notice.level === 'warn' ? 'warn' : 'bad'}
          onClose={() => closeNotice(notice.id)}
        >
          {notice.text}
        </Note>
      ))}
    </div>
  );
}

/** True when `on` has held for `ms`: a short wait shows nothing. */
export function useLate(on: boolean, ms: number): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (!on) return;
    const timer = setTimeout(() => setLate(true), Math.max(0, ms - (Date.now() - line.get().since)));
    return () => clearTimeout(timer);
  }, [on, ms]);
  return late;
}
