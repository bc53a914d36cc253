// The strip under the top bar: the engine's death, and notices that no call was waiting for.
import { useEffect, useState } from 'react';
import { isDesktop } from '../host.ts';
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
      {status === 'lost' && <Lost />}
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

/** The window starts a new engine by itself; a browser's engine is the server, and a new one has another address. */
function Lost() {
  if (!isDesktop)
    return (
      <Note kind="warn">
        <b>The lab was stopped.</b> Start it again with npm start and open the address it prints. Nothing that was saved
        is lost; what was running can be resumed under Runs.
      </Note>
    );
  return (
    <Note
      kind="warn"
      actions={
        <Button size="small" onClick={() => go('runs', {})}>
          Open Runs
        </Button>
      }
    >
      <b>The engine stopped. Restarting…</b> What was running can be resumed under Runs. Nothing that was saved is lost.
    </Note>
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
