// What a screen shows while there are no labelled images: why it needs them, and the one next step.
import type { ReactNode } from 'react';
import { Button, Empty, ErrorNote } from './controls.tsx';
import { IMPORTING, useImport } from './importing.ts';

export function ImportFirst({ title = 'No dataset yet', children }: { title?: string; children: ReactNode }) {
  const own = useImport();
  return (
    <>
      <Empty
        title={title}
        action={
          <Button kind="primary" disabled={own.busy && IMPORTING} onClick={() => own.start({})}>
            Import a folder
          </Button>
        }
      >
        {children}
      </Empty>
      <ErrorNote error={own.error} onClose={own.clear} />
    </>
  );
}
